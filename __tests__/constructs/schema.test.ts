import { describe, expect, test } from "@jest/globals";
import type { Synthesized } from "../support/schema-check.js";
import { readSchemas, schemaFaults } from "../support/schema-check.js";
import type { FleetConfig } from "../../constructs/index.js";
import { exampleStack, projectFile, publicKey, synthesized } from "../support/stacks.js";

const schemas = readSchemas(projectFile("__tests__/fixtures/digitalocean-2.71.0-schema.json"));

describe("every attribute of every resource is one that the provider knows", () => {
  test.each([1, 2, 3, 10])("with %i droplets", (dropletCount) => {
    const stack = synthesized(exampleStack({ dropletCount }));
    expect(schemaFaults(stack, schemas)).toEqual([]);
    expect(stack.terraform.required_providers["digitalocean"]?.version).toBe("2.71.0");
  });

  test("with every field of the configuration set", () => {
    const stack = exampleStack({
      vpcIpRange: "10.110.0.0/20",
      outboundPorts: [5432, 25060],
      ssh: { publicKey, keyFingerprints: ["12345"], allowedCidrs: ["203.0.113.7/32", "2001:db8::/32"] },
      alerts: { email: ["ops@example.com"], uptimePath: "/status" },
      loadBalancer: {
        name: "front",
        sizeUnit: 2,
        entryPort: 8080,
        backendKeepalive: false,
        httpIdleTimeoutSeconds: 90,
      },
      service: { port: 3000, command: ["node", "server.js"], environment: { NODE_ENV: "production" }, memoryMb: 256 },
    });
    expect(schemaFaults(synthesized(stack), schemas)).toEqual([]);
  });

  test.each<[string, FleetConfig["domain"]]>([
    [
      "Let's Encrypt's certificate and a zone of its own",
      { name: "example.com", zone: "example.com", createZone: true },
    ],
    ["a certificate of one's own", { name: "api.example.com", certificate: { name: "api-2027" }, http2: false }],
  ])("with %s", (_what, domain) => {
    const stack = exampleStack({ domain, alerts: { email: ["ops@example.com"] } });
    expect(schemaFaults(synthesized(stack), schemas)).toEqual([]);
  });
});

/** The checker itself: each damage to a sound stack is found, and found alone. */
describe("the schema check is red for", () => {
  type Resource = Record<string, unknown>;
  const firstOf = (stack: Synthesized, type: string): Resource => Object.values(stack.resource[type] ?? {})[0] ?? {};
  const nested = (resource: Resource, block: string): Resource => (resource[block] as Resource[])[0] ?? {};

  test.each<[string, (stack: Synthesized) => void, RegExp]>([
    ["an unknown attribute", (s) => (firstOf(s, "digitalocean_droplet")["sise"] = "x"), /\.sise: not in the schema/],
    ["a missing required attribute", (s) => delete firstOf(s, "digitalocean_droplet")["size"], /\.size: required/],
    [
      "a text for a number",
      (s) => (firstOf(s, "digitalocean_loadbalancer")["size_unit"] = "1"),
      /size_unit: "1" is not "number"/,
    ],
    ["a number for a text", (s) => (firstOf(s, "digitalocean_droplet")["image"] = 7), /image: 7 is not "string"/],
    [
      "a text for a flag",
      (s) => (firstOf(s, "digitalocean_droplet")["monitoring"] = "true"),
      /monitoring: "true" is not "bool"/,
    ],
    [
      "a text for a list",
      (s) => (firstOf(s, "digitalocean_droplet")["tags"] = "api"),
      /tags: "api" is not \["set","string"\]/,
    ],
    [
      "a number within a list of texts",
      (s) => (firstOf(s, "digitalocean_droplet")["tags"] = [1]),
      /tags: \[1\] is not/,
    ],
    ["a text for a map", (s) => (firstOf(s, "null_resource")["triggers"] = "x"), /triggers: "x" is not/],
    [
      "a number within a map of texts",
      (s) => (firstOf(s, "null_resource")["triggers"] = { a: 1 }),
      /triggers: {"a":1} is not/,
    ],
    [
      "an attribute that only the provider sets",
      (s) => (firstOf(s, "digitalocean_droplet")["urn"] = "x"),
      /urn: only the provider/,
    ],
    [
      "a deprecated attribute",
      (s) => (firstOf(s, "digitalocean_loadbalancer")["algorithm"] = "x"),
      /algorithm: deprecated/,
    ],
    [
      "an unknown attribute of a block",
      (s) => (nested(firstOf(s, "digitalocean_firewall"), "inbound_rule")["port"] = "1"),
      /inbound_rule\[0\]\.port: not in/,
    ],
    [
      "a missing attribute of a block",
      (s) => delete nested(firstOf(s, "digitalocean_firewall"), "inbound_rule")["protocol"],
      /protocol: required/,
    ],
    [
      "too many blocks",
      (s) =>
        (firstOf(s, "digitalocean_loadbalancer")["healthcheck"] = [
          { port: 1, protocol: "x" },
          { port: 1, protocol: "x" },
        ]),
      /healthcheck: 2 blocks, at most 1/,
    ],
    [
      "a list for a single block",
      (s) => (firstOf(s, "digitalocean_droplet")["timeouts"] = [{}]),
      /timeouts: a list where one/,
    ],
    [
      "a text for a block",
      (s) => (firstOf(s, "digitalocean_firewall")["inbound_rule"] = ["x"]),
      /inbound_rule\[0\]: not a block/,
    ],
    [
      "a meta-argument within a block",
      (s) => (nested(firstOf(s, "digitalocean_firewall"), "inbound_rule")["lifecycle"] = {}),
      /lifecycle: not in/,
    ],
    [
      "an unknown resource",
      (s) => (s.resource["digitalocean_dropled"] = {}),
      /digitalocean_dropled: not a known resource/,
    ],
    ["an unknown provider", (s) => (s.provider["aws"] = [{}]), /provider\.aws: not a known provider/],
    [
      "an unknown provider setting",
      (s) => (s.provider["digitalocean"] = [{ tokn: "x" }]),
      /provider\.digitalocean\.tokn: not in/,
    ],
    [
      "a reference to nothing",
      (s) => (firstOf(s, "digitalocean_droplet")["name"] = "${digitalocean_vpc.gone.id}"),
      /gone\.id: no such resource/,
    ],
    [
      "a reference to an attribute that is not there",
      (s) =>
        (firstOf(s, "digitalocean_droplet")["name"] =
          `\${digitalocean_vpc.${Object.keys(s.resource["digitalocean_vpc"] ?? {})[0] ?? ""}.uid}`),
      /\.uid: no such attribute/,
    ],
  ])("%s", (_what, damage, fault) => {
    const stack = synthesized(exampleStack());
    damage(stack);
    const faults = schemaFaults(stack, schemas);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(fault);
  });

  test("too few blocks", () => {
    const stack = synthesized(exampleStack());
    stack.resource["digitalocean_monitor_alert"] = {
      cpu: { compare: "GreaterThan", description: "", type: "", value: 1, window: "5m" },
    };
    expect(schemaFaults(stack, schemas)).toEqual(["digitalocean_monitor_alert.cpu.alerts: 0 blocks, needs at least 1"]);
  });
});
