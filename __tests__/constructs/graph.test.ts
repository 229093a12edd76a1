/**
 * What Terraform does with the fleet, in which order: nothing that serves is deleted before the rollout has ended well. Real provider and
 * real droplets: terraform-suite.ts.
 */
import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import type { FleetConfig } from "../../constructs/index.js";
import { TerraformGraph, type Applied } from "../support/graph.js";
import type { Synthesized } from "../support/schema-check.js";
import { exampleConfig } from "../support/stacks.js";
import { describeWithTerraform } from "../support/terraform.js";

jest.setTimeout(120_000);

const three: FleetConfig = { dropletCount: 3 };
/** Another SSH port stands in the user data, which the provider changes by replacing the droplet. */
const rebuilt: FleetConfig = { ...three, ssh: { ...exampleConfig.ssh, port: 2222 } };

/** The provider would change it in place, all droplets at once with the power off. */
const larger: FleetConfig = { ...three, droplet: { size: "s-2vcpu-2gb" } };

const rolledOut = ["delete rollout", "create rollout", "update rolled-out"];

describeWithTerraform("Terraform's graph (needs the terraform binary)", () => {
  let graph: TerraformGraph;
  let first: Applied;
  beforeEach(() => {
    graph = new TerraformGraph();
    first = graph.apply({ config: three });
  });
  afterEach(() => graph.end());

  it("creates droplets and balancer before it rolls out", () => {
    expect(first.status).toBe(0);
    expect(first.done.slice(first.done.indexOf("create rollout")).sort()).toEqual([
      "create held-ports",
      "create rolled-out",
      "create rollout",
    ]);
    expect(first.done).toEqual(expect.arrayContaining(["create api-1", "create api-3", "create load-balancer"]));
  });

  it("touches nothing but the rollout for a release, and nothing at all for the same one", () => {
    expect(graph.apply({ config: three, image: "api:v2" }).done).toEqual(rolledOut);
    expect(graph.apply({ config: three, image: "api:v2" }).done).toEqual([]);
  });

  it("rolls out anew when what runs on the hosts has other settings, and not for waits and deadlines", () => {
    const settings = { ...three, service: { environment: { MODE: "b" } } };
    expect(graph.apply({ config: settings }).done).toEqual(rolledOut);
    expect(graph.apply({ config: { ...settings, rollout: { minReadySeconds: 7 } } }).done).toEqual([]);
  });

  it("changes the balancer in place", () => {
    const config = { ...three, healthCheck: { unhealthyThreshold: 4 } };
    expect(graph.apply({ config }).done).toEqual(["create guard", "update load-balancer", "delete guard"]);
  });

  describe("the guard", () => {
    const moved: FleetConfig = { ...three, healthCheck: { path: "/other" } };

    it("runs before droplets are created and the balancer is changed", () => {
      expect(first.done.indexOf("create guard")).toBeGreaterThanOrEqual(0);
      expectFirst("create guard", first.done);
      const all: FleetConfig = { ...rebuilt, ...moved, dropletCount: 4 };
      const { status, done } = graph.apply({ config: all });
      expect(status).toBe(0);
      expect(done).toEqual(expect.arrayContaining(["create api-4", "update load-balancer"]));
      expectFirst("create guard", done);
      expectAround(
        done,
        ["create api-1", "create api-2", "create api-3", "create api-4"],
        ["delete api-1", "delete api-2", "delete api-3"],
      );
    });

    it("that fails leaves droplets, balancer, firewalls and hosts as they are, and is asked again", () => {
      for (const config of [moved, { ...rebuilt, service: { port: 81 } }, { dropletCount: 2 }]) {
        const { status, done } = graph.apply({ config, guardExitCode: 3 });
        expect(status).toBe(1);
        expect(done).toContain("failed guard");
        expect(done.filter((step) => !/ (guard|rollout)$/.test(step))).toEqual([]);
        expect(done).not.toContain("create rollout");
      }
      const { status, done } = graph.apply({ config: moved });
      expect(status).toBe(0);
      expectFirst("create guard", done);
      expect(done).toContain("update load-balancer");
      expect(graph.apply({ config: moved }).done).toEqual([]);
    });

    it("that fails leaves the balancer's tag alone: in the state it would be deleted one day, also from another stack's droplets", () => {
      const { done } = graph.apply({ config: { ...three, fleetTag: "another" }, guardExitCode: 3 });
      expect(done).toContain("failed guard");
      expect(done.filter((step) => step.endsWith("fleet-tag"))).toEqual([]);
      const fresh = new TerraformGraph();
      try {
        const refused = fresh.apply({ config: three, guardExitCode: 3 });
        expect(refused.done).toEqual(expect.arrayContaining(["failed guard", "create stack-tag"]));
        expect(refused.done).not.toContain("create fleet-tag");
      } finally {
        fresh.end();
      }
    });

    it("that failed before a rebuild or a shrink does not change their order", () => {
      for (const [config, created, deleted] of [
        [{ ...rebuilt, dropletCount: 4 }, [1, 2, 3, 4], [1, 2, 3]],
        [{ ...rebuilt, dropletCount: 3 }, [], [4]],
      ] as const) {
        expect(graph.apply({ config, guardExitCode: 3 }).status).toBe(1);
        const { status, done } = graph.apply({ config });
        expect(status).toBe(0);
        expectAround(
          done,
          created.map((number) => `create api-${number}`),
          deleted.map((number) => `delete api-${number}`),
        );
      }
    });

    it("that failed after the last well ended apply is destroyed with the rest", () => {
      graph.apply({ config: moved, guardExitCode: 3 });
      expect(graph.destroy().status).toBe(0);
      expect(graph.apply({ config: three }).done).toEqual(expect.arrayContaining([...first.done]));
    });
  });

  describe.each<[string, FleetConfig, FleetConfig]>([
    ["service port", { service: { nextPort: 8080 } }, { service: { port: 8080 } }],
    ["health port", { healthCheck: { nextPort: 8090 } }, { healthCheck: { port: 8090 } }],
  ])("a change of the %s", (_name, first, then) => {
    const expanded: FleetConfig = { ...three, ...first };
    const contracted: FleetConfig = { ...three, ...then };
    const inOrder = (done: readonly string[]): string[] =>
      done.filter((step) => /(load-balancer|firewall|held-ports|(create|failed) rollout)$/.test(step));

    it("opens the new one before the balancer asks it, and closes the old one only after the rollout", () => {
      expect(inOrder(graph.apply({ config: expanded }).done)).toEqual([
        "update firewall",
        "create rollout",
        "update held-ports",
      ]);
      expect(inOrder(graph.apply({ config: contracted }).done)).toEqual([
        "update load-balancer",
        "update firewall",
        "create rollout",
        "update held-ports",
      ]);
    });

    it("leaves the old one open as long as the rollout fails", () => {
      graph.apply({ config: expanded });
      expect(inOrder(graph.apply({ config: contracted, exitCode: 5 }).done)).toEqual([
        "update load-balancer",
        "update firewall",
        "failed rollout",
      ]);
      expect(inOrder(graph.apply({ config: contracted }).done)).toEqual(["create rollout", "update held-ports"]);
    });
  });

  it.each([
    ["other user data", rebuilt],
    ["another size", larger],
  ])("rebuilds every droplet beside the old ones for %s, and deletes those after the rollout", (_change, config) => {
    const { status, done } = graph.apply({ config });
    expect(status).toBe(0);
    expectAround(
      done,
      ["create api-1", "create api-2", "create api-3"],
      ["delete api-1", "delete api-2", "delete api-3"],
    );
    expect(done.filter((step) => step.endsWith("load-balancer"))).toEqual([]);
  });

  describe("another size", () => {
    it("is another droplet also after a guard that refused it", () => {
      expect(graph.apply({ config: larger, guardExitCode: 3 }).done).toContain("failed guard");
      expectAround(
        graph.apply({ config: larger }).done,
        ["create api-1", "create api-2", "create api-3"],
        ["delete api-1", "delete api-2", "delete api-3"],
      );
    });

    it("is another droplet also after an apply that could create only some of them", () => {
      const failed = graph.apply({ config: larger, change: (stack) => withoutRoomFor("api-2", stack) });
      expect(failed.status).toBe(1);
      expect(ofDroplets(failed.done)).toEqual(["create api-1", "create api-3"]);
      expectAround(
        graph.apply({ config: larger }).done,
        ["create api-2"],
        ["delete api-1", "delete api-2", "delete api-3"],
      );
    });
  });

  it("grows before the rollout", () => {
    const { done } = graph.apply({ config: { dropletCount: 5 } });
    expectAround(done, ["create api-4", "create api-5"], []);
  });

  it("shrinks after the rollout", () => {
    const { done } = graph.apply({ config: { dropletCount: 2 } });
    expectAround(done, [], ["delete api-3"]);
  });

  it("replaces a droplet that is told to be, or tainted, like one that is rebuilt", () => {
    expectAround(graph.apply({ config: three, replace: ["api-2"] }).done, ["create api-2"], ["delete api-2"]);
  });

  it("deletes nothing when the rollout fails, and goes on where it stopped", () => {
    const failed = graph.apply({ config: rebuilt, exitCode: 5 });
    expect(failed.status).toBe(1);
    expect(failed.done.at(-1)).toBe("failed rollout");
    expect(failed.done.filter((step) => /^delete api/.test(step))).toEqual([]);
    const again = graph.apply({ config: rebuilt, exitCode: 6 });
    expect(again.done.filter((step) => /(?:create|delete) api/.test(step))).toEqual([]);
    expectAround(graph.apply({ config: rebuilt }).done, [], ["delete api-1", "delete api-2", "delete api-3"]);
  });

  it("destroys all, without a rollout", () => {
    const { status, done } = graph.destroy();
    expect(status).toBe(0);
    expect([...done].sort()).toEqual([...first.done.map((step) => step.replace("create", "delete"))].sort());
  });

  describe("without what it rests on", () => {
    it("deletes what serves first when droplets are not created before they are destroyed", () => {
      const change = (stack: Synthesized): Synthesized => withoutLifecycle(stack);
      graph.apply({ config: three, change });
      const { done } = graph.apply({ config: rebuilt, change });
      expect(done.indexOf("delete api-1")).toBeLessThan(done.indexOf("create rollout"));
    });

    it("changes a droplet in place, with the power off, when the size is not in its user data", () => {
      const change = (stack: Synthesized): Synthesized => withoutSize(stack);
      graph.apply({ config: three, change });
      expect(ofDroplets(graph.apply({ config: larger, change }).done)).toEqual([
        "update api-1",
        "update api-2",
        "update api-3",
      ]);
    });

    it("deletes what serves beside the rollout when that does not depend on the droplets", () => {
      const change = (stack: Synthesized): Synthesized => withoutDependency(stack);
      graph.apply({ config: three, change });
      const { done } = graph.apply({ config: { dropletCount: 2 }, change, exitCode: 5 });
      expect(done).toContain("delete api-3");
    });

    it("changes balancer and droplets although the guard fails when they do not depend on it", () => {
      const change = (stack: Synthesized): Synthesized => withoutGuard(stack);
      graph.apply({ config: three, change });
      const config: FleetConfig = { ...rebuilt, healthCheck: { path: "/other" } };
      const { status, done } = graph.apply({ config, change, guardExitCode: 3 });
      expect(status).toBe(1);
      expect(done).toEqual(expect.arrayContaining(["failed guard", "update load-balancer", "create api-1"]));
    });

    it("deletes what serves beside the rollout, after an apply that did not come that far, when nothing remembers the rollout", () => {
      const change = (stack: Synthesized): Synthesized => withoutMemory(stack);
      graph.apply({ config: three, change });
      expect(graph.apply({ config: { dropletCount: 2 }, change, guardExitCode: 3 }).status).toBe(1);
      const { done } = graph.apply({ config: { dropletCount: 2 }, change, exitCode: 5 });
      expect(done).toContain("delete api-3");
    });

    it("takes new droplets in before any rollout when the balancer finds them by id instead of by tag", () => {
      const change = (stack: Synthesized): Synthesized => byIds(stack);
      graph.apply({ config: three, change });
      const { done } = graph.apply({ config: rebuilt, change });
      expect(done.indexOf("update load-balancer")).toBeLessThan(done.indexOf("create rollout"));
      expect(done).toContain("update load-balancer");
    });
  });
});

const ofDroplets = (steps: readonly string[]): string[] => steps.filter((step) => / api-\d+$/.test(step)).sort();

/** The rollout comes after all that is created and before all that is deleted, and nothing else happens to droplets. */
function expectAround(done: readonly string[], created: readonly string[], deleted: readonly string[]): void {
  const rollout = done.indexOf("create rollout");
  expect(rollout).toBeGreaterThanOrEqual(0);
  expect(ofDroplets(done.slice(0, rollout))).toEqual([...created]);
  expect(ofDroplets(done.slice(rollout))).toEqual([...deleted]);
}

/** Nothing happens to a droplet or the balancer before it; what is deleted is not yet created, or no longer. */
function expectFirst(step: string, done: readonly string[]): void {
  const before = done.slice(0, done.indexOf(step));
  expect(before.filter((one) => / (api-\d+|load-balancer)$/.test(one))).toEqual([]);
}

type Blocks = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

const changed = (
  stack: Synthesized,
  type: string,
  change: (block: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>,
): Synthesized => {
  const blocks = Object.entries((stack.resource[type] ?? {}) as Blocks);
  const resource = {
    ...stack.resource,
    [type]: Object.fromEntries(blocks.map(([name, block]) => [name, change(block)])),
  };
  return { ...stack, resource };
};

const withoutLifecycle = (stack: Synthesized): Synthesized =>
  changed(stack, "digitalocean_droplet", (block) => ({ ...block, lifecycle: undefined }));

const withoutSize = (stack: Synthesized): Synthesized =>
  changed(stack, "digitalocean_droplet", (block) => {
    const text = String(block["user_data"]);
    const user_data = text.replace(/^# Size: .+\n/m, "");
    expect(user_data).not.toBe(text);
    return { ...block, user_data };
  });

/** A droplet that cannot be created. */
function withoutRoomFor(droplet: string, stack: Synthesized): Synthesized {
  const room = { triggers: { of: droplet }, provisioner: [{ "local-exec": { command: "exit 1" } }] };
  const { resource } = changed(stack, "digitalocean_droplet", (block) =>
    block["name"] === droplet
      ? { ...block, depends_on: [...(block["depends_on"] as string[]), "null_resource.no_room"] }
      : block,
  );
  return { ...stack, resource: { ...resource, null_resource: { ...resource["null_resource"], no_room: room } } };
}

const withoutGuard = (stack: Synthesized): Synthesized =>
  ["digitalocean_droplet", "digitalocean_loadbalancer", "digitalocean_tag"].reduce(
    (sofar, type) => changed(sofar, type, (block) => ({ ...block, depends_on: undefined })),
    stack,
  );

const withoutMemory = (stack: Synthesized): Synthesized => {
  const memories = Object.entries(stack.resource["terraform_data"] ?? {});
  const kept = memories.filter(([name]) => !name.startsWith("rollout_rolled-out_"));
  expect(kept).toHaveLength(memories.length - 1);
  return { ...stack, resource: { ...stack.resource, terraform_data: Object.fromEntries(kept) } };
};

/** References to droplets bring the dependency back: they go, too. */
const withoutDependency = (stack: Synthesized): Synthesized =>
  changed(stack, "null_resource", (block) => {
    const text = JSON.stringify(block).replaceAll(/\$\{digitalocean_droplet[^}]*\}/g, "none");
    const { triggers, ...rest } = JSON.parse(text) as { triggers: Record<string, unknown>; depends_on: unknown };
    const droplets = Object.keys(stack.resource["digitalocean_droplet"] ?? {}).length;
    return { ...rest, depends_on: [], triggers: { ...triggers, droplets: String(droplets) } };
  });

const byIds = (stack: Synthesized): Synthesized => {
  const droplets = Object.keys(stack.resource["digitalocean_droplet"] ?? {});
  const droplet_ids = droplets.map((name) => `\${digitalocean_droplet.${name}.id}`);
  return changed(stack, "digitalocean_loadbalancer", (block) => ({ ...block, droplet_tag: undefined, droplet_ids }));
};
