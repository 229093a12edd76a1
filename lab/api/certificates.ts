/** Certificates for balancers. @see https://docs.digitalocean.com/reference/api/reference/certificates/ */
import { createPrivateKey, randomBytes, X509Certificate } from "node:crypto";
import { z } from "zod";
import { ApiError, notFound, unprocessable } from "./errors.js";
import type { Identities } from "./identities.js";
import { page } from "./pages.js";
import { created, ok, readBody, removing, type Reply, type Routes } from "./router.js";
import { Shelf } from "./shelf.js";

const DAY_MS = 24 * 60 * 60 * 1000;

const certificateRequest = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("custom"),
    name: z.string().min(1),
    private_key: z.string(),
    leaf_certificate: z.string(),
    certificate_chain: z.string().default(""),
  }),
  z.strictObject({ type: z.literal("lets_encrypt"), name: z.string().min(1), dns_names: z.array(z.string()).min(1) }),
]);
type CertificateRequest = z.output<typeof certificateRequest>;

interface Shown {
  readonly id: string;
  readonly name: string;
  readonly type: CertificateRequest["type"];
  readonly state: "pending" | "verified";
  readonly dns_names: readonly string[];
  readonly not_after: string;
  readonly sha1_fingerprint: string;
  readonly created_at: string;
}

/** What a balancer needs to speak HTTPS, in PEM. */
export interface KeyAndChain {
  readonly privateKey: string;
  readonly chain: string;
}

export interface Certificate {
  readonly shown: Shown;
  /** Null for one of Let's Encrypt, as nobody signs for the lab, and for one that was there before. */
  readonly material: KeyAndChain | null;
}

export interface CertificateSurroundings {
  readonly identities: Identities;
  /** Whether the account has a name's domain. */
  covers(name: string): boolean;
  /** Whether a balancer uses the certificate. */
  isUsed(id: string): boolean;
}

export class Certificates {
  readonly #certificates = new Shelf<Certificate>();

  constructor(private readonly around: CertificateSurroundings) {}

  create(body: unknown): Certificate {
    const request = readBody(certificateRequest, body);
    if (this.#certificates.all.some(({ shown }) => shown.name === request.name)) {
      throw unprocessable("name must be unique");
    }
    const { material, ...facts } = request.type === "custom" ? custom(request) : this.#signed(request.dns_names);
    const id = this.around.identities.nextUuid();
    const known = {
      id,
      name: request.name,
      type: request.type,
      state: "verified",
      created_at: new Date().toISOString(),
    } as const;
    return this.#certificates.put(id, { shown: { ...known, ...facts }, material });
  }

  /** One that was uploaded before: only its name is known, and what it holds for. */
  adopt(name: string, names: readonly string[]): Certificate {
    const id = this.around.identities.nextUuid();
    const facts = { dns_names: names, ...neverLooked() };
    const known = { id, name, type: "custom", state: "verified", created_at: new Date().toISOString() } as const;
    return this.#certificates.put(id, { shown: { ...known, ...facts }, material: null });
  }

  find(name: string): Certificate | undefined {
    return this.#certificates.all.find(({ shown }) => shown.name === name);
  }

  has(id: string): boolean {
    return this.#certificates.has(id);
  }

  /** @throws ApiError not_found */
  get(id: string): Certificate {
    return this.#certificates.get(id);
  }

  /** Names are unique. @throws ApiError not_found */
  named(name: string): Certificate {
    const found = this.find(name);
    if (!found) throw notFound();
    return found;
  }

  /** @throws ApiError 403 while a balancer uses it, which the Terraform provider waits out */
  remove(id: string): void {
    if (this.around.isUsed(id)) {
      throw new ApiError(403, "forbidden", "Make sure the certificate is not in use before deleting it");
    }
    this.#certificates.take(id);
  }

  routes(): Routes {
    return {
      "POST /v2/certificates": ({ body }) => this.#ordered(body),
      "GET /v2/certificates?name&page&per_page": ({ url }) => this.#listed(url),
      "GET /v2/certificates/:id": ({ words: [id = ""] }) => ok({ certificate: this.get(id).shown }),
      "DELETE /v2/certificates/:id": removing((id) => this.remove(id)),
    };
  }

  /** Let's Encrypt takes its time: verified is what the next call says. */
  #ordered(body: unknown): Reply {
    const { shown } = this.create(body);
    return created({ certificate: shown.type === "custom" ? shown : { ...shown, state: "pending" } });
  }

  #listed(url: URL): Reply {
    const name = url.searchParams.get("name");
    const all = this.#certificates.all.map(({ shown }) => shown);
    return page(
      "certificates",
      all.filter((shown) => (name ?? shown.name) === shown.name),
      url,
    );
  }

  #signed(names: readonly string[]) {
    const strange = names.find((name) => !this.around.covers(name));
    if (strange !== undefined) throw unprocessable(`the domain of ${strange} is not managed by DigitalOcean`);
    return {
      dns_names: names,
      ...neverLooked(),
      material: null,
    };
  }
}

/** Of a certificate that the account never has in its hands. */
const neverLooked = () => ({
  not_after: new Date(Date.now() + 90 * DAY_MS).toISOString(),
  sha1_fingerprint: randomBytes(20).toString("hex"),
});

type Custom = Extract<CertificateRequest, { type: "custom" }>;

function custom({ private_key: privateKey, leaf_certificate: leaf, certificate_chain: chain }: Custom) {
  const certificate = matching(leaf, privateKey);
  return {
    dns_names: (certificate.subjectAltName ?? "").match(/(?<=DNS:)[^,\s]+/g) ?? [],
    not_after: new Date(certificate.validTo).toISOString(),
    sha1_fingerprint: certificate.fingerprint.replaceAll(":", "").toLowerCase(),
    material: { privateKey, chain: [leaf, chain].filter(Boolean).join("\n") },
  };
}

/** @throws ApiError when one of them cannot be read, or they do not belong together */
function matching(leaf: string, privateKey: string): X509Certificate {
  let certificate: X509Certificate;
  let fits: boolean;
  try {
    certificate = new X509Certificate(leaf);
    fits = certificate.checkPrivateKey(createPrivateKey(privateKey));
  } catch {
    throw unprocessable("The certificate or its private key cannot be read");
  }
  if (!fits) throw unprocessable("The private key does not match the leaf certificate");
  return certificate;
}
