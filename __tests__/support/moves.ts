/** Changes over to another health path and another service port. */
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
  /** What a user is told to deploy first. */
  readonly told: string;
}

export interface Asked {
  readonly path: string;
  readonly port: number;
}

const before: Asked = { path: "/health", port: 80 };
/** Each alone. */
export const moves: readonly Move[] = [
  {
    what: "health path",
    first: { healthCheck: { nextPath: "/up-9b1c" } },
    then: { healthCheck: { path: "/up-9b1c" } },
    from: before,
    to: { ...before, path: "/up-9b1c" },
    told: 'healthCheck.nextPath: "/up-9b1c"',
  },
  {
    what: "service port",
    first: { service: { nextPort: 8080 } },
    then: { service: { port: 8080 } },
    from: before,
    to: { ...before, port: 8080 },
    told: "service.nextPort: 8080",
  },
];

export const both: Move = {
  what: "health path and service port at once",
  first: { healthCheck: { nextPath: "/up-9b1c" }, service: { nextPort: 8080 } },
  then: { healthCheck: { path: "/up-9b1c" }, service: { port: 8080 } },
  from: before,
  to: { path: "/up-9b1c", port: 8080 },
  told: 'healthCheck.nextPath: "/up-9b1c" and service.nextPort: 8080',
};
