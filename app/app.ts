/** Puts the API together. Nothing listens yet: serve.ts does, and tests inject requests. */
import type { ServerResponse } from "node:http";
import { Server as NetServer } from "node:net";
import type { Socket } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import Fastify, { LogController } from "fastify";
import type { FastifyInstance, FastifyReply, FastifyServerOptions } from "fastify";
import type { Config } from "./config.ts";

export interface App {
  /** What clients and the balancer ask. */
  readonly service: FastifyInstance;
  /** `POST /drain`, on a port that only the droplet reaches: needed where the balancer keeps its connections. */
  readonly control: FastifyInstance;
  /** Accepts no connection any more, finishes what is in flight, closes the rest. */
  stop(): Promise<void>;
}

/** @param logger Fastify's logger option @default false */
export function buildApp(config: Config, logger: NonNullable<FastifyServerOptions["logger"]> = false): App {
  /** From then on every answer closes its connection. There is no way back. */
  let leaving = false;
  const closing = (reply: FastifyReply) => (leaving ? reply.header("connection", "close") : reply);

  const service = Fastify({
    logger,
    logController: new NoLinePerRequest(),
    keepAliveTimeout: config.keepAliveSeconds * 1000,
    // A connection that waits for its first request may stay open for as long.
    http: { headersTimeout: (config.keepAliveSeconds + 1) * 1000, requestTimeout: 0 },
    // What still arrives while the process stops is served: nobody would send it again.
    return503OnClosing: false,
    // A path that cannot be decoded never reaches the hooks below.
    frameworkErrors: (error, _request, reply) => void closing(reply as FastifyReply).send(error),
  });
  service.addHook("onSend", (_request, reply, _payload, next) => {
    closing(reply);
    next();
  });
  addRoutes(service, config);

  const control = Fastify({
    ...{ loggerInstance: service.log, logController: new NoLinePerRequest() },
    // A caller's idle connection must not hold up the exit.
    forceCloseConnections: true,
  });
  // Small clients name a content type even for an empty body.
  control.removeAllContentTypeParsers();
  control.addContentTypeParser("*", (_request, body, done) => void body.resume().on("end", () => done(null)));
  control.post("/drain", () => ({ draining: (leaving = true) }));

  const finish = follow(service);
  const stop = async (): Promise<void> => {
    leaving = true;
    await finish();
    await control.close();
  };
  return { service, control, stop };
}

function addRoutes(service: FastifyInstance, { healthPath, nextHealthPath, release }: Config): void {
  const id = Math.random();
  service.get("/", () => ({ api: "happy response", id, release }));

  // Ahead of the router, which would take a path such as /up/:id for a pattern.
  service.addHook("onRequest", (request, reply, next) => {
    const path = request.url.split("?", 1)[0];
    if (request.method === "GET" && (path === healthPath || path === nextHealthPath)) reply.send({ status: "ok" });
    else next();
  });
}

/** Follows connections and answers from now on. Gives back what ends them in order. */
function follow(service: FastifyInstance): () => Promise<void> {
  const connections = new Set<Socket>();
  const answers = new Set<ServerResponse>();
  service.server.on("connection", (socket) => {
    connections.add(socket);
    socket.once("close", () => connections.delete(socket));
  });
  service.server.prependListener("request", (_request, answer) => {
    answers.add(answer);
    answer.once("close", () => answers.delete(answer));
  });
  return async () => {
    // Only listening ends here: close() for HTTP would cut off an answer that is still being sent.
    NetServer.prototype.close.call(service.server);
    while (answers.size > 0) await wait(10);
    // It would also wait for connections that never sent a byte.
    for (const socket of connections) if (socket.bytesRead === 0) socket.destroy();
    await service.close();
  };
}

/** A busy API would bury the lines that matter. What fails still leaves one. */
class NoLinePerRequest extends LogController {
  override incomingRequest(): void {}
  override requestCompleted(): void {}
  override routeNotFound(): void {}
}
