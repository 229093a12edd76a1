import { describe, expect, test } from "@jest/globals";
import { fleetConfig } from "../../contract/config.js";
import { InvalidInput, parse } from "../../contract/problems.js";
import { fullConfig } from "../support/examples.js";

function linesOf(domain: object, loadBalancer: object = {}): readonly string[] {
  try {
    parse("config", fleetConfig, { ...fullConfig, domain, loadBalancer });
    return [];
  } catch (error) {
    if (error instanceof InvalidInput) return error.problems;
    throw error;
  }
}

const issued = { name: "api.example.com", zone: "example.com" };
const own = { name: "api.example.com", certificate: { name: "api-2027" } };

describe("a domain", () => {
  test("has Let's Encrypt's certificate, a redirect and HTTP/2 unless it says otherwise", () => {
    expect(parse("config", fleetConfig, { ...fullConfig, domain: issued }).domain).toEqual({
      ...issued,
      createZone: false,
      ttlSeconds: 300,
      certificate: { issue: 1 },
      redirectHttp: true,
      http2: true,
    });
  });

  test.each<[string, object]>([
    ["is its zone", { name: "example.com", zone: "example.com" }],
    ["lies deep in its zone", { name: "api.eu.example.com", zone: "example.com" }],
    ["makes its zone", { ...issued, createZone: true }],
    ["has a certificate of its own and DNS somewhere else", own],
    ["has a certificate of its own and a zone", { ...issued, ...own }],
    ["is written in punycode", { name: "xn--bcher-kva.example", zone: "xn--bcher-kva.example" }],
  ])("%s", (_what, domain) => expect(linesOf(domain)).toEqual([]));

  test.each([
    "localhost",
    "api.example.com.",
    "API.example.com",
    "*.example.com",
    "https://api.example.com",
    "-a.example.com",
    "203.0.113.1",
    "a..b.com",
    `${"a".repeat(64)}.com`,
  ])("is not named %s", (name) =>
    expect(linesOf({ ...own, name })).toEqual([
      expect.stringMatching(/^domain\.name: got ".*"; needs a host name of small letters such as api\.example\.com$/),
    ]),
  );
});

describe("rules between a domain's fields quote what contradicts", () => {
  test.each<[string, object, string]>([
    [
      "nobody would sign",
      { name: "api.example.com" },
      'domain: zone is not set and certificate.name neither; Let\'s Encrypt signs only for "api.example.com" in a zone at DigitalOcean: name its zone, or a certificate of your own that the account has',
    ],
    [
      "a zone has to be named to be made",
      { ...own, createZone: true },
      "domain.createZone: createZone is true and zone is not set; name the zone, or leave createZone out",
    ],
    [
      "the record goes into a zone of the name",
      { ...issued, zone: "ample.com" },
      'domain.zone: zone ("ample.com") is neither name ("api.example.com") nor a parent of it; name the zone that the record belongs into',
    ],
    [
      "one's own certificate is not issued anew",
      { ...own, certificate: { name: "api-2027", issue: 2 } },
      "domain.certificate.issue: issue (2) is of Let's Encrypt's certificates and name (\"api-2027\") of one of your own; leave one of them out",
    ],
  ])("%s", (_what, domain, line) => expect(linesOf(domain)).toEqual([line]));

  test("HTTP does not come to the port of HTTPS", () => {
    expect(linesOf({ ...issued, redirectHttp: false }, { entryPort: 443 })).toEqual([
      'loadBalancer.entryPort: entryPort (443) is the port of HTTPS for domain.name ("api.example.com"); leave entryPort out, or name another one',
    ]);
  });

  test("HTTP is redirected from port 80 only", () => {
    expect(linesOf(issued, { entryPort: 8080 })).toEqual([
      "loadBalancer.entryPort: entryPort (8080) is not 80, the only port that DigitalOcean redirects from; leave entryPort out, or set domain.redirectHttp to false",
    ]);
    expect(linesOf({ ...issued, redirectHttp: false }, { entryPort: 8080 })).toEqual([]);
  });
});

describe("a private key", () => {
  const secret = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC";
  const key = `-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----\n`;

  test.each(["privateKey", "private_key", "name"])("is not taken as certificate.%s, and not shown", (field) => {
    const [line = "", ...others] = linesOf({ ...issued, certificate: { [field]: key } });
    expect(others).toEqual([]);
    expect(line).toMatch(new RegExp(`^domain\\.certificate\\.${field}: got PEM, which is not shown`));
    expect(line).not.toContain(secret);
  });
});
