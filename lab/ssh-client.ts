/** What the rollout's own OpenSSH client needs to reach droplets: a key and a configuration file. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import ssh2 from "ssh2";

export interface KeyPair {
  readonly private: string;
  readonly public: string;
}

/** ECDSA: ssh2 1.17 makes about one Ed25519 pair in 230 that it cannot read back (13 of 3,000 tried; none of 8,000 of these). */
export const newKeyPair = (comment: string): KeyPair => ssh2.utils.generateKeyPairSync("ecdsa", { bits: 256, comment });

/** Where SSH to a droplet's address leads. */
export interface SshPlace {
  readonly address: string;
  readonly host: string;
  readonly port: number;
}

export class SshClientFiles {
  readonly keys = newKeyPair("evenkeel-lab");
  readonly configFile: string;
  readonly #keyFile: string;

  constructor(folder: string) {
    this.#keyFile = path.join(folder, "id_ecdsa");
    this.configFile = path.join(folder, "ssh_config");
    writeFileSync(this.#keyFile, this.keys.private, { mode: 0o600 });
  }

  /** Known hosts are left to the caller: the rollout keeps its own, by droplet id. */
  write(places: readonly SshPlace[]): void {
    const blocks = places.map(
      ({ address, host, port }) =>
        `Host ${address}\n  HostName ${host}\n  Port ${port}\n  IdentityFile "${this.#keyFile}"\n  IdentitiesOnly yes\n`,
    );
    writeFileSync(this.configFile, blocks.join("\n"), { mode: 0o600 });
  }
}
