/** The control port: how the rollout on the droplet takes the process out of rotation and reads its life. */
import Fastify from "fastify";
import type { FastifyBaseLogger, FastifyInstance } from "fastify";
import type { Life, Lifecycle } from "./life.ts";
import { FailuresOnly } from "./logging.ts";

/** Builds the control port without listening. Its log lines go to the service port's log. */
export function buildControl(life: Life, log: FastifyBaseLogger): FastifyInstance {
  // It closes last, when nobody is left to be served: a caller's idle connection must not hold up the exit.
  const control = Fastify({ loggerInstance: log, logController: new FailuresOnly(), forceCloseConnections: true });
  ignoreBodies(control);
  control.get("/lifecycle", (): Lifecycle => life.report());
  control.post("/drain", (): Lifecycle => {
    if (life.drain()) log.info({ instance: life.instance }, "drain");
    return life.report();
  });
  control.delete("/drain", (): Lifecycle => {
    if (life.state === "stopping") throw stopping();
    if (life.undrain()) log.info({ instance: life.instance }, "undrain");
    return life.report();
  });
  return control;
}

/** Small clients such as BusyBox wget name a content type even for an empty body; Fastify would answer 415. */
function ignoreBodies(control: FastifyInstance): void {
  control.removeAllContentTypeParsers();
  control.addContentTypeParser("*", (_request, body, done) => {
    body.resume();
    done(null);
  });
}

function stopping(): Error {
  return Object.assign(new Error("the process is stopping and cannot serve again; start a new one"), {
    statusCode: 409,
    code: "STOPPING",
  });
}
