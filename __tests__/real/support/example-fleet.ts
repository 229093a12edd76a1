/** A fleet behind an HAProxy of one's own, set up and rolled out as docs/any-balancer.md says, from the very files that stand there. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect } from "@jest/globals";
import { execa } from "execa";
import { FRONT_HELPER } from "../../../contract/host.js";
import { environmentNames, manifest as manifestSchema, type Manifest } from "../../../contract/manifest.js";
import { parseJson } from "../../../contract/problems.js";
import { startLoad, type LoadReport } from "../../../lab/load/load.js";
import { margin } from "../../../lab/load/margin.js";
import type { Break } from "../../../lab/releases.js";
import type { RealDroplet } from "../../../lab/real/droplet.js";
import { Images, REPOSITORY } from "../../../lab/real/images.js";
import type { RealRegistry } from "../../../lab/real/registry.js";
import { failedBySecond } from "../../support/terraform-fleet.js";
import { Droplets } from "./droplets.js";
import { installFront, ownMachine } from "./own-machines.js";
import { startRegistry } from "./registry.js";

const EXAMPLES = path.resolve("docs/examples");
/** Public addresses of the examples; private ones are the lab's own. */
const DOCUMENTED_RANGE = "203.0.113.";
const RATE = 50;
/** Of the containers' addresses, as the page gives them to each example's machines. */
const RANGES: Readonly<Record<string, string>> = {
  "two-machines": "172.31.255.240/28",
  "one-server": "172.31.255.224/27",
};
const LOGIN = { user: "puller", password: "of-the-registry" };

export interface Ended {
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** With its words in the message where it did not end so. */
export const expectEnded = ({ exitCode, stdout, stderr }: Ended, code: number, words = ""): void =>
  expect({ exitCode, stdout, stderr }).toEqual({ exitCode: code, stdout, stderr: expect.stringContaining(words) });

export function expectUnnoticed(seen: LoadReport): void {
  expect(failedBySecond(seen)).toEqual([]);
  expect(seen.failed).toBe(0);
  expect(seen.sent).toBeGreaterThan(0);
}

export class ExampleFleet {
  readonly machines: RealDroplet[] = [];

  private constructor(
    private readonly name: string,
    private readonly droplets: Droplets,
    private readonly registry: RealRegistry,
    private readonly images: Images,
  ) {}

  /** Boots the machines that the example's manifest names; nothing serves yet. */
  static async start(name: string): Promise<ExampleFleet> {
    const images = await Images.open();
    const droplets = await Droplets.start();
    const accepts = (user: string, password: string) => user === LOGIN.user && password === LOGIN.password;
    const { registry, extras } = await startRegistry(droplets, accepts);
    const fleet = new ExampleFleet(name, droplets, registry, images);
    for (const address of new Set(fleet.manifest.hosts.map((host) => host.address))) {
      const machine = await droplets.order(extras, ownMachine(fleet.manifest.ssh.user));
      if (machine.address !== address)
        throw new Error(`the lab has ${machine.address} where the example has ${address}`);
      fleet.machines.push(machine);
    }
    await Promise.all(fleet.machines.map((machine) => fleet.#setUp(machine)));
    fleet.#writeClientFiles();
    return fleet;
  }

  /** With the lab's addresses in it. */
  text(file: string): string {
    const text = readFileSync(path.join(EXAMPLES, this.name, file), "utf8");
    return text.replaceAll(DOCUMENTED_RANGE, this.droplets.network.publicAddress(0).slice(0, -1));
  }

  get manifest(): Manifest {
    return parseJson(`${this.name}/manifest.json`, manifestSchema, this.text("manifest.json"));
  }

  get url(): string {
    const { scheme, address, port } = this.manifest.loadBalancer;
    return `${scheme}://${address}:${port}/`;
  }

  async installFront(machine: RealDroplet): Promise<void> {
    const { user, port: sshPort } = this.manifest.ssh;
    await installFront(machine, { user, sshPort, range: RANGES[this.name] ?? "" });
  }

  /** What the helper shows of all machines: a line for each front. */
  async fronts(): Promise<string[]> {
    const shown = await Promise.all(this.machines.map((machine) => machine.run([FRONT_HELPER, "show"])));
    return shown.flatMap((lines) => lines.split("\n"));
  }

  /** HAProxy on one of the fleet's machines, with the addresses that its unit declares. */
  async balanceFrom(machine: RealDroplet, unit: string): Promise<void> {
    for (const [, command = ""] of this.text(unit).matchAll(/^ExecStart=(.*)$/gm))
      await machine.run(command.split(" "));
    // As Debian's package makes it.
    await machine.run(["useradd", "--system", "--user-group", "--no-create-home", "haproxy"]);
    await startHaproxy((argv) => machine.run(argv), this.text("haproxy.cfg"));
  }

  /** HAProxy on a machine of its own. */
  async balanceFromElsewhere(privateAddress: string): Promise<void> {
    const { network, claim } = this.droplets;
    const publicAddress = this.manifest.loadBalancer.address;
    const { argv } = await network.attach("balancer", { publicAddress, privateAddresses: [privateAddress] });
    await startHaproxy((command) => claim.run([...argv, ...command]), this.text("haproxy.cfg"), this.folder);
  }

  async push(version: string): Promise<string> {
    return this.registry.push(REPOSITORY, version, await this.images.reference(version));
  }

  async pushBroken(how: Break): Promise<string> {
    return this.registry.push(REPOSITORY, how, await this.images.broken(how));
  }

  /** `npm run rollout -- …` on the machine of whoever deploys. */
  async rollout(...argv: readonly string[]): Promise<Ended> {
    const command = [
      "--import",
      "tsx",
      "scripts/rollout.ts",
      ...argv,
      "--outputs",
      path.join(this.folder, "manifest.json"),
    ];
    const { exitCode, stdout, stderr } = await execa(process.execPath, command, {
      env: {
        PATH: process.env["PATH"],
        [environmentNames.sshConfig]: path.join(this.folder, "ssh_config"),
        [environmentNames.stateFolder]: path.join(this.folder, "state"),
        [environmentNames.registryUser]: LOGIN.user,
        [environmentNames.registryPassword]: LOGIN.password,
      },
      ...{ extendEnv: false, reject: false, stdin: "ignore" },
    });
    return { exitCode, stdout, stderr };
  }

  /** Does something under load, which begins before it and ends after it, and tells what clients saw. */
  async underLoad<Result>(work: () => Promise<Result>): Promise<{ result: Result; seen: LoadReport }> {
    const load = await startLoad({ url: this.url, ratePerSecond: RATE, slowShare: 0.05, slowMs: 800 });
    await margin(load, RATE);
    const result = await work();
    await margin(load, RATE);
    return { result, seen: await load.stop() };
  }

  /** Image of the running container of each host, in the manifest's order; null where none runs. */
  async running(): Promise<(string | null)[]> {
    const all = new Map<string, Awaited<ReturnType<RealDroplet["containers"]>>>();
    for (const machine of this.machines) all.set(machine.address, await machine.containers());
    return this.manifest.hosts.map((host) => {
      const name = host.container ?? this.manifest.fleet;
      const found = all.get(host.address)?.find((container) => container.name === name);
      return found?.status === "running" ? found.image : null;
    });
  }

  /** @throws Error for what a machine told of itself */
  async end(): Promise<void> {
    await this.registry.close();
    await this.droplets.end();
    if (this.droplets.faults.length > 0) throw new Error(this.droplets.faults.join("\n"));
  }

  get folder(): string {
    return path.join(this.droplets.claim.folder, "controller");
  }

  async #setUp(machine: RealDroplet): Promise<void> {
    await machine.booted();
    await this.installFront(machine);
  }

  #writeClientFiles(): void {
    mkdirSync(this.folder);
    writeFileSync(path.join(this.folder, "manifest.json"), this.text("manifest.json"));
    this.droplets.writeSshConfig(path.join(this.folder, "ssh_config"));
  }
}

/** As a daemon; it refuses a configuration that warns of something. It ends with its namespace. */
async function startHaproxy(
  run: (argv: readonly string[]) => Promise<string>,
  configuration: string,
  folder = "/etc/haproxy",
): Promise<void> {
  const file = path.join(folder, "haproxy.cfg");
  await run(["/bin/sh", "-c", 'mkdir -p "$1" && printf %s "$2" >"$1/haproxy.cfg"', "sh", folder, configuration]);
  await run(["haproxy", "-dW", "-D", "-f", file]);
}
