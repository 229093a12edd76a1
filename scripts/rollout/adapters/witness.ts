/** Requests through the balancer, as clients send them. */
import { Agent, request } from "undici";
import { isStatus } from "../core/prober.js";
import type { BalancerEndpoint, Witness, WitnessReport } from "../ports.js";

/** Milliseconds for a connection, for the head of an answer, between two parts of its body, and for all of its body. */
const TIMEOUT_MS = 10_000;
const AT_ONCE = 10;

export interface WitnessOptions {
  /** Milliseconds after which an answer that is still being sent counts as one. @default 10000 */
  readonly limitMs?: number;
  /** All requests share one connection to the balancer, one after the other, as a browser's may. @default false - each has one of its own, as a new client's */
  readonly keepsConnection?: boolean;
}

interface Outcome {
  readonly failure: string | null;
  readonly tookMs: number;
}

export class HttpWitness implements Witness {
  readonly #agent: Agent;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #limitMs: number;

  constructor(
    private readonly endpoint: BalancerEndpoint,
    { limitMs = TIMEOUT_MS, keepsConnection = false }: WitnessOptions = {},
  ) {
    const { serverName } = endpoint;
    this.#limitMs = limitMs;
    this.#headers = serverName === undefined ? {} : { host: serverName };
    // `pipelining: 0` closes every connection after its request.
    this.#agent = new Agent({
      ...(keepsConnection ? { pipelining: 1, connections: 1 } : { pipelining: 0 }),
      connect: { timeout: TIMEOUT_MS, ...(serverName !== undefined && { servername: serverName }) },
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
    });
  }

  async whyUnreachable(): Promise<string | null> {
    const [failure] = (await this.send(1)).failures;
    return failure === undefined || isStatus(failure) ? null : failure;
  }

  /** In waves. One without any answer is the last: where the balancer hangs, each more would take as long as its timeout. */
  async send(count: number): Promise<WitnessReport> {
    const outcomes: Outcome[] = [];
    for (let hangs = false; !hangs && outcomes.length < count;) {
      const wave = Array.from({ length: Math.min(AT_ONCE, count - outcomes.length) }, () => this.#timed());
      const ends = await Promise.all(wave);
      outcomes.push(...ends);
      hangs = !ends.some(({ failure }) => failure === null || isStatus(failure));
    }
    const answered = outcomes.filter(({ failure }) => failure === null);
    return {
      sent: outcomes.length,
      answered: answered.length,
      failures: outcomes.flatMap(({ failure }) => failure ?? []),
      slowestMs: Math.max(0, ...answered.map(({ tookMs }) => tookMs)),
    };
  }

  close(): Promise<void> {
    return this.#agent.close();
  }

  async #timed(): Promise<Outcome> {
    const beganMs = performance.now();
    const failure = await this.#one();
    return { failure, tookMs: performance.now() - beganMs };
  }

  /** Null when answered, else why not. An answer that is still being sent when the time is up is one: some go on for as long as one listens. */
  async #one(): Promise<string | null> {
    try {
      const reply = await request(this.endpoint.url, { dispatcher: this.#agent, headers: this.#headers });
      const untilMs = performance.now() + this.#limitMs;
      // Read to its end, not dumped: an answer that is cut off on the way is a failed one. Nothing of it is kept.
      for await (const part of reply.body as AsyncIterable<Buffer>) {
        if (part.length > 0 && performance.now() > untilMs) break;
      }
      return reply.statusCode < 500 ? null : String(reply.statusCode);
    } catch (error) {
      return error instanceof Error && "code" in error ? String(error.code) : String(error);
    }
  }
}
