/**
 * The contract of the article that the fleet grew from: three routes on one port, draining through `GET /shutdown`, no way back,
 * no signal handler. For rehearsing an app that has nothing more.
 */
import Fastify, { LogController } from "fastify";
import type { FastifyInstance, FastifyServerOptions } from "fastify";
import { addSlow } from "./slow.js";

/** Builds the article's app without listening. @param slowRoute adds the long request of load tests */
export function buildArticle(logger: FastifyServerOptions["logger"], slowRoute = false): FastifyInstance {
  const logController = new LogController({ disableRequestLogging: true });
  const app = Fastify({ logger: logger ?? false, logController, exposeHeadRoutes: false });
  const id = Math.random();
  let shutdown = false;
  app.get("/", () => ({ api: "happy response", id }));
  app.get("/health", (_request, reply) =>
    shutdown ? reply.code(503).send({ status: "shutdown" }) : reply.send({ status: "ok" }),
  );
  app.get("/shutdown", () => {
    shutdown = true;
    return { shutdown };
  });
  if (slowRoute) addSlow(app);
  return app;
}
