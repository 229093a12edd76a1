/**
 * `GET /slow?ms=N` answers after N milliseconds (0 to 60000): the long request of load tests, with which a stop that cuts requests
 * off shows.
 */
import { setTimeout as wait } from "node:timers/promises";
import type { FastifyInstance } from "fastify";

const schema = {
  querystring: {
    type: "object",
    required: ["ms"],
    properties: { ms: { type: "integer", minimum: 0, maximum: 60_000 } },
  },
} as const;

export function addSlow(service: FastifyInstance): void {
  service.get<{ Querystring: { ms: number } }>("/slow", { schema }, async ({ query }) => {
    await wait(query.ms);
    return { waitedMs: query.ms };
  });
}
