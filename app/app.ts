/** Puts the reference API together. Nothing listens yet: server.ts does, and tests inject requests. */
import type { FastifyInstance, FastifyServerOptions } from "fastify";
import type { Config } from "./config.ts";
import { buildControl } from "./control.ts";
import { Life } from "./life.ts";
import { buildService } from "./service.ts";

/** The reference API: two ports and one life. */
export interface App {
  readonly service: FastifyInstance;
  readonly control: FastifyInstance;
  readonly life: Life;
  /** Accepts no connection any more, finishes what is in flight, closes the rest. The control port answers to the end. */
  stop(): Promise<void>;
}

/**
 * Builds the reference API.
 *
 * @param logger Fastify's logger option @default false
 * @param life state and counters @default - a new life on the monotonic clock
 */
export function buildApp(
  config: Config,
  logger: FastifyServerOptions["logger"] = false,
  life: Life = new Life(config.release),
): App {
  const service = buildService(config, life, logger);
  const control = buildControl(life, service.log);
  const stop = async (): Promise<void> => {
    life.stop();
    // Fastify's close() reaches the server a moment later; until then a new connection would be accepted only to be closed.
    service.server.close();
    life.connections.closeWhenIdle();
    await service.close();
    await control.close();
  };
  return { service, control, life, stop };
}
