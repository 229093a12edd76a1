/** What Terraform does when the balancer's certificate becomes another one: it is changed in place, and never without a certificate. */
import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import type { FleetConfig } from "../../constructs/index.js";
import { TerraformGraph } from "../support/graph.js";
import type { Synthesized } from "../support/schema-check.js";
import { describeWithTerraform } from "../support/terraform.js";

jest.setTimeout(120_000);

const issued = { name: "api.example.com", zone: "example.com" };
const renewed = { ...issued, certificate: { issue: 2 } };
const own = { ...issued, certificate: { name: "api-2027" } };

describeWithTerraform("the certificate in Terraform's graph (needs the terraform binary)", () => {
  let graph: TerraformGraph;
  beforeEach(() => {
    graph = new TerraformGraph();
  });
  afterEach(() => graph.end());

  const apply = (domain: FleetConfig["domain"], change?: (stack: Synthesized) => Synthesized) => {
    const { status, done } = graph.apply({ config: { domain }, ...(change && { change }) });
    expect(status).toBe(0);
    return done;
  };

  it("is there before the balancer, the zone before both, the record after them", () => {
    const done = apply({ ...issued, createZone: true });
    expect(inOrder(done, "zone", "certificate", "load-balancer", "record")).toEqual([
      "create zone",
      "create certificate",
      "create load-balancer",
      "create record",
    ]);
  });

  it("comes to a balancer that serves HTTP without replacing it or a rollout", () => {
    apply(undefined);
    const done = apply(issued);
    expect(done).toEqual(["create certificate", "update load-balancer", "create record"]);
  });

  it("is replaced: the new one first, the balancer in place, then the old one", () => {
    apply(issued);
    expect(apply(renewed)).toEqual(["create certificate", "update load-balancer", "delete certificate"]);
    expect(apply(renewed)).toEqual([]);
  });

  it("is replaced in the same order for another name, and the record is changed in place", () => {
    apply(issued);
    const done = apply({ ...issued, name: "www.example.com" });
    expect(inOrder(done, "certificate", "load-balancer")).toEqual([
      "create certificate",
      "update load-balancer",
      "delete certificate",
    ]);
    expect(inOrder(done, "record")).toEqual(["update record"]);
  });

  it.each<[string, FleetConfig["domain"]]>([
    ["one's own", own],
    ["none", undefined],
  ])("gives way to %s: let go by the balancer before it is deleted", (_what, domain) => {
    apply(issued);
    expect(inOrder(apply(domain), "certificate", "load-balancer")).toEqual([
      "update load-balancer",
      "delete certificate",
    ]);
  });

  it("of one's own is exchanged by its name, with nothing else touched", () => {
    apply(own);
    expect(apply({ ...own, certificate: { name: "api-2028" } })).toEqual(["update load-balancer"]);
  });

  it("and all that belongs to it are destroyed with the stack", () => {
    const created = apply({ ...issued, createZone: true });
    const { status, done } = graph.destroy();
    expect(status).toBe(0);
    expect([...done].sort()).toEqual(created.map((step) => step.replace("create", "delete")).sort());
  });

  describe("without what it rests on", () => {
    it("is deleted while the balancer has it when it is not created first", () => {
      apply(issued, withoutLifecycle);
      const done = apply(renewed, withoutLifecycle);
      expect(inOrder(done, "certificate", "load-balancer")[0]).toBe("delete certificate");
    });
  });
});

const inOrder = (done: readonly string[], ...names: readonly string[]): string[] =>
  done.filter((step) => names.includes(step.slice(step.indexOf(" ") + 1)));

function withoutLifecycle(stack: Synthesized): Synthesized {
  const { digitalocean_certificate: certificates = {} } = stack.resource;
  const bare = Object.entries(certificates).map(([name, block]) => [name, { ...block, lifecycle: {} }] as const);
  return { ...stack, resource: { ...stack.resource, digitalocean_certificate: Object.fromEntries(bare) } };
}
