/** Requests through the balancer, each on a connection of its own, as a new client would send them. */
import { Agent, request } from "undici";
import { WITNESS_HEADER } from "../../../contract/host.js";
import type { BalancerEndpoint, Witness, WitnessReport } from "../ports.js";

const TIMEOUT_MS = 10_000;
const AT_ONCE = 10;

export class HttpWitness implements Witness {
  readonly #agent: Agent;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(
    private readonly endpoint: BalancerEndpoint,
    runId: string,
  ) {
    const { serverName } = endpoint;
    this.#headers = { [WITNESS_HEADER]: runId, ...(serverName !== undefined && { host: serverName }) };
    // `pipelining: 0` closes every connection after its request.
    this.#agent = new Agent({
      pipelining: 0,
      connect: { timeout: TIMEOUT_MS, ...(serverName !== undefined && { servername: serverName }) },
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
    });
  }

  async whyUnreachable(): Promise<string | null> {
    const [failure] = (await this.send(1)).failures;
    return failure === undefined || /^\d{3}$/.test(failure) ? null : failure;
  }

  async send(count: number): Promise<WitnessReport> {
    const outcomes: (string | null)[] = [];
    for (let sent = 0; sent < count; sent += AT_ONCE) {
      const wave = Array.from({ length: Math.min(AT_ONCE, count - sent) }, () => this.#one());
      outcomes.push(...(await Promise.all(wave)));
    }
    const failures = outcomes.filter((outcome) => outcome !== null);
    return { sent: count, answered: count - failures.length, failures };
  }

  close(): Promise<void> {
    return this.#agent.close();
  }

  /** Null when answered, else why not. */
  async #one(): Promise<string | null> {
    try {
      const reply = await request(this.endpoint.url, { dispatcher: this.#agent, headers: this.#headers });
      // Read to its end, not dumped: an answer that is cut off on the way is a failed one.
      await reply.body.arrayBuffer();
      return reply.statusCode < 500 ? null : String(reply.statusCode);
    } catch (error) {
      return error instanceof Error && "code" in error ? String(error.code) : String(error);
    }
  }
}
