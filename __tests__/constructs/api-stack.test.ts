import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { Testing } from "cdktf";
import { fleetFields } from "../../contract/config.js";
import { guardInput } from "../../contract/guard.js";
import { manifest } from "../../contract/manifest.js";
import { parseJson } from "../../contract/problems.js";
import type { FleetConfig } from "../../constructs/index.js";
import { ApiStack } from "../../constructs/index.js";
import type { Synthesized } from "../support/schema-check.js";
import {
  bundleFixture,
  exampleConfig,
  exampleStack,
  publicKey,
  pictured,
  synthesized,
  testApp,
} from "../support/stacks.js";

/** @param name how the block's name begins, where there are several of the type */
const only = (stack: Synthesized, type: string, name = "") => {
  const all = Object.entries(stack.resource[type] ?? {}).filter(([block]) => block.startsWith(name));
  expect(all).toHaveLength(1);
  return all[0]?.[1] ?? {};
};
const localExec = (stack: Synthesized, name = "rollout") => {
  const resource = only(stack, "null_resource", name);
  const [provisioner] = resource["provisioner"] as { "local-exec": Record<string, unknown> }[];
  return provisioner?.["local-exec"] ?? {};
};
const triggers = (config: FleetConfig, name = "rollout") =>
  only(synthesized(exampleStack(config)), "null_resource", name)["triggers"];

describe("the synthesized stack", () => {
  test.each([1, 2, 3, 10])("with %i droplets is what it was", (dropletCount) => {
    expect(pictured(synthesized(exampleStack({ dropletCount })))).toMatchSnapshot();
  });

  test("is the same each time", () => {
    expect(Testing.synth(exampleStack())).toBe(Testing.synth(exampleStack()));
  });

  test("has the article's defaults", () => {
    const stack = synthesized(exampleStack());
    const droplets = Object.values(stack.resource["digitalocean_droplet"] ?? {});
    expect(droplets.map((droplet) => droplet["name"])).toEqual(["api-1", "api-2"]);
    expect(only(stack, "digitalocean_loadbalancer")).toMatchObject({
      forwarding_rule: [{ entry_port: 80, entry_protocol: "http", target_port: 80, target_protocol: "http" }],
      healthcheck: {
        ...{ protocol: "http", port: 8086, path: "/health", check_interval_seconds: 10 },
        ...{ unhealthy_threshold: 2, healthy_threshold: 3 },
      },
    });
    expect(Object.values(stack.resource["digitalocean_tag"] ?? {})[0]).toMatchObject({ name: "http-api" });
  });

  test("keeps the address of a droplet when the fleet grows or shrinks", () => {
    const names = (dropletCount: number) =>
      Object.keys(synthesized(exampleStack({ dropletCount })).resource["digitalocean_droplet"] ?? {});
    expect(names(2)).toEqual(["fleet_api-1_EA027F34", "fleet_api-2_D331836E"]);
    expect(names(10)).toEqual(expect.arrayContaining(names(3)));
    expect(names(3)).toEqual(expect.arrayContaining(names(2)));
  });

  test("leaves providers to the environment and their versions exact", () => {
    const { provider, terraform } = synthesized(exampleStack());
    expect(provider).toEqual({ digitalocean: [{}], null: [{}] });
    expect(terraform).toMatchObject({
      required_version: ">= 1.5.0, < 1.16.0",
      required_providers: { digitalocean: { version: "2.71.0" }, null: { version: "3.2.4" } },
    });
  });
});

describe("a rebuild or a shrink never takes a serving droplet away", () => {
  const stack = synthesized(exampleStack({ dropletCount: 3 }));
  const droplets = Object.entries(stack.resource["digitalocean_droplet"] ?? {});

  test("every droplet is created before it is destroyed", () => {
    for (const [, droplet] of droplets) expect(droplet["lifecycle"]).toMatchObject({ create_before_destroy: true });
    expect(droplets).toHaveLength(3);
  });

  test("one rollout waits for all droplets, the balancer and the firewall", () => {
    const [balancer = ""] = Object.keys(stack.resource["digitalocean_loadbalancer"] ?? {});
    const [firewall = ""] = Object.keys(stack.resource["digitalocean_firewall"] ?? {});
    expect(only(stack, "null_resource", "rollout")["depends_on"]).toEqual([
      ...droplets.map(([name]) => `digitalocean_droplet.${name}`),
      `digitalocean_loadbalancer.${balancer}`,
      `digitalocean_firewall.${firewall}`,
    ]);
  });

  test("the balancer finds droplets by their tag and never by ids", () => {
    const [fleetTag = "", stackTag = ""] = Object.keys(stack.resource["digitalocean_tag"] ?? {});
    const balancer = only(stack, "digitalocean_loadbalancer");
    expect(balancer).toMatchObject({ droplet_tag: `\${digitalocean_tag.${fleetTag}.name}`, network: "EXTERNAL" });
    expect(balancer).not.toHaveProperty("droplet_ids");
    for (const [, droplet] of droplets) {
      expect(droplet["tags"]).toEqual([fleetTag, stackTag].map((tag) => `\${digitalocean_tag.${tag}.name}`));
    }
  });

  test("the firewall stays on a superseded droplet: it is attached by the stack's own tag", () => {
    for (const name of ["firewall", "held-ports"]) {
      expect(only(stack, "digitalocean_firewall", name)["tags"]).toEqual([
        expect.stringMatching(/^\$\{digitalocean_tag\.fleet_stack-tag_/),
      ]);
    }
  });
});

describe("the SSH key", () => {
  const registered = (line: string) =>
    only(synthesized(exampleStack({ ssh: { publicKey: line } })), "digitalocean_ssh_key")["public_key"];
  const [type = "", key = ""] = publicKey.split(" ");

  test("is registered without its comment, so that another comment is no other key", () => {
    expect(key).not.toBe("");
    for (const comment of ["", " ", " tests", " ops@example.com on two machines"])
      expect(registered(`${type} ${key}${comment}`)).toBe(`${type} ${key}`);
  });
});

describe("the firewall", () => {
  const inbound = (config: FleetConfig, name = "firewall") =>
    only(synthesized(exampleStack(config)), "digitalocean_firewall", name)["inbound_rule"];
  const fromBalancer = (port: number) => ({
    protocol: "tcp",
    port_range: String(port),
    source_load_balancer_uids: [expect.stringMatching(/^\$\{digitalocean_loadbalancer\..*\.id\}$/)],
  });

  test("opens service port and health port to this balancer only and SSH to the listed ranges only", () => {
    expect(inbound({ ssh: { publicKey, allowedCidrs: ["203.0.113.7/32"] } })).toEqual([
      fromBalancer(80),
      fromBalancer(8086),
      { protocol: "tcp", port_range: "22", source_addresses: ["203.0.113.7/32"] },
    ]);
  });

  test("shares its name with none of another fleet's, whatever that is called", () => {
    const names = (name: string): unknown[] =>
      Object.values(synthesized(exampleStack({ name })).resource["digitalocean_firewall"] ?? {}).map(
        (firewall) => firewall["name"],
      );
    const [, held = ""] = names("api").map(String);
    const fleet = held.slice("production-".length);
    expect(fleetFields.shape.name.safeParse(fleet).success).toBe(false);
    expect(held).toMatch(/^[a-zA-Z0-9][a-zA-Z0-9.-]+$/);
    expect(new Set([...names("api"), ...names("api-held")]).size).toBe(4);
  });

  test("has no rule for SSH when no range is listed", () => {
    expect(inbound({ ssh: { publicKey } })).toEqual([fromBalancer(80), fromBalancer(8086)]);
  });

  const outbound = (outboundPorts: number[]): string[] => {
    const rules = only(synthesized(exampleStack({ outboundPorts })), "digitalocean_firewall", "firewall")[
      "outbound_rule"
    ] as { protocol: string; port_range: string; destination_addresses: string[] }[];
    return rules
      .map((rule) => `${rule.protocol} ${rule.port_range} to ${rule.destination_addresses.join(" and ")}`)
      .sort();
  };
  const everywhere = (...rules: string[]): string[] => rules.map((rule) => `${rule} to 0.0.0.0/0 and ::/0`).sort();
  const always = ["tcp 53", "udp 53", "tcp 80", "udp 123", "tcp 443"];

  test("lets out names, packages, time, images and HTTPS, and what is listed", () => {
    expect(outbound([])).toEqual(everywhere(...always));
    expect(outbound([5432, 25060])).toEqual(everywhere(...always, "tcp 5432", "tcp 25060"));
  });

  test("opens no port twice", () => {
    expect(outbound([443, 123, 53, 80])).toEqual(everywhere(...always, "tcp 123"));
  });

  test("opens the ports that the balancer is to change over to as well, and another one holds all until the rollout has ended", () => {
    const ports = {
      ssh: { publicKey },
      service: { port: 81, nextPort: 8080 },
      healthCheck: { port: 8085, nextPort: 8090 },
    };
    const all = [81, 8080, 8085, 8090].map(fromBalancer);
    expect(inbound(ports)).toEqual(all);
    expect(inbound(ports, "held-ports")).toEqual(all);
    const stack = synthesized(exampleStack());
    const [rollout = ""] = Object.keys(stack.resource["null_resource"] ?? {}).filter((name) =>
      name.startsWith("rollout"),
    );
    expect(only(stack, "digitalocean_firewall", "held-ports")["depends_on"]).toEqual([`null_resource.${rollout}`]);
  });
});

describe("the rollout's provisioner", () => {
  test("runs the bundle beside the stack, without a double quote in the command", () => {
    const { command, environment, quiet } = localExec(synthesized(exampleStack()));
    expect(command).toMatch(/; node \$EVENKEEL_BUNDLE deploy; exit \$\?$/);
    expect(command).not.toContain('"');
    expect(quiet).toBe(true);
    expect(environment).toMatchObject({
      EVENKEEL_IMAGE: "${var.image}",
      EVENKEEL_STARTED_BY: "terraform",
      EVENKEEL_BUNDLE: expect.stringMatching(/^\$\{path\.module\}\/assets\/rollout-bundle\/\w+\/rollout-bundle\.mjs$/),
    });
    expect(Object.keys(environment as object)).toHaveLength(4);
  });

  test("carries the manifest with plain references only", () => {
    const stack = synthesized(exampleStack());
    const text = (localExec(stack)["environment"] as Record<string, string>)["EVENKEEL_MANIFEST"] ?? "";
    const expressions = text.match(/\$\{[^}]*\}/g) ?? [];
    expect(expressions).toHaveLength(2 * 3 + 2);
    for (const expression of expressions) {
      expect(expression).toMatch(
        /^\$\{digitalocean_(droplet|loadbalancer)\.[A-Za-z0-9_-]+\.(id|ip|ipv4_address|ipv4_address_private)\}$/,
      );
    }
    expect(stack.output["manifest"]?.value).toBe(text);
    let known = 0;
    const applied = text.replaceAll(/\$\{[^}]*\}/g, (expression) => {
      known += 1;
      return expression.includes("ipv4_address_private") ? `10.110.0.${known}` : `known-${known}`;
    });
    expect(() => parseJson("manifest", manifest, applied)).not.toThrow();
  });

  test("runs again for what a release is made of and for its ports, and not for how it is rolled out", () => {
    const before = triggers({});
    expect(
      triggers({
        ...{ rollout: { drainTimeoutSeconds: 61 }, healthCheck: { checkIntervalSeconds: 20 }, outboundPorts: [5432] },
      }),
    ).toEqual(before);
    for (const change of [
      { service: { environment: { A: "1" } } },
      { service: { port: 81 } },
      { service: { memoryMb: 64 } },
      { service: { command: ["x"] } },
      { service: { nextPort: 8080 } },
      { healthCheck: { port: 8090 } },
      { healthCheck: { nextPort: 8090 } },
      { healthCheck: { path: "/other" } },
      { healthCheck: { nextPath: "/other" } },
      { fleetTag: "other" },
      { environment: "staging" },
      { dropletCount: 3 },
    ] satisfies FleetConfig[]) {
      expect(triggers(change)).not.toEqual(before);
    }
  });

  test("runs again for another image and for a raised counter", () => {
    expect(triggers({})).toMatchObject({ image: "${var.image}", redeploy: "${var.redeploy}" });
  });
});

describe("the guard", () => {
  const stack = synthesized(exampleStack());

  test("comes before every droplet and the balancer, and after nothing", () => {
    const [guard = ""] = Object.keys(stack.resource["null_resource"] ?? {}).filter((name) => name.startsWith("guard"));
    const guarded = ["digitalocean_droplet", "digitalocean_loadbalancer"].flatMap((type) =>
      Object.values(stack.resource[type] ?? {}),
    );
    expect(guarded).toHaveLength(3);
    for (const resource of guarded) expect(resource["depends_on"]).toEqual([`null_resource.${guard}`]);
    const guarding = { ...only(stack, "null_resource", "guard"), provisioner: null };
    expect(JSON.stringify(guarding)).not.toContain("${");
  });

  test("is told what is declared, written out and without a secret", () => {
    const { command, environment, quiet } = localExec(stack, "guard");
    expect(command).toMatch(/; node \$EVENKEEL_BUNDLE guard; exit \$\?$/);
    expect(command).not.toContain('"');
    expect(quiet).toBe(true);
    const { EVENKEEL_GUARD: input = "", EVENKEEL_BUNDLE: bundle, ...others } = environment as Record<string, string>;
    expect(others).toEqual({});
    expect(bundle).toMatch(/^\$\{path\.module\}\/assets\/rollout-bundle\/\w+\/rollout-bundle\.mjs$/);
    expect(input).not.toContain("${");
    expect(parseJson("guard", guardInput, input)).toMatchObject({
      ...{ fleet: "api", fleetTag: "http-api", stackTag: "evenkeel:production:api", dropletCount: 2 },
      ...{ balancerName: "sfo3-api", healthPath: "/health", healthPort: 8086, servicePort: 80, sizeUnit: 1 },
      bootTimeoutSeconds: 600,
    });
  });

  test("runs again for what changes a droplet or the balancer", () => {
    const before = triggers({}, "guard");
    for (const change of [
      { dropletCount: 3 },
      { droplet: { size: "s-2vcpu-2gb" } },
      { ssh: { publicKey: publicKey.replace("Anywhere0", "Anywhere1") } },
      { ssh: { publicKey, user: "other" } },
      { ssh: { publicKey, port: 2222 } },
      { vpcIpRange: "10.110.0.0/20" },
      { region: "ams3" },
      { fleetTag: "other" },
      { loadBalancer: { sizeUnit: 2 } },
      { loadBalancer: { httpIdleTimeoutSeconds: 90 } },
      { healthCheck: { path: "/other" } },
      { healthCheck: { port: 8090 } },
      { healthCheck: { checkIntervalSeconds: 20 } },
      { service: { port: 81 } },
    ] satisfies FleetConfig[]) {
      expect(triggers(change, "guard")).not.toEqual(before);
    }
  });

  test("does not run for a release alone, nor for how it is rolled out", () => {
    const before = triggers({}, "guard");
    for (const change of [
      { healthCheck: { nextPath: "/other", nextPort: 8090 } },
      { service: { nextPort: 8080, environment: { A: "1" }, command: ["x"], memoryMb: 64 } },
      { rollout: { drainTimeoutSeconds: 61, bootTimeoutSeconds: 90 } },
      { ssh: { publicKey, allowedCidrs: ["203.0.113.8/32"], configFile: "~/.ssh/other" } },
      { ssh: { publicKey: `${publicKey} of somebody else` } },
      { alerts: { email: ["ops@example.com"] } },
      { outboundPorts: [5432] },
    ] satisfies FleetConfig[]) {
      expect(triggers(change, "guard")).toEqual(before);
    }
  });
});

test("the balancer is not told of the path and the ports that are to follow", () => {
  const balancer = (config: FleetConfig) => only(synthesized(exampleStack(config)), "digitalocean_loadbalancer");
  const expanded = { healthCheck: { nextPath: "/next", nextPort: 8090 }, service: { nextPort: 8080 } };
  expect(balancer(expanded)).toEqual(balancer({}));
});

describe("outputs", () => {
  test("name what people and the command line need, and nothing secret or unstable", () => {
    const { output } = synthesized(exampleStack());
    expect(Object.keys(output).sort()).toEqual(["droplet_addresses", "load_balancer_ip", "manifest", "url"]);
    for (const { description } of Object.values(output)) expect(description).toMatch(/^\S.+\S$/);
    expect(JSON.stringify(output)).not.toMatch(/sensitive|droplet_ids/);
  });
});

describe("secrets", () => {
  const planted = {
    DIGITALOCEAN_TOKEN: "planted-digitalocean-token",
    DIGITALOCEAN_ACCESS_TOKEN: "planted-access-token",
    EVENKEEL_REGISTRY_PASSWORD: "planted-registry-password",
    EVENKEEL_REGISTRY_USER: "planted-registry-user",
    SPACES_SECRET_ACCESS_KEY: "planted-spaces-key",
    AWS_SECRET_ACCESS_KEY: "planted-aws-key",
  };
  const before = { ...process.env };
  beforeEach(() => void Object.assign(process.env, planted));
  afterEach(() => {
    for (const name of Object.keys(planted)) Reflect.deleteProperty(process.env, name);
    Object.assign(process.env, before);
  });

  test("of the environment do not reach the synthesized JSON", () => {
    expect(Testing.synth(exampleStack())).not.toContain("planted");
  });
});

describe("bad input", () => {
  const build =
    (config: unknown, bundlePath = bundleFixture) =>
    () =>
      new ApiStack(testApp(), "api-production", { config: config as FleetConfig, bundlePath });

  test("is refused with one line a fault", () => {
    expect(build({ ...exampleConfig, dropletCount: 0, region: 7 })).toThrow(
      "config: region: got 7; needs a slug of small letters, digits, - and .\n" +
        "config: dropletCount: got 0; needs a whole number of droplets from 1 to 100",
    );
  });

  test("a missing bundle is named with its mend", () => {
    expect(build(exampleConfig, "dist/none.mjs")).toThrow(
      'bundlePath: got "dist/none.mjs", where no file is; needs the bundled rollout: run "npm run build" first',
    );
  });

  test("a folder is no bundle", () => {
    expect(build(exampleConfig, "contract")).toThrow('bundlePath: got "contract", where no file is');
  });
});
