/** What the guard is told: all that is declared, and nothing that only an apply knows, as it runs before any resource is touched. */
import type { z } from "zod";
import { fleetFields, loadBalancer } from "./config.js";
import { record, text } from "./fields.js";
import { healthCheck, observedCheck, rolloutPolicy, service, sshAccess } from "./policy.js";

const word = text("1 to 255 letters, digits, :, ., - and _", /^[A-Za-z0-9][A-Za-z0-9:._-]{0,254}$/);

export const guardInput = record({
  /** Name of the fleet: the folder on the hosts. */
  fleet: word,
  /** Tag that the balancer matches. */
  fleetTag: word,
  /** Tag of every droplet that this stack created. */
  stackTag: word,
  dropletCount: fleetFields.shape.dropletCount,
  /** Name of the balancer, should several match the tag. */
  balancerName: word,
  sizeUnit: loadBalancer.shape.sizeUnit,
  /** Path that the balancer will ask. */
  healthPath: observedCheck.shape.path,
  /** Port that the balancer will ask. */
  healthPort: healthCheck.shape.port,
  /** Port that the balancer will send requests to. */
  servicePort: service.shape.port,
  ssh: sshAccess,
  bootTimeoutSeconds: rolloutPolicy.shape.bootTimeoutSeconds,
});
export type GuardInput = z.output<typeof guardInput>;
