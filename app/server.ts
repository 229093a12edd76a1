/**
 * The process: reads the environment, listens, and leaves on a signal. The variables are those of {@link Config}.
 * Exit codes: 0 stopped by SIGTERM or SIGINT with nothing cut off · 1 could not listen · 2 environment not usable ·
 * 128 + signal number after a second signal.
 */
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import type { FastifyInstance } from "fastify";
import { buildApp } from "./app.ts";
import type { App } from "./app.ts";
import { buildArticle } from "./article.ts";
import { BadEnvironment, readConfig } from "./config.ts";
import type { Config } from "./config.ts";
import { defaultGateway } from "./sources.ts";

/** Pino's own destination writes from another thread: lines change places and the last ones race the exit. */
const logger = { stream: process.stdout };
// Nobody reading the log is no reason to stop serving.
process.stdout.on("error", () => undefined);

const config = configOrExit();
if (config.contract === "article") await serveArticle(config);
else await serve(config);

function configOrExit(): Config {
  try {
    return readConfig(process.env, defaultGateway(routeTable()));
  } catch (error) {
    if (!(error instanceof BadEnvironment)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(2);
  }
}

/** Linux only; elsewhere there is no container to look out of. */
function routeTable(): string {
  try {
    return readFileSync("/proc/net/route", "utf8");
  } catch {
    return "";
  }
}

async function serve({ port, host, controlPort, controlHost }: Config): Promise<void> {
  const app = buildApp(config, logger);
  const { service, control, life } = app;
  const isStopping = stopOnSignal(app);
  try {
    // The control port first: whoever passes its first probe can be drained.
    await control.listen({ port: controlPort, host: controlHost });
    await service.listen({ port, host });
    service.log.info({ instance: life.instance, release: life.release, ...ports(app) }, "start");
  } catch (error) {
    if (isStopping()) return;
    service.log.fatal({ err: error }, "start failed");
    exitLogged(1);
  }
}

/** The article's process 1 installs no signal handler, and neither does this. */
async function serveArticle({ port, host, slowRoute }: Config): Promise<void> {
  const app = buildArticle(logger, slowRoute);
  try {
    await app.listen({ port, host });
    app.log.info({ contract: "article", port: portOf(app) }, "start");
  } catch (error) {
    app.log.fatal({ err: error }, "start failed");
    exitLogged(1);
  }
}

function ports({ service, control }: App): { port: number | undefined; controlPort: number | undefined } {
  return { port: portOf(service), controlPort: portOf(control) };
}

/** The port that a server listens on, which the environment does not tell when it asked for a free one. */
function portOf({ server }: FastifyInstance): number | undefined {
  const address = server.address();
  return typeof address === "object" ? address?.port : undefined;
}

/** The first signal stops in order, the second at once. Gives back whether a signal has come. */
function stopOnSignal(app: App): () => boolean {
  const { log } = app.service;
  let stopping = false;
  const leave = async (): Promise<void> => {
    await app.stop();
    log.info("stopped");
    exitLogged(0);
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(128 + constants.signals[signal]);
      stopping = true;
      log.info({ signal }, "stop");
      void leave();
    });
  }
  return () => stopping;
}

/** Ends the process when the log is written. Explicitly: the timer of a request whose client has gone would keep it. */
function exitLogged(code: number): void {
  process.stdout.write("", () => process.exit(code));
}
