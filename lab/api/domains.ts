/**
 * Domains and their DNS records. Nothing resolves them.
 * @see https://docs.digitalocean.com/reference/api/reference/domains/
 */
import { z } from "zod";
import { unprocessable } from "./errors.js";
import type { Identities } from "./identities.js";
import { page } from "./pages.js";
import { created, ok, readBody, removing, type Request, type Routes } from "./router.js";
import { Shelf } from "./shelf.js";

const TTL_SECONDS = 1800;
/** Types whose data is a name that must end with a dot; it is shown without. */
const POINTERS = ["CNAME", "MX", "NS", "SRV", "CAA"];

const domainRequest = z.strictObject({
  name: z.string().regex(/^([a-z0-9-]+\.)+[a-z]{2,}$/i, "is no name of a domain"),
  ip_address: z.ipv4().optional(),
});
const recordChange = z.strictObject({
  name: z.string().min(1),
  data: z.string().min(1),
  priority: z.number().int().nullish(),
  port: z.number().int().nullish(),
  weight: z.number().int().nullish(),
  flags: z.number().int().nullish(),
  ttl: z.number().int().min(1).default(TTL_SECONDS),
  tag: z.string().optional(),
});
const recordRequest = recordChange.extend({
  type: z.enum(["A", "AAAA", "CAA", "CNAME", "MX", "NS", "SRV", "TXT"]),
});

type DnsRecord = Readonly<z.output<typeof recordRequest>> & { readonly id: number };

interface Domain {
  readonly name: string;
  readonly records: Shelf<DnsRecord>;
}

export interface DomainSurroundings {
  readonly identities: Identities;
  added(urn: string): void;
  removed(urn: string): void;
}

export class Domains {
  readonly #domains = new Shelf<Domain>();

  constructor(private readonly around: DomainSurroundings) {}

  create(body: unknown): Domain {
    const { name, ip_address: address } = readBody(domainRequest, body);
    if (this.#domains.has(name)) throw unprocessable("name already exists");
    const domain = this.#domains.put(name, { name, records: new Shelf<DnsRecord>() });
    for (const number of [1, 2, 3])
      this.createRecord(name, { type: "NS", name: "@", data: `ns${number}.digitalocean.com.` });
    if (address) this.createRecord(name, { type: "A", name: "@", data: address });
    this.around.added(urnOf(name));
    return domain;
  }

  has(name: string): boolean {
    return this.#domains.has(name);
  }

  /** @throws ApiError not_found for an unknown domain */
  recordsOf(domain: string): readonly DnsRecord[] {
    return this.#domains.get(domain).records.all;
  }

  /** @throws ApiError not_found for an unknown domain */
  createRecord(domain: string, body: unknown): DnsRecord {
    const { records } = this.#domains.get(domain);
    const request = readBody(recordRequest, body);
    const id = this.around.identities.nextNumber("record");
    return records.put(id, { id, ...request, data: shownData(request) });
  }

  /** @throws ApiError not_found */
  remove(name: string): void {
    this.#domains.take(name);
    this.around.removed(urnOf(name));
  }

  /** Whether a domain is the account's, itself or as a part of one that is. */
  covers(name: string): boolean {
    return this.#domains.all.some((domain) => name === domain.name || name.endsWith(`.${domain.name}`));
  }

  routes(): Routes {
    const records = ({ words: [domain = ""] }: Request) => this.#domains.get(domain).records;
    const change = (request: Request) => ok({ domain_record: this.#changeRecord(records(request), request) });
    return {
      "POST /v2/domains": ({ body }) => created({ domain: shown(this.create(body)) }),
      "GET /v2/domains?page&per_page": ({ url }) => page("domains", this.#domains.all.map(shown), url),
      "GET /v2/domains/:name": ({ words: [name = ""] }) => ok({ domain: shown(this.#domains.get(name)) }),
      "DELETE /v2/domains/:name": removing((name) => this.remove(name)),
      "POST /v2/domains/:name/records": ({ words: [name = ""], body }) =>
        created({ domain_record: this.createRecord(name, body) }),
      "GET /v2/domains/:name/records?page&per_page": (request) =>
        page("domain_records", records(request).all, request.url),
      "GET /v2/domains/:name/records/:id": (request) =>
        ok({ domain_record: records(request).get(request.words[1] ?? "") }),
      "PUT /v2/domains/:name/records/:id": change,
      "PATCH /v2/domains/:name/records/:id": change,
      "DELETE /v2/domains/:name/records/:id": removing((id, request) => records(request).take(id)),
    };
  }

  /** The type stays. */
  #changeRecord(records: Shelf<DnsRecord>, { words: [, id = ""], body }: Request): DnsRecord {
    const record = records.get(id);
    const changed = { ...record, ...readBody(recordChange, body) };
    return records.put(id, { ...changed, data: shownData(changed) });
  }
}

const urnOf = (name: string): string => `do:domain:${name}`;

const shown = ({ name, records }: Domain) => ({
  name,
  ttl: TTL_SECONDS,
  zone_file: [`$ORIGIN ${name}.`, `$TTL ${TTL_SECONDS}`, ...records.all.map(zoneLine), ""].join("\n"),
});

const zoneLine = ({ name, ttl, type, data }: DnsRecord): string => `${name} ${ttl} IN ${type} ${data}`;

function shownData({ type, data }: Pick<DnsRecord, "type" | "data">): string {
  if (!POINTERS.includes(type) || data === "@") return data;
  if (!data.endsWith(".")) throw unprocessable("Data needs to end with a dot (.)");
  return data.slice(0, -1);
}
