/** The disk of one droplet: made when it is created, kept while it is off, gone when it is deleted. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Claim } from "./claim.js";

const file = (name: string): string => fileURLToPath(new URL(`files/${name}`, import.meta.url));

/** Certificates of the authorities that this machine trusts. */
const AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt";

export class Disk {
  private constructor(
    private readonly claim: Claim,
    private readonly folder: string,
  ) {}

  /** @param dockerMb size of the file system for Docker's data */
  static async create(claim: Claim, name: string, dockerMb: number): Promise<Disk> {
    const disk = new Disk(claim, path.join(claim.folder, name));
    await mkdir(disk.folder);
    await claim.run(["/bin/sh", file("make-root.sh"), disk.folder, String(dockerMb)]);
    return disk;
  }

  /** What the droplet sees as "/", without what is there only while it is on. */
  get root(): string {
    return path.join(this.folder, "root");
  }

  /** @param files text by path, relative to the root */
  async write(files: Readonly<Record<string, string>>): Promise<void> {
    for (const [name, text] of Object.entries(files)) {
      const place = path.join(this.root, name);
      await mkdir(path.dirname(place), { recursive: true });
      await writeFile(place, text);
    }
  }

  /** Nothing may run on it. */
  async remove(): Promise<void> {
    await this.claim.run(["/bin/sh", file("remove-root.sh"), this.folder]);
  }
}

/** Certificates that this machine trusts, in PEM. */
export const trustedAuthorities = (): Promise<string> => readFile(AUTHORITIES, "utf8");
