/** The service port: the API itself and the health check that the balancer asks. */
import Fastify from "fastify";
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifyServerOptions } from "fastify";
import type { Config } from "./config.ts";
import type { Life } from "./life.ts";
import { FailuresOnly } from "./logging.ts";
import { addSlow } from "./slow.ts";
import { normalised, sourceList } from "./sources.ts";

/** Request header of the rollout's own requests through the balancer. */
export const WITNESS_HEADER = "x-evenkeel-witness";

/** Builds the service port without listening. */
export function buildService(config: Config, life: Life, logger: FastifyServerOptions["logger"]): FastifyInstance {
  const service = Fastify({
    ...options(config),
    logger: logger ?? false,
    // A path that cannot be decoded never reaches the hooks below.
    frameworkErrors: (error, request, reply) => {
      count(life, request, reply);
      closeUnlessServing(life, reply);
      void (reply as FastifyReply).send(error);
    },
  });
  service.server.on("connection", (socket) => life.connections.opened(socket));
  answerProbes(service, config, life);
  service.addHook("onSend", (_request, reply, _payload, next) => {
    closeUnlessServing(life, reply);
    next();
  });
  addRoutes(service, life);
  return service;
}

function options({ keepAliveSeconds }: Config) {
  return {
    keepAliveTimeout: keepAliveSeconds * 1000,
    // Later than the keep-alive timeout, or Node could take a connection that waits for its next request for a slow sender.
    http: { headersTimeout: (keepAliveSeconds + 1) * 1000 },
    logController: new FailuresOnly(),
    // A request that still arrives on an open connection while stopping is served, not refused: nobody would repeat it.
    return503OnClosing: false,
  };
}

/** `GET /` tells processes apart. */
function addRoutes(service: FastifyInstance, life: Life): void {
  const id = Math.random();
  service.get("/", () => ({ api: "happy response", id, release: life.release }));
  addSlow(service);
}

/**
 * A probe is a health request that did not come through the balancer. It is answered here, ahead of the router, which does
 * not know the path: so a health request from outside is a 404 like any unknown path and can neither find nor forge evidence.
 */
function answerProbes(service: FastifyInstance, config: Config, life: Life): void {
  const { healthPath, nextHealthPath, localSources } = config;
  const isOwn = sourceList(localSources);
  service.addHook("onRequest", (request, reply, next) => {
    if (!isProbe(request, healthPath, nextHealthPath)) {
      count(life, request, reply);
      next();
      return;
    }
    const passed = life.state === "serving";
    const source = sourceOf(request);
    if (source !== undefined && !isOwn(source)) reply.raw.once("finish", () => life.probed(source, passed));
    void reply.code(passed ? 200 : 503).send({ status: passed ? "ok" : "shutdown" });
  });
}

function isProbe({ method, url, headers }: FastifyRequest, ...paths: readonly (string | undefined)[]): boolean {
  return method === "GET" && paths.includes(url.split("?", 1)[0]) && headers["x-forwarded-for"] === undefined;
}

/** The asking address, or undefined when the connection is gone already: that probe will not see its answer. */
function sourceOf(request: FastifyRequest): string | undefined {
  const address = request.raw.socket.remoteAddress;
  return address === undefined ? undefined : normalised(address);
}

function count(life: Life, { raw, headers }: FastifyRequest, reply: FastifyReply): void {
  life.requested(headers[WITNESS_HEADER] !== undefined);
  reply.raw.once("finish", life.connections.begin(raw.socket));
}

/** So that the balancer does not keep a connection to a process that is about to go. */
function closeUnlessServing(life: Life, reply: FastifyReply): void {
  if (life.state !== "serving") void reply.header("connection", "close");
}
