/**
 * What is done to a droplet after its creation.
 * @see https://docs.digitalocean.com/reference/api/reference/droplet-actions/
 */
import { z } from "zod";
import type { Droplet } from "./droplet.js";
import { backupPolicy, dropletName } from "./droplet-request.js";
import { machineOf, type Droplets } from "./droplets.js";
import { unprocessable } from "./errors.js";
import type { Identities } from "./identities.js";
import type { Machines } from "./machines.js";
import { sizeOf, sizeSlug } from "./regions.js";
import { created, ok, readBody, type Routes } from "./router.js";
import { Shelf } from "./shelf.js";
import type { Work } from "./work.js";

const plain = <Type extends string>(type: Type) => z.strictObject({ type: z.literal(type) });

const actionRequest = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("rename"), name: dropletName }),
  z.strictObject({ type: z.literal("resize"), size: sizeSlug, disk: z.boolean().default(false) }),
  z.strictObject({ type: z.literal("enable_backups"), backup_policy: backupPolicy.optional() }),
  z.strictObject({ type: z.literal("change_backup_policy"), backup_policy: backupPolicy }),
  ...(["power_on", "power_off", "shutdown", "power_cycle", "reboot"] as const).map(plain),
  ...(["enable_ipv6", "enable_private_networking", "disable_backups"] as const).map(plain),
]);
type ActionRequest = z.output<typeof actionRequest>;

export interface Action {
  readonly id: number;
  readonly type: string;
  readonly started_at: string;
  readonly resource_id: number;
  readonly resource_type: "droplet";
  readonly region_slug: string;
  status: "in-progress" | "completed" | "errored";
  completed_at: string | null;
}

export class DropletActions {
  readonly #actions = new Shelf<Action>();

  constructor(
    private readonly droplets: Droplets,
    private readonly around: { readonly identities: Identities; readonly machines: Machines; readonly work: Work },
  ) {}

  /** Goes on while the caller does. @throws ApiError 404 for an unknown droplet, 422 for what its state forbids */
  start(dropletId: string | number, body: unknown): Action {
    const droplet = this.droplets.get(dropletId);
    const request = readBody(actionRequest, body);
    this.#allow(droplet, request);
    const action = this.#begun(droplet, request.type);
    this.around.work.start(machineOf(droplet.id), () => this.#finish(action, () => this.#do(droplet, request)));
    return action;
  }

  routes(): Routes {
    return {
      "POST /v2/droplets/:id/actions": ({ words: [id = ""], body }) => created({ action: this.start(id, body) }),
      "GET /v2/droplets/:id/actions/:action": ({ words: [, id = ""] }) => ok({ action: this.#actions.get(id) }),
      "GET /v2/actions/:id": ({ words: [id = ""] }) => ok({ action: this.#actions.get(id) }),
    };
  }

  #allow(droplet: Droplet, request: ActionRequest): void {
    const status = this.droplets.status(droplet);
    if (request.type === "power_off" && status === "off") throw unprocessable("Droplet is already powered off");
    if (request.type !== "resize") return;
    if (status !== "off") throw unprocessable("Droplet must be powered off to be resized");
    if (sizeOf(request.size).disk < droplet.disk) {
      throw unprocessable("This size is not available because it has a smaller disk.");
    }
  }

  #begun({ id, region }: Droplet, type: string): Action {
    const number = this.around.identities.nextNumber("action");
    const resource = { resource_id: id, resource_type: "droplet", region_slug: region } as const;
    const times = { started_at: new Date().toISOString(), completed_at: null };
    return this.#actions.put(number, { id: number, status: "in-progress", type, ...times, ...resource });
  }

  async #finish(action: Action, work: () => Promise<void>): Promise<void> {
    let status: Action["status"] = "errored";
    try {
      await work();
      status = "completed";
    } finally {
      Object.assign(action, { status, completed_at: new Date().toISOString() });
    }
  }

  async #do(droplet: Droplet, request: ActionRequest): Promise<void> {
    const id = String(droplet.id);
    const { machines } = this.around;
    switch (request.type) {
      case "rename":
        droplet.name = request.name;
        return;
      case "resize":
        droplet.size = request.size;
        if (request.disk) droplet.disk = sizeOf(request.size).disk;
        return;
      case "power_on":
        return machines.powerOn(id);
      case "power_off":
      case "shutdown":
        return machines.powerOff(id);
      case "power_cycle":
      case "reboot":
        await machines.powerOff(id);
        return machines.powerOn(id);
      case "disable_backups":
        droplet.features.delete("backups");
        return;
      default:
        droplet.features.add(FEATURES[request.type]);
    }
  }
}

const FEATURES = {
  enable_ipv6: "ipv6",
  enable_private_networking: "private_networking",
  enable_backups: "backups",
  change_backup_policy: "backups",
} as const;
