/** The name that clients ask for, its DNS record and its certificate: what makes the balancer speak HTTPS. */
import { z } from "zod";
import { flag, record, text, whole } from "./fields.js";

/** Ports of HTTP and HTTPS. DigitalOcean redirects from the one to the other, and between no other two. */
export const HTTP_PORT = 80;
export const HTTPS_PORT = 443;

const hostName = (need: string) =>
  text(
    need,
    /^(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+(?=[a-z0-9-]*[a-z])[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
  );

/**
 * Where the certificate comes from. A private key has no place here: it would be part of the synthesized JSON and of the state. One's own certificate
 * is uploaded to the account, and named here.
 */
export const certificate = record({
  /** Name, in the account, of a certificate of one's own. @default - none: Let's Encrypt signs, and DigitalOcean renews */
  name: text(
    "a certificate's name: 1 to 255 letters, digits, ., - and _",
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$/,
  ).optional(),
  /** Raise it to have Let's Encrypt sign a new one in the place of the present one. 1 to 9999. @default 1 */
  issue: whole("issues", 1, 9999).default(1),
});

/** The API's own name. With one the balancer serves HTTPS on port 443. docs/https.md */
export const domain = record({
  /** Name that clients ask for. */
  name: hostName("a host name of small letters such as api.example.com"),
  /**
   * Zone at DigitalOcean that the record for `name` goes into: `name` itself, or a parent of it. Let's Encrypt needs one.
   * @default - none: DNS is somewhere else, and the record there is yours to make
   */
  zone: hostName("a zone of small letters such as example.com").optional(),
  /**
   * Whether the stack makes the zone, instead of finding it there. It is then deleted with the stack, or when this becomes false again, and every
   * other record in it.
   * @default false
   */
  createZone: flag().default(false),
  /**
   * Seconds for which resolvers may keep the record. 30 to 86400. @default 300
   * @see https://docs.digitalocean.com/products/networking/dns/how-to/manage-records/
   */
  ttlSeconds: whole("seconds", 30, 86_400).default(300),
  certificate: certificate.prefault({}),
  /** Whether HTTP on port 80 is only a way to HTTPS (307). Without it both are served. @default true */
  redirectHttp: flag().default(true),
  /** Whether clients may speak HTTP/2. Hosts are asked in HTTP/1.1 either way. @default true */
  http2: flag().default(true),
});
export type Domain = z.output<typeof domain>;

type Report = (path: string[], message: string) => void;

/** The rules between fields of a domain. */
export function domainRules(
  { name, zone, createZone, certificate: { name: own, issue } }: Domain,
  report: Report,
): void {
  if (zone === undefined) {
    if (createZone)
      report(["createZone"], "createZone is true and zone is not set; name the zone, or leave createZone out");
    if (own === undefined) {
      report(
        [],
        `zone is not set and certificate.name neither; Let's Encrypt signs only for "${name}" in a zone at DigitalOcean: name its zone, or a certificate of your own that the account has`,
      );
    }
  } else if (name !== zone && !name.endsWith(`.${zone}`)) {
    report(
      ["zone"],
      `zone ("${zone}") is neither name ("${name}") nor a parent of it; name the zone that the record belongs into`,
    );
  }
  if (own !== undefined && issue !== 1) {
    report(
      ["certificate", "issue"],
      `issue (${issue}) is of Let's Encrypt's certificates and name ("${own}") of one of your own; leave one of them out`,
    );
  }
}

/** The rule between a domain and the port that HTTP comes to. */
export function entryPortRule(
  entryPort: number,
  { name, redirectHttp }: Pick<Domain, "name" | "redirectHttp">,
  report: Report,
): void {
  const path = ["loadBalancer", "entryPort"];
  if (entryPort === HTTPS_PORT) {
    report(
      path,
      `entryPort (${entryPort}) is the port of HTTPS for domain.name ("${name}"); leave entryPort out, or name another one`,
    );
  } else if (redirectHttp && entryPort !== HTTP_PORT) {
    report(
      path,
      `entryPort (${entryPort}) is not ${HTTP_PORT}, the only port that DigitalOcean redirects from; leave entryPort out, or set domain.redirectHttp to false`,
    );
  }
}
