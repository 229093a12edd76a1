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
    expect(first.done.at(-1)).toBe("create rollout");
    expect(first.done).toEqual(expect.arrayContaining(["create api-1", "create api-3", "create load-balancer"]));
  });

  it("touches nothing but the rollout for a release, and nothing at all for the same one", () => {
    expect(graph.apply({ config: three, image: "api:v2" }).done).toEqual(["delete rollout", "create rollout"]);
    expect(graph.apply({ config: three, image: "api:v2" }).done).toEqual([]);
  });

  it("rolls out anew when what runs on the hosts has other settings, and not for waits and deadlines", () => {
    const settings = { ...three, service: { environment: { MODE: "b" } } };
    expect(graph.apply({ config: settings }).done).toEqual(["delete rollout", "create rollout"]);
    expect(graph.apply({ config: { ...settings, rollout: { minReadySeconds: 7 } } }).done).toEqual([]);
  });

  it("changes the balancer in place", () => {
    const config = { ...three, healthCheck: { unhealthyThreshold: 4 } };
    expect(graph.apply({ config }).done).toEqual(["update load-balancer"]);
  });

  it("rebuilds every droplet beside the old ones, and deletes those after the rollout; the balancer stays as it is", () => {
    const { status, done } = graph.apply({ config: rebuilt });
    expect(status).toBe(0);
    expectAround(
      done,
      ["create api-1", "create api-2", "create api-3"],
      ["delete api-1", "delete api-2", "delete api-3"],
    );
    expect(done.filter((step) => step.endsWith("load-balancer"))).toEqual([]);
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

    it("deletes what serves beside the rollout when that does not depend on the droplets", () => {
      const change = (stack: Synthesized): Synthesized => withoutDependency(stack);
      graph.apply({ config: three, change });
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

/** The rollout comes after all that is created and before all that is deleted, and nothing else happens to droplets. */
function expectAround(done: readonly string[], created: readonly string[], deleted: readonly string[]): void {
  const rollout = done.indexOf("create rollout");
  const ofDroplets = (steps: readonly string[]): string[] => steps.filter((step) => / api-\d+$/.test(step)).sort();
  expect(rollout).toBeGreaterThanOrEqual(0);
  expect(ofDroplets(done.slice(0, rollout))).toEqual([...created]);
  expect(ofDroplets(done.slice(rollout))).toEqual([...deleted]);
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
