import { describe, expect, test } from "@jest/globals";
import { DigitaloceanProvider } from "@cdktf/provider-digitalocean/lib/provider/index.js";
import { TerraformStack } from "cdktf";
import type { Manifest } from "../../contract/manifest.js";
import { ApiDomain, ApiLoadBalancer, type FleetConfig } from "../../constructs/index.js";
import type { Synthesized } from "../support/schema-check.js";
import { exampleStack, pictured, synthesized, testApp } from "../support/stacks.js";

const issued = { name: "api.example.com", zone: "example.com" };
const own = { name: "api.example.com", certificate: { name: "api-2027" } };

const stackOf = (domain: FleetConfig["domain"], config: FleetConfig = {}): Synthesized =>
  synthesized(exampleStack({ ...config, domain }));
const all = (stack: Synthesized, type: string) => Object.entries(stack.resource[`digitalocean_${type}`] ?? {});
function only(stack: Synthesized, type: string): readonly [block: string, value: Record<string, unknown>] {
  const [first, ...others] = all(stack, type);
  if (!first || others.length > 0) throw new Error(`${others.length + (first ? 1 : 0)} of ${type}`);
  return first;
}
const manifestOf = (stack: Synthesized) => JSON.parse(String(stack.output["manifest"]?.value)) as Manifest;
const certificateNames = (...domains: FleetConfig["domain"][]) =>
  domains.map((domain) => only(stackOf(domain), "certificate")[1]["name"]);

test("the stack with a domain is what it was", () => {
  expect(pictured(stackOf(issued, { alerts: { email: ["ops@example.com"] } }))).toMatchSnapshot();
});

describe("with a domain the balancer", () => {
  const [certificate] = only(stackOf(issued), "certificate");
  const http = { entry_protocol: "http", entry_port: 80, target_protocol: "http", target_port: 80 };
  const byName = `\${digitalocean_certificate.${certificate}.name}`;

  test("serves HTTP/2 on 443 with the certificate by name, and leads HTTP there", () => {
    expect(only(stackOf(issued), "loadbalancer")[1]).toMatchObject({
      forwarding_rule: [http, { ...http, entry_protocol: "http2", entry_port: 443, certificate_name: byName }],
      redirect_http_to_https: true,
    });
  });

  test("serves HTTP/1.1 alone and HTTP beside it when told to", () => {
    const plain = { ...issued, http2: false, redirectHttp: false };
    expect(
      only(stackOf(plain, { service: { port: 3000 }, loadBalancer: { entryPort: 8080 } }), "loadbalancer")[1],
    ).toMatchObject({
      forwarding_rule: [
        { ...http, entry_port: 8080, target_port: 3000 },
        { ...http, entry_protocol: "https", entry_port: 443, target_port: 3000, certificate_name: byName },
      ],
      redirect_http_to_https: false,
    });
  });

  test("takes one's own certificate by the name that it has in the account", () => {
    const stack = stackOf(own);
    expect(all(stack, "certificate")).toEqual([]);
    expect(JSON.stringify(only(stack, "loadbalancer")[1]["forwarding_rule"])).toContain(
      '"certificate_name":"api-2027"',
    );
  });

  test("makes no records of its own", () => {
    expect(only(stackOf(issued), "loadbalancer")[1]["disable_lets_encrypt_dns_records"]).toBe(true);
  });

  test("is found by rollout and clients under its name", () => {
    const stack = stackOf(issued);
    const [balancer] = only(stack, "loadbalancer");
    expect(manifestOf(stack).loadBalancer).toEqual({
      id: `\${digitalocean_loadbalancer.${balancer}.id}`,
      address: `\${digitalocean_loadbalancer.${balancer}.ip}`,
      backendKeepalive: false,
      scheme: "https",
      port: 443,
      serverName: "api.example.com",
    });
    expect(stack.output["url"]?.value).toBe("https://api.example.com");
  });
});

test("without a domain nothing of it is declared, and clients ask the address", () => {
  const stack = stackOf(undefined, { loadBalancer: { entryPort: 8080 } });
  const [block, balancer] = only(stack, "loadbalancer");
  for (const type of ["certificate", "domain", "record"]) expect(all(stack, type)).toEqual([]);
  expect(Object.keys(balancer).filter((key) => /redirect|encrypt/.test(key))).toEqual([]);
  expect(manifestOf(stack).loadBalancer).not.toHaveProperty("serverName");
  expect(stack.output["url"]?.value).toBe(`http://\${digitalocean_loadbalancer.${block}.ip}:8080`);
});

describe("the record", () => {
  test.each<[string, FleetConfig["domain"], object]>([
    ["goes into a zone that is there", issued, { domain: "example.com", name: "api", ttl: 300 }],
    ["may lie deeper", { ...issued, name: "a.b.example.com", ttlSeconds: 60 }, { name: "a.b", ttl: 60 }],
    ["is the zone's own when it has its name", { name: "example.com", zone: "example.com" }, { name: "@" }],
  ])("%s", (_what, domain, record) => {
    const stack = stackOf(domain);
    const [balancer] = only(stack, "loadbalancer");
    expect(all(stack, "domain")).toEqual([]);
    expect(only(stack, "record")[1]).toMatchObject({
      ...record,
      type: "A",
      value: `\${digitalocean_loadbalancer.${balancer}.ip}`,
    });
  });

  test("goes into a zone that the stack makes, before the certificate", () => {
    const stack = stackOf({ ...issued, createZone: true });
    const [zone, block] = only(stack, "domain");
    expect(block).toEqual({ name: "example.com" });
    expect(only(stack, "record")[1]["domain"]).toBe(`\${digitalocean_domain.${zone}.name}`);
    expect(only(stack, "certificate")[1]["depends_on"]).toEqual([`digitalocean_domain.${zone}`]);
  });

  test("is none where DNS is somewhere else", () => expect(all(stackOf(own), "record")).toEqual([]));
});

describe("Let's Encrypt's certificate", () => {
  test("is created before the one before it is destroyed, and no key of it is declared", () => {
    expect(only(stackOf(issued), "certificate")[1]).toEqual({
      name: expect.stringMatching(/^production-api-[0-9a-f]{8}$/),
      type: "lets_encrypt",
      domains: ["api.example.com"],
      lifecycle: { create_before_destroy: true },
    });
  });

  test("has another name whenever the provider would replace it, and the same one otherwise", () => {
    const [first, again, ...others] = certificateNames(
      issued,
      { ...issued, http2: false, redirectHttp: false, ttlSeconds: 60, createZone: true },
      { ...issued, certificate: { issue: 2 } },
      { ...issued, name: "www.example.com" },
      { ...issued, name: "api-example.com", zone: "api-example.com" },
    );
    expect(again).toBe(first);
    expect(new Set([first, ...others]).size).toBe(4);
  });
});

describe("alerts ask", () => {
  const alerts = { email: ["ops@example.com"], uptimePath: "/status" };
  const kinds = (stack: Synthesized) =>
    all(stack, "uptime_alert")
      .map(([, alert]) => alert["type"])
      .sort();

  test("the domain over HTTPS, and tell of a certificate that is about to expire", () => {
    const stack = stackOf(issued, { alerts });
    expect(only(stack, "uptime_check")[1]).toMatchObject({ type: "https", target: "https://api.example.com/status" });
    expect(kinds(stack)).toEqual(["down_global", "ssl_expiry"]);
    const expiry = all(stack, "uptime_alert").find(([, { type }]) => type === "ssl_expiry");
    expect(expiry?.[1]).toMatchObject({
      comparison: "less_than",
      threshold: 14,
      notifications: [{ email: alerts.email }],
    });
  });

  test("the address over HTTP without a domain", () => {
    const stack = stackOf(undefined, { alerts });
    expect(only(stack, "uptime_check")[1]["type"]).toBe("http");
    expect(kinds(stack)).toEqual(["down_global"]);
  });
});

describe("in a stack of the user's own", () => {
  const stack = () => {
    const ownStack = new TerraformStack(testApp(), "own");
    new DigitaloceanProvider(ownStack, "digitalocean");
    return ownStack;
  };
  const front = { name: "front", region: "ams3", dropletTag: "web", vpcUuid: "vpc" };

  test("a domain goes in front of any balancer", () => {
    const scope = stack();
    const { url } = new ApiLoadBalancer(scope, "front", {
      ...front,
      domain: new ApiDomain(scope, "name", { domain: issued }),
    });
    expect(url).toBe("https://api.example.com");
    expect(only(synthesized(scope), "record")[1]).toMatchObject({ domain: "example.com", name: "api" });
  });

  test("bad fields are named with the construct", () => {
    const scope = stack();
    expect(() => new ApiDomain(scope, "one", { domain: { ...issued, zone: "other.com" } })).toThrow(
      'ApiDomain own/one: domain.zone: zone ("other.com") is neither name ("api.example.com") nor a parent of it; name the zone that the record belongs into',
    );
    const domain = new ApiDomain(scope, "two", { domain: issued });
    expect(() => new ApiLoadBalancer(scope, "front", { ...front, entryPort: 8080, domain })).toThrow(
      /^ApiLoadBalancer own\/front: entryPort: entryPort \(8080\) is not 80, /,
    );
  });
});
