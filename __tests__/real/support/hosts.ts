/** A balancer in front of plain HTTP servers, each in a namespace of its own, on a real network. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { BalancerSettings } from "../../../lab/balancer-options.js";
import { RealBalancer } from "../../../lab/real/balancer.js";
import { Authority } from "../../../lab/authority.js";
import { Claim } from "../../../lab/real/claim.js";
import { Network } from "../../../lab/real/network.js";
import type { NetworkNode } from "../../../lab/real/network-node.js";

const SCRIPT = fileURLToPath(new URL("host.mjs", import.meta.url));
const PORT = 8080;

export interface Seen {
  readonly atMs: number;
  readonly method: string;
  readonly url: string;
  readonly httpVersion: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly source: string;
}

export class Host {
  #process: ChildProcess | null = null;

  constructor(
    readonly id: string,
    readonly name: string,
    readonly privateAddress: string,
    private readonly node: NetworkNode,
    private readonly folder: string,
  ) {
    mkdirSync(folder);
  }

  async start(): Promise<void> {
    const [command = "", ...before] = this.node.argv;
    const argv = [...before, process.execPath, SCRIPT, this.privateAddress, String(PORT), this.folder];
    this.#process = spawn(command, argv, { stdio: ["ignore", "pipe", "inherit"] });
    if (this.#process.stdout) await once(this.#process.stdout, "data");
  }

  async kill(): Promise<void> {
    if (!this.#process) return;
    const exit = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    this.#process = null;
    await exit;
  }

  set healthy(healthy: boolean) {
    const file = path.join(this.folder, "unhealthy");
    if (healthy) rmSync(file, { force: true });
    else writeFileSync(file, "");
  }

  /** Answers requests to /held that have come. */
  letGo(): void {
    writeFileSync(path.join(this.folder, "let-go"), "");
  }

  get seen(): Seen[] {
    const file = path.join(this.folder, "requests.jsonl");
    if (!existsSync(file)) return [];
    // A last line without its end is still being written.
    return readFileSync(file, "utf8")
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Seen);
  }

  get probes(): Seen[] {
    return this.seen.filter(({ url }) => url === "/health");
  }
}

/** Quick enough for tests. */
const SETTINGS: BalancerSettings = {
  nodes: 1,
  phasesSeconds: [],
  lateSeconds: [],
  check: { path: "/health", port: PORT, intervalSeconds: 0.4, timeoutSeconds: 0.4, fall: 2, rise: 3 },
  entries: [{ entryPort: 80, targetPort: PORT, tls: null }],
  redirectToHttps: false,
  retries: 0,
  backendKeepalive: false,
  idleTimeoutSeconds: 60,
};

export class BalancedHosts {
  readonly hosts: Host[] = [];
  /** What the balancer told of itself. */
  readonly faults: string[] = [];
  #network: Network | null = null;
  #authority: Authority | null = null;
  #balancer: RealBalancer | null = null;

  private constructor(private readonly claim: Claim) {}

  static async start(changes: Partial<BalancerSettings> = {}): Promise<BalancedHosts> {
    const started = new BalancedHosts(await Claim.take());
    try {
      await started.#begin({ ...SETTINGS, ...changes });
      return started;
    } catch (error) {
      await started.end();
      throw error;
    }
  }

  get balancer(): RealBalancer {
    return made(this.#balancer);
  }

  get caFile(): string {
    return made(this.#authority).caFile;
  }

  /** Serves, but does not belong to the balancer yet. */
  async newHost(): Promise<void> {
    const number = this.hosts.length + 1;
    const address = `10.110.0.${number}`;
    const node = await made(this.#network).attach(`api-${number}`, { privateAddresses: [address] });
    const host = new Host(
      String(400_000_000 + number),
      `api-${number}`,
      address,
      node,
      `${this.claim.folder}/${number}`,
    );
    this.hosts.push(host);
    await host.start();
  }

  async newHosts(count: number): Promise<Host[]> {
    while (this.hosts.length < count) await this.newHost();
    return this.hosts;
  }

  async end(): Promise<void> {
    await this.#balancer?.close();
    await Promise.all(this.hosts.map((host) => host.kill()));
    await this.claim.release();
  }

  async #begin(settings: BalancerSettings): Promise<void> {
    const { folder, environment } = this.claim;
    this.#network = await Network.create(this.claim);
    const publicAddress = this.#network.publicAddress(2);
    const nodeAddresses = Array.from({ length: settings.nodes }, (_, index) => `10.110.15.${index + 1}`);
    const { argv } = await this.#network.attach("balancer", { publicAddress, privateAddresses: nodeAddresses });
    this.#authority = await Authority.create(folder);
    this.#balancer = await RealBalancer.start(settings, {
      ...{ argv, folder, environment, publicAddress, nodeAddresses, authority: this.#authority },
      onFault: (fault) => this.faults.push(fault),
    });
  }
}

function made<Value>(value: Value | null): Value {
  if (value === null) throw new Error("not started yet");
  return value;
}
