/** A simulated fleet behind real SSH servers and a real HTTP listener, for a rollout that runs as a process of its own. */
import { mkdirSync } from "node:fs";
import path from "node:path";
import { environmentNames, frontPorts, type Manifest, type ManifestHost } from "../../contract/manifest.js";
import { placeOf } from "../../scripts/rollout/commands/steward.js";
import { LabFault } from "../fault.js";
import { SimBalancer } from "../sim/balancer.js";
import { SimMachine } from "../sim/machine.js";
import { newKeyPair, SshClientFiles } from "../ssh-client.js";
import { RealClock } from "./clock.js";
import { answered, brought, type Command } from "./framed.js";
import { Front } from "./front.js";
import { SimHost } from "./host.js";
import { releaseNumber, type ScaleSettings } from "./settings.js";
import { AnsweringSshServer, type Reply } from "./ssh-server.js";

interface Machine {
  readonly host: SimHost;
  readonly server: AnsweringSshServer;
}

export class SimFleet {
  /** What was asked of the fleet that it does not stand for. */
  readonly faults: string[] = [];
  readonly #clock = new RealClock();
  readonly #balancer: SimBalancer;
  readonly #front: Front;
  readonly #client: SshClientFiles;
  readonly #machines: Machine[];
  #url = "";

  /** @param folder where the client's key, its configuration and the rollout's state lie; the caller removes it */
  private constructor(
    private readonly manifest: Manifest,
    private readonly settings: ScaleSettings,
    private readonly folder: string,
  ) {
    mkdirSync(this.stateFolder);
    this.#client = new SshClientFiles(folder);
    this.#balancer = new SimBalancer(manifest.healthCheck, [0], this.#clock, { rotated: () => undefined });
    this.#front = new Front(this.#balancer);
    this.#machines = manifest.hosts.map((info) => this.#machine(info));
  }

  /** Every host serves release 1 and is in rotation. */
  static async start(manifest: Manifest, settings: ScaleSettings, folder: string): Promise<SimFleet> {
    const fleet = new SimFleet(manifest, settings, folder);
    try {
      await fleet.#listen();
      await fleet.#serve();
      return fleet;
    } catch (error) {
      await fleet.close();
      throw error;
    }
  }

  /** Where the rollout keeps known hosts and its record. */
  get stateFolder(): string {
    return path.join(this.folder, "state");
  }

  get hosts(): readonly SimHost[] {
    return this.#machines.map(({ host }) => host);
  }

  /** SSH connections and refused sessions, host by host. */
  get connections(): readonly AnsweringSshServer["tally"][] {
    return this.#machines.map(({ server }) => server.tally);
  }

  /** What the rollout's environment needs to reach this fleet. */
  environment(): Record<string, string> {
    return {
      [environmentNames.manifest]: JSON.stringify(this.manifest),
      [environmentNames.sshConfig]: this.#client.configFile,
      [environmentNames.balancerUrl]: this.#url,
      [environmentNames.stateFolder]: this.stateFolder,
    };
  }

  async close(): Promise<void> {
    await Promise.all([this.#front.close(), ...this.#machines.map(({ server }) => server.close())]);
    this.#clock.stop();
  }

  #machine(info: ManifestHost): Machine {
    const { manifest } = this;
    const machine = new SimMachine(
      info.name,
      true,
      frontPorts(manifest, info),
      manifest.healthCheck.responseTimeoutSeconds * 1000,
      this.#clock,
      () => ({ startMs: this.settings.startMs, kind: "healthy" }),
      { removed: () => undefined, stopped: () => undefined },
    );
    machine.seed(releaseNumber(1, manifest));
    const host = new SimHost(machine, manifest, placeOf(manifest, info), this.#clock);
    const server = new AnsweringSshServer({
      hostKey: newKeyPair("droplet").private,
      user: manifest.ssh.user,
      clientKey: this.#client.publicKey,
      answer: (command) => this.#answer(host, command),
    });
    return { host, server };
  }

  async #answer(host: SimHost, command: Command): Promise<Reply> {
    await this.#clock.sleep(this.settings.answerMs);
    const frame = brought(command)?.frame ?? "";
    try {
      return { stdout: answered(frame, 0, await host.answer(command)), stderr: "", code: 0 };
    } catch (error) {
      if (!(error instanceof LabFault)) throw error;
      this.faults.push(error.message);
      return { stdout: answered(frame, 127, ""), stderr: `${error.message}\n`, code: 0 };
    }
  }

  async #listen(): Promise<void> {
    this.#url = await this.#front.listen();
    let port = 0;
    for (const [index, { server }] of this.#machines.entries()) {
      port = await server.listen(this.manifest.hosts[index]?.address ?? "", port);
    }
    this.#client.write([{ address: "*", host: "%h", port }]);
  }

  async #serve(): Promise<void> {
    await this.#clock.sleep(this.settings.startMs);
    for (const { host } of this.#machines) this.#balancer.add(host.machine, true);
  }
}
