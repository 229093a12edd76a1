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
  readonly configFile: string;
  /** Of the newest key. */
  #keys = newKeyPair("evenkeel-lab");
  /** Private keys that the client tries, the newest first. */
  #keyFiles: readonly string[];
  #places: readonly SshPlace[] = [];

  constructor(private readonly folder: string) {
    this.configFile = path.join(folder, "ssh_config");
    this.#keyFiles = [this.#keep("id_ecdsa")];
  }

  get publicKey(): string {
    return this.#keys.public;
  }

  /** Another key from now on, for droplets that are new then. @param keepOld tries the keys before as well */
  rotate(keepOld: boolean): void {
    this.#keys = newKeyPair("evenkeel-lab");
    const newest = this.#keep(`id_ecdsa.${this.#keyFiles.length}`);
    this.#keyFiles = [newest, ...(keepOld ? this.#keyFiles : [])];
    this.write(this.#places);
  }

  /** Known hosts are left to the caller: the rollout keeps its own, by droplet id. */
  write(places: readonly SshPlace[]): void {
    this.#places = places;
    const identities = this.#keyFiles.map((file) => `  IdentityFile "${file}"\n`).join("");
    const blocks = places.map(
      ({ address, host, port }) =>
        `Host ${address}\n  HostName ${host}\n  Port ${port}\n${identities}  IdentitiesOnly yes\n`,
    );
    writeFileSync(this.configFile, blocks.join("\n"), { mode: 0o600 });
  }

  #keep(name: string): string {
    const file = path.join(this.folder, name);
    writeFileSync(file, this.#keys.private, { mode: 0o600 });
    return file;
  }
}
