/** Logins for the container registry, as DigitalOcean mints them. */
import { randomBytes } from "node:crypto";

export interface Login {
  readonly token: string;
  /** Milliseconds as `Date.now()` gives them; Infinity never expires. */
  readonly expiresAtMs: number;
  readonly readWrite: boolean;
}

export class RegistryLogins {
  /** Every login so far, oldest first. */
  readonly minted: Login[] = [];

  /** Content of a Docker configuration file. @param expirySeconds 0 never expires */
  mint(host: string, expirySeconds: number, readWrite: boolean): object {
    const token = `dop_v1_${randomBytes(32).toString("hex")}`;
    const expiresAtMs = expirySeconds === 0 ? Infinity : Date.now() + expirySeconds * 1000;
    this.minted.push({ token, expiresAtMs, readWrite });
    return { auths: { [host]: { auth: Buffer.from(`${token}:${token}`).toString("base64") } } };
  }

  /** A token is user and password in one. */
  accepts(user: string, password: string): boolean {
    const now = Date.now();
    return user === password && this.minted.some((login) => login.token === user && login.expiresAtMs > now);
  }
}
