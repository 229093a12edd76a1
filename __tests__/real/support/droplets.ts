/** Real droplets without a world around them: a network, a key, and as many machines as a test orders. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { execa } from "execa";
import { cloudInit } from "../../../constructs/cloud-init.js";
import { Claim } from "../../../lab/real/claim.js";
import { RealDroplet, type RealDropletOptions } from "../../../lab/real/droplet.js";
import { Network } from "../../../lab/real/network.js";
import { newKeyPair } from "../../../lab/ssh-client.js";

const USER = "deploy";

/** What the stack declares for every droplet. */
export const DECLARED = cloudInit({
  ...{ user: USER, sshPort: 22, size: "s-1vcpu-1gb" },
  containerRange: "172.31.255.240/28",
});

export class Droplets {
  readonly all: RealDroplet[] = [];
  /** What droplets told of themselves. */
  readonly faults: string[] = [];
  readonly #key = newKeyPair("droplets");
  #ordered = 0;

  private constructor(
    readonly claim: Claim,
    readonly network: Network,
  ) {
    writeFileSync(this.#keyFile, this.#key.private, { mode: 0o600 });
  }

  static async start(): Promise<Droplets> {
    const claim = await Claim.take();
    return new Droplets(claim, await Network.create(claim));
  }

  /** Powered on; its boot is not waited for. */
  async order(options: RealDropletOptions = {}, userData = DECLARED): Promise<RealDroplet> {
    this.#ordered += 1;
    const number = this.#ordered;
    const droplet = await RealDroplet.create(
      {
        id: String(400_000_000 + number),
        name: `api-${number}`,
        address: this.network.publicAddress(10 + number),
        privateAddress: `10.110.0.${1 + number}`,
        userData,
        authorizedKeys: [this.#key.public],
        user: USER,
      },
      { claim: this.claim, network: this.network, onFault: (fault) => this.faults.push(fault) },
      options,
    );
    this.all.push(droplet);
    return droplet;
  }

  /** A command over SSH, on a connection of its own. Never throws for what the other side says. */
  ssh({ address }: RealDroplet, command: string, options: readonly string[] = [], user = USER) {
    const settings = ["BatchMode=yes", "LogLevel=ERROR", "StrictHostKeyChecking=accept-new", "ConnectTimeout=3"];
    const known = `UserKnownHostsFile=${path.join(this.claim.folder, "known_hosts")}`;
    const flags = [...options, ...settings, known].flatMap((option) => ["-o", option]);
    return execa("ssh", ["-i", this.#keyFile, ...flags, `${user}@${address}`, command], {
      ...{ stdin: "ignore", reject: false },
    });
  }

  /** For the rollout's own OpenSSH client: the key, and nothing else. */
  writeSshConfig(file: string): void {
    writeFileSync(file, `Host *\n  IdentityFile "${this.#keyFile}"\n  IdentitiesOnly yes\n`, { mode: 0o600 });
  }

  async end(): Promise<void> {
    await Promise.all(this.all.map((droplet) => droplet.powerOff()));
    await this.claim.release();
  }

  get #keyFile(): string {
    return path.join(this.claim.folder, "key");
  }
}
