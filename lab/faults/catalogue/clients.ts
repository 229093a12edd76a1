/** Clients that do not let go. */
import type { EmbeddedWorld } from "../../embedded/site.js";
import type { Fault } from "../fault.js";

const DRAIN_SECONDS = 3;
const LONG_MS = 40_000;

/** Enough requests that each droplet gets one, which take longer than the drain may. Whether each was answered. */
function longRequests({ balancer, droplets }: EmbeddedWorld): Promise<boolean[]> {
  const url = new URL(`/slow?ms=${LONG_MS}`, balancer.url());
  return Promise.all(
    Array.from({ length: 5 * droplets.length }, () =>
      fetch(url, { headers: { connection: "close" } }).then(
        ({ ok }) => ok,
        () => false,
      ),
    ),
  );
}

export const clients: readonly Fault[] = [
  {
    name: "requests longer than the drain may take; the policy halts",
    phases: ["locked"],
    fleet: { rollout: { drainTimeoutSeconds: DRAIN_SECONDS } },
    strike: async ({ world }) => {
      if ((await longRequests(world)).includes(false)) throw new Error("a long request was cut");
    },
    exitCodes: [5],
    error: "DrainTimeout",
  },
  {
    name: "requests longer than the drain may take; the policy cuts",
    phases: ["locked"],
    fleet: { rollout: { drainTimeoutSeconds: DRAIN_SECONDS, onDrainTimeout: "cut" } },
    strike: async ({ world }) => {
      if (!(await longRequests(world)).includes(false)) throw new Error("no long request was cut");
    },
    exitCodes: [0],
    tells: "cut",
  },
  {
    name: "the balancer keeps its connections to droplets open",
    phases: ["before"],
    balancer: { backendKeepalive: true },
    exitCodes: [0],
  },
];
