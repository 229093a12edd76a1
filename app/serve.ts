/** Listens, and leaves on a signal. */
import { constants } from "node:os";
import type { App } from "./app.ts";
import { BadEnvironment, readConfig } from "./config.ts";
import type { Config } from "./config.ts";

/** Pino's own destination writes from another thread: lines change places and the last ones race the exit. */
export const logger = { stream: process.stdout };
// Nobody reading the log is no reason to stop serving.
process.stdout.on("error", () => undefined);

/** The settings. Ends the process with exit code 2 when they cannot be used. */
export function configOrExit(): Config {
  try {
    return readConfig(process.env);
  } catch (error) {
    if (!(error instanceof BadEnvironment)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(2);
  }
}

/** Serves until a signal comes. The first one stops in order, the second at once. */
export async function serve(app: App, { port, host, drainPort, release }: Config): Promise<void> {
  const { log } = app.service;
  const signals: string[] = [];
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      if (signals.push(signal) > 1) process.exit(128 + constants.signals[signal]);
      log.info({ signal }, "stop");
      void app.stop().then(() => exitLogged(0));
    });
  }
  try {
    if (drainPort !== undefined) await app.control.listen({ port: drainPort, host });
    await app.service.listen({ port, host });
    log.info({ release }, "start");
  } catch (error) {
    if (signals.length > 0) return;
    log.fatal({ err: error }, "start failed");
    exitLogged(1);
  }
}

/** Ends the process once the log is written. Explicitly: the timer of a request whose client has gone would keep it. */
export function exitLogged(code: number): void {
  process.stdout.write("", () => process.exit(code));
}
