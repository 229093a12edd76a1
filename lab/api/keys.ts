/** Public SSH keys. @see https://docs.digitalocean.com/reference/api/reference/ssh-keys/ */
import { createHash } from "node:crypto";
import { z } from "zod";
import { unprocessable } from "./errors.js";
import type { Identities } from "./identities.js";
import { page } from "./pages.js";
import { created, ok, readBody, removing, type Routes } from "./router.js";
import { Shelf } from "./shelf.js";

const name = z.string().min(1);
const keyRequest = z.strictObject({
  name,
  public_key: z.string().regex(/^(ssh|ecdsa|sk)-\S+ [A-Za-z0-9+/]{20,}=*(\s|$)/, "Key invalid, see our documentation"),
});
const keyUpdate = z.strictObject({ name });

export interface SshKey {
  readonly id: number;
  readonly name: string;
  readonly fingerprint: string;
  readonly public_key: string;
}

export class Keys {
  readonly #keys = new Shelf<SshKey>();

  constructor(private readonly identities: Identities) {}

  create(body: unknown): SshKey {
    const request = readBody(keyRequest, body);
    const fingerprint = fingerprintOf(request.public_key);
    if (this.find(fingerprint)) throw unprocessable("SSH Key is already in use on your account");
    const id = this.identities.nextNumber("ssh key");
    return this.#keys.put(id, { id, fingerprint, ...request });
  }

  /** A key that somebody registered before, of which only the fingerprint is known here. */
  adopt(fingerprint: string, publicKey: string): SshKey {
    const id = this.identities.nextNumber("ssh key");
    return this.#keys.put(id, { id, name: `key ${id}`, fingerprint, public_key: publicKey });
  }

  /** @param reference id or fingerprint */
  find(reference: string | number): SshKey | undefined {
    return this.#keys.all.find(({ id, fingerprint }) => [String(id), fingerprint].includes(String(reference)));
  }

  /** @param reference id or fingerprint @throws ApiError not_found */
  get(reference: string | number): SshKey {
    return this.find(reference) ?? this.#keys.get(reference);
  }

  routes(): Routes {
    return {
      "POST /v2/account/keys": ({ body }) => created({ ssh_key: this.create(body) }),
      "GET /v2/account/keys?page&per_page": ({ url }) => page("ssh_keys", this.#keys.all, url),
      "GET /v2/account/keys/:id": ({ words: [id = ""] }) => ok({ ssh_key: this.get(id) }),
      "PUT /v2/account/keys/:id": ({ words: [id = ""], body }) => ok({ ssh_key: this.#rename(id, body) }),
      "DELETE /v2/account/keys/:id": removing((id) => this.#keys.take(this.get(id).id)),
    };
  }

  #rename(reference: string, body: unknown): SshKey {
    const key = this.get(reference);
    return this.#keys.put(key.id, { ...key, ...readBody(keyUpdate, body) });
  }
}

/** MD5 of the key itself, as `ssh-keygen -l -E md5` shows it. */
function fingerprintOf(publicKey: string): string {
  const blob = Buffer.from(publicKey.split(" ")[1] ?? "", "base64");
  return createHash("md5")
    .update(blob)
    .digest("hex")
    .replaceAll(/(..)(?=.)/g, "$1:");
}
