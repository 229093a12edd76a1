/** Certificates made on the spot, from an authority that only the lab's own machines and clients trust. */
import { execa } from "execa";
import { appendFile, readFile } from "node:fs/promises";
import path from "node:path";

/** Long enough for the longest run; nothing outlives its world. */
const DAYS = "30";
const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

export class Authority {
  private constructor(private readonly folder: string) {}

  /** @param folder where keys and certificates go */
  static async create(folder: string): Promise<Authority> {
    const authority = new Authority(folder);
    const { caFile } = authority;
    await openssl([...KEY, "-keyout", authority.#keyFile, "-out", caFile, "-subj", "/CN=Evenkeel lab"]);
    return authority;
  }

  /** Certificate of the authority in that folder. */
  static fileIn(folder: string): string {
    return path.join(folder, "ca.crt");
  }

  /** Certificate of the authority in PEM, for those who shall trust it. */
  get caFile(): string {
    return Authority.fileIn(this.folder);
  }

  /**
   * @param name names the file
   * @param names of the server
   * @returns a PEM file with key and certificate
   */
  async issue(name: string, names: readonly string[] = [name]): Promise<string> {
    const file = path.join(this.folder, `${name}.pem`);
    await openssl([
      ...["-CA", this.caFile, "-CAkey", this.#keyFile, ...KEY, "-keyout", file, "-out", `${file}.crt`],
      ...["-subj", "/CN=lab", "-addext", `subjectAltName=${names.map((one) => `DNS:${one}`).join(",")}`],
      ...["-addext", "basicConstraints=critical,CA:FALSE"],
    ]);
    await appendFile(file, await readFile(`${file}.crt`));
    return file;
  }

  get #keyFile(): string {
    return path.join(this.folder, "ca.key");
  }
}

async function openssl(args: readonly string[]): Promise<void> {
  await execa("openssl", ["req", "-x509", "-days", DAYS, ...args]);
}
