/**
 * Real ports for a world. They lie below the range that the system takes ports for outgoing connections from, so that none is
 * lost between two starts of a container, and two worlds at once never share one.
 */
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:net";

const CHUNK = 16;
const LOWEST = 15_360;
/** The lowest port for outgoing connections on macOS; on Linux the system says it. */
const HIGHEST_ELSEWHERE = 49_152;

/** Gives out ports of 127.0.0.1, a chunk at a time. A chunk is taken by listening on its first port for as long as it is used. */
export class PortPool {
  readonly #doors: Server[] = [];
  #free: number[] = [];
  #waiting: Promise<unknown> = Promise.resolve();
  #next: number;

  constructor() {
    this.#next = process.pid % chunkCount();
  }

  /** A port that nobody listens on and that stays this world's until {@link release}. */
  take(): Promise<number> {
    const port = this.#waiting.then(() => this.#take());
    this.#waiting = port.catch(() => undefined);
    return port;
  }

  /** Nobody listens on it any more: it is given out again, after all that are free now. */
  give(port: number): void {
    this.#free.push(port);
  }

  async release(): Promise<void> {
    await Promise.all(this.#doors.splice(0).map((door) => new Promise((closed) => door.close(closed))));
  }

  async #take(): Promise<number> {
    for (;;) {
      const port = this.#free.shift();
      if (port === undefined) await this.#takeChunk();
      else if (await isFree(port)) return port;
    }
  }

  async #takeChunk(): Promise<void> {
    for (let tries = chunkCount(); tries > 0; tries -= 1) {
      const first = LOWEST + this.#next * CHUNK;
      this.#next = (this.#next + 1) % chunkCount();
      const door = await listen(first);
      if (!door) continue;
      door.unref();
      this.#doors.push(door);
      this.#free.push(...Array.from({ length: CHUNK - 1 }, (_, index) => first + 1 + index));
      return;
    }
    throw new Error(`no free ports from ${LOWEST} to ${highest()}`);
  }
}

const chunkCount = (): number => Math.floor((highest() - LOWEST) / CHUNK);

let known: number | undefined;
function highest(): number {
  known ??= readHighest();
  return known;
}

function readHighest(): number {
  try {
    const [lowestOutgoing] = readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8").trim().split(/\s+/);
    return Math.max(LOWEST + 100 * CHUNK, Number(lowestOutgoing));
  } catch {
    return HIGHEST_ELSEWHERE;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = await listen(port);
  if (server) await new Promise((closed) => server.close(closed));
  return server !== null;
}

function listen(port: number): Promise<Server | null> {
  return new Promise((settle) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", () => settle(null));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => settle(server));
  });
}
