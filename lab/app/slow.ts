/**
 * The long requests of load tests, with which a stop that cuts requests off shows. `GET /slow?ms=N` answers after N milliseconds (0 to 60000).
 * `POST /upload` answers when the whole body has come, however slowly that does.
 */
import type { IncomingMessage } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import type { FastifyInstance, FastifyRequest } from "fastify";

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
  // A body without a type is left to the route, whatever it holds.
  service.addContentTypeParser("*", (_request: FastifyRequest, _body: unknown, done: (error: null) => void) =>
    done(null),
  );
  service.post("/upload", async ({ raw }) => ({ bytes: await bytesOf(raw) }));
}

async function bytesOf(body: IncomingMessage): Promise<number> {
  let bytes = 0;
  for await (const piece of body) bytes += (piece as Buffer).length;
  return bytes;
}
