/** Changes over to another health path, another health port and another service port. */
import type { FleetConfig } from "../../constructs/index.js";

export interface Move {
  readonly what: string;
  /** Hosts answer both. */
  readonly first: FleetConfig;
  /** The balancer changes over, then hosts answer the new one only. */
  readonly then: FleetConfig;
  /** Where the balancer asks before and after. */
  readonly from: Asked;
  readonly to: Asked;
  /** What becomes of each host in the first deploy and in the second: other ports alone replace no container. */
  readonly actions: readonly ["kept" | "replaced", "kept" | "replaced"];
  /** What a user is told to deploy first. */
  readonly told: string;
}

export interface Asked {
  readonly path: string;
  readonly port: number;
  /** Port that requests are sent to. */
  readonly target: number;
}

const before: Asked = { path: "/health", port: 8086, target: 80 };
/** Each alone. */
export const moves: readonly Move[] = [
  {
    what: "health path",
    first: { healthCheck: { nextPath: "/up-9b1c" } },
    then: { healthCheck: { path: "/up-9b1c" } },
    from: before,
    to: { ...before, path: "/up-9b1c" },
    actions: ["replaced", "replaced"],
    told: 'healthCheck.nextPath: "/up-9b1c"',
  },
  {
    what: "health port",
    first: { healthCheck: { nextPort: 8090 } },
    then: { healthCheck: { port: 8090 } },
    from: before,
    to: { ...before, port: 8090 },
    actions: ["kept", "kept"],
    told: "healthCheck.nextPort: 8090",
  },
  {
    what: "service port",
    first: { service: { nextPort: 8080 } },
    then: { service: { port: 8080 } },
    from: before,
    to: { ...before, target: 8080 },
    actions: ["kept", "replaced"],
    told: "service.nextPort: 8080",
  },
];

export const both: Move = {
  what: "health path and both ports at once",
  first: { healthCheck: { nextPath: "/up-9b1c", nextPort: 8090 }, service: { nextPort: 8080 } },
  then: { healthCheck: { path: "/up-9b1c", port: 8090 }, service: { port: 8080 } },
  from: before,
  to: { path: "/up-9b1c", port: 8090, target: 8080 },
  actions: ["replaced", "replaced"],
  told: 'healthCheck.nextPath: "/up-9b1c" and healthCheck.nextPort: 8090 and service.nextPort: 8080',
};
