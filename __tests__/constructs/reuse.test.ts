import { describe, expect, test } from "@jest/globals";
import { DigitaloceanProvider } from "@cdktf/provider-digitalocean/lib/provider/index.js";
import { Vpc } from "@cdktf/provider-digitalocean/lib/vpc/index.js";
import { TerraformStack, Token } from "cdktf";
import { ApiFleet, ApiLoadBalancer, FleetFirewall, Rollout } from "../../constructs/index.js";
import { readSchemas, schemaFaults } from "../support/schema-check.js";
import { bundleFixture, projectFile, publicKey, synthesized, testApp } from "../support/stacks.js";

const schemas = readSchemas(projectFile("__tests__/fixtures/digitalocean-2.71.0-schema.json"));

/** A stack that is not ours. */
function ownStack(): TerraformStack {
  const stack = new TerraformStack(testApp(), "own");
  new DigitaloceanProvider(stack, "digitalocean");
  return stack;
}

const ssh = { publicKey };
const types = (stack: TerraformStack) => Object.keys(synthesized(stack).resource).sort();

describe("in a stack of the user's own", () => {
  test("a fleet alone brings droplets, tags, key and network", () => {
    const stack = ownStack();
    new ApiFleet(stack, "workers", { name: "worker", fleetTag: "workers", dropletCount: 3, ssh });
    expect(types(stack)).toEqual([
      "digitalocean_droplet",
      "digitalocean_ssh_key",
      "digitalocean_tag",
      "digitalocean_vpc",
    ]);
    const droplets = Object.values(synthesized(stack).resource["digitalocean_droplet"] ?? {});
    expect(droplets.map((droplet) => droplet["name"])).toEqual(["worker-1", "worker-2", "worker-3"]);
    expect(schemaFaults(synthesized(stack), schemas)).toEqual([]);
  });

  test("a fleet takes an existing network and existing keys", () => {
    const stack = ownStack();
    const vpc = new Vpc(stack, "shared", { name: "shared", region: "sfo3" });
    new ApiFleet(stack, "fleet", { vpcUuid: vpc.id, ssh: { keyFingerprints: ["12345"] } });
    const { resource } = synthesized(stack);
    expect(resource["digitalocean_ssh_key"]).toBeUndefined();
    expect(Object.keys(resource["digitalocean_vpc"] ?? {})).toEqual(["shared"]);
    for (const droplet of Object.values(resource["digitalocean_droplet"] ?? {})) {
      expect(droplet).toMatchObject({ vpc_uuid: "${digitalocean_vpc.shared.id}", ssh_keys: ["12345"] });
    }
  });

  test("a balancer alone sends requests to any tag", () => {
    const stack = ownStack();
    const vpc = new Vpc(stack, "shared", { name: "shared", region: "ams3" });
    new ApiLoadBalancer(stack, "front", { name: "front", region: "ams3", dropletTag: "web", vpcUuid: vpc.id });
    expect(types(stack)).toEqual(["digitalocean_loadbalancer", "digitalocean_vpc"]);
    expect(synthesized(stack).resource["digitalocean_loadbalancer"]).toMatchObject({
      [Object.keys(synthesized(stack).resource["digitalocean_loadbalancer"] ?? {})[0] ?? ""]: {
        droplet_tag: "web",
        healthcheck: {
          port: 8086,
          check_interval_seconds: 10,
          response_timeout_seconds: 5,
          unhealthy_threshold: 2,
          healthy_threshold: 3,
        },
      },
    });
    expect(schemaFaults(synthesized(stack), schemas)).toEqual([]);
  });

  test("two fleets, each with balancer and firewall, live in one stack", () => {
    const stack = ownStack();
    for (const name of ["api", "web"]) {
      const fleet = new ApiFleet(stack, `${name}-fleet`, { name, fleetTag: `http-${name}`, ssh });
      const { fleetTag: dropletTag, vpcUuid } = fleet;
      const balancer = new ApiLoadBalancer(stack, `${name}-balancer`, { name, dropletTag, vpcUuid });
      new FleetFirewall(stack, `${name}-firewall`, { name, dropletTag: fleet.stackTag, loadBalancerUid: balancer.uid });
    }
    expect(Object.keys(synthesized(stack).resource["digitalocean_droplet"] ?? {})).toHaveLength(4);
    expect(schemaFaults(synthesized(stack), schemas)).toEqual([]);
  });
});

test("a firewall gives a port that is named twice one rule", () => {
  const ports = { servicePort: 80, nextPort: 80, healthPort: 8086, nextHealthPort: 8086 };
  const { resource } = new FleetFirewall(ownStack(), "wall", { dropletTag: "web", loadBalancerUid: "x", ...ports });
  const rules = resource.inboundRuleInput as { portRange: string }[];
  expect(rules.map(({ portRange }) => portRange)).toEqual(["80", "8086"]);
});

describe("each construct refuses bad props with its own path", () => {
  const where = { dropletTag: "web", vpcUuid: "x" };

  test("a fleet without a key", () => {
    expect(() => new ApiFleet(ownStack(), "fleet", {})).toThrow(
      "ApiFleet own/fleet: ssh: publicKey is not set and keyFingerprints is empty (0 keys); set one of them",
    );
  });

  test("a number that only an apply knows", () => {
    const dropletCount = Token.asNumber("${var.count}");
    expect(() => new ApiFleet(ownStack(), "fleet", { dropletCount, ssh })).toThrow(
      "ApiFleet own/fleet: dropletCount: got a Terraform token, known only during apply; " +
        "needs a whole number of droplets from 1 to 100, written out, because the rollout is planned at synth",
    );
  });

  test("a balancer with a threshold of 1", () => {
    const healthCheck = { healthyThreshold: 1 };
    expect(() => new ApiLoadBalancer(ownStack(), "front", { name: "front", ...where, healthCheck })).toThrow(
      "ApiLoadBalancer own/front: healthCheck.healthyThreshold: got 1; needs a whole number of probes from 2 to 10",
    );
  });

  test("a firewall with a range that is none", () => {
    const firewall = { dropletTag: "web", loadBalancerUid: "x", allowedCidrs: ["203.0.113.7/99"] };
    expect(() => new FleetFirewall(ownStack(), "wall", firewall)).toThrow(
      'FleetFirewall own/wall: allowedCidrs[0]: got "203.0.113.7/99"; needs a range such as 203.0.113.7/32',
    );
  });
});

describe("a rollout in a stack of the user's own", () => {
  const parts = (stack: TerraformStack, servicePort = 80) => {
    const fleet = new ApiFleet(stack, "fleet", { ssh });
    const { fleetTag: dropletTag, vpcUuid } = fleet;
    const loadBalancer = new ApiLoadBalancer(stack, "front", { name: "front", dropletTag, vpcUuid, servicePort });
    return { fleet, loadBalancer, image: "", bundlePath: bundleFixture };
  };

  test("takes the port that the balancer sends requests to", () => {
    const stack = ownStack();
    expect(new Rollout(stack, "rollout", parts(stack, 3000)).manifest.service.port).toBe(3000);
  });

  test("refuses another port than the balancer's", () => {
    const stack = ownStack();
    expect(() => new Rollout(stack, "rollout", { ...parts(stack), service: { port: 3000 } })).toThrow(
      "Rollout own/rollout: service.port: port (3000) is not the balancer's servicePort (80); make them the same, or leave port out",
    );
  });

  test("refuses what the manifest would refuse", () => {
    const stack = ownStack();
    expect(() => new Rollout(stack, "rollout", { ...parts(stack), rollout: { maxUnavailable: 2 } })).toThrow(
      "Rollout own/rollout manifest: rollout.maxUnavailable: maxUnavailable (2) takes out all 2 hosts; needs at most 1",
    );
  });
});
