/** A second load by a public tool, autocannon, so that our own counting is not the only one. */
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { z } from "zod";

export interface AutocannonSettings {
  /** Base URL, such as a balancer's. An HTTPS server's certificate is not checked: autocannon never does. */
  readonly url: string;
  /**
   * Requests a second, each on a kept connection of its own, spread over the second. One that waits for its answer sends nothing meanwhile:
   * unlike our own load this one is not open. Whole. @default 10
   */
  readonly ratePerSecond?: number;
  /** Seconds after which a request counts as failed. @default 30 */
  readonly timeoutSeconds?: number;
}

/** What autocannon counted. */
export interface AutocannonReport {
  readonly sent: number;
  /** Everything that was not answered with 200 to 299. */
  readonly failed: number;
}

/** A load under way. It ends with this process at the latest. */
export interface AutocannonLoad {
  /** Sends nothing more, waits for what is under way and reports. */
  stop(): Promise<AutocannonReport>;
}

const WORKER = fileURLToPath(new URL("autocannon-worker.mjs", import.meta.url));

const counts = z.array(z.object({ sent: z.int(), ok: z.int() }));

export function startAutocannon({ url, ratePerSecond = 10, timeoutSeconds = 30 }: AutocannonSettings): AutocannonLoad {
  const settings = { url, connections: ratePerSecond, timeoutSeconds };
  const worker = execa(process.execPath, [WORKER, JSON.stringify(settings)], {
    stderr: "inherit",
    env: { PATH: process.env["PATH"] },
    extendEnv: false,
  });
  // Whoever stops the load is told of its early end.
  worker.catch(() => undefined);
  return {
    async stop() {
      worker.stdin.end();
      return total(counts.parse(JSON.parse((await worker).stdout)));
    },
  };
}

/**
 * One report of all instances. What failed is told by what was sent and not answered: autocannon's own count of errors leaves out
 * connections that are closed in order before their answer, and counts every try to connect again.
 */
export function total(instances: z.output<typeof counts>): AutocannonReport {
  const sum = (of: "sent" | "ok"): number => instances.reduce((sofar, instance) => sofar + instance[of], 0);
  return { sent: sum("sent"), failed: sum("sent") - sum("ok") };
}
