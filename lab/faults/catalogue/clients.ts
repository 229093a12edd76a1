/** Clients that do not let go. */
import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { TroubledWorld } from "../../trouble.js";
import type { Fault } from "../fault.js";

const DRAIN_SECONDS = 3;
const LONG_MS = 40_000;

/** Enough requests that each droplet gets one, which take longer than the drain may. Whether each was answered. */
function longRequests({ balancer, droplets }: TroubledWorld): Promise<boolean[]> {
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

/** Enough connections in another protocol that each droplet holds one, which no client ends. Resolves when all were ended. */
async function openWebsockets({ balancer, droplets }: TroubledWorld): Promise<void> {
  const { hostname, port } = new URL(balancer.url());
  const headers = { connection: "Upgrade", upgrade: "websocket" };
  await Promise.all(
    Array.from({ length: 5 * droplets.length }, async () => {
      const asked = request({ hostname, port, path: "/socket", agent: false, headers }).end();
      const [, socket] = (await once(asked, "upgrade")) as [IncomingMessage, Socket];
      socket.on("error", () => undefined).resume();
      await once(socket, "close");
    }),
  );
}

export const clients: readonly Fault[] = [
  {
    name: "websockets that no client closes",
    phases: ["locked"],
    serving: async (world) => [await world.pushBroken("websocket")],
    fleet: { rollout: { drainTimeoutSeconds: DRAIN_SECONDS } },
    strike: ({ world }) => openWebsockets(world),
    exitCodes: [0],
    tells: "cut",
    // What is handed over from serves on until the time is up, and is stopped when the rollout has ended.
    handedOver: {
      fleet: { rollout: { drainTimeoutSeconds: DRAIN_SECONDS, onDrainTimeout: "cut" } },
      tells: undefined,
    },
  },
  {
    name: "requests longer than the drain may take; the policy halts",
    phases: ["locked"],
    fleet: { rollout: { drainTimeoutSeconds: DRAIN_SECONDS } },
    strike: async ({ world }) => {
      if ((await longRequests(world)).includes(false)) throw new Error("a long request was cut");
    },
    exitCodes: [5],
    error: "DrainTimeout",
    handedOver: { exitCodes: [0], error: undefined, leavesOld: true },
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
    handedOver: { tells: undefined },
  },
  {
    name: "the balancer keeps its connections to droplets open",
    phases: ["before"],
    fleet: { service: { drainPort: 9000 } },
    balancer: { backendKeepalive: true },
    exitCodes: [0],
  },
];
