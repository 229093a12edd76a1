import { describe, expect, it } from "@jest/globals";
import { knownSources, type Context, type Member } from "../../scripts/rollout/context.js";
import { check, probed, says } from "./support.js";

/** What the two functions read of a context. */
const fleet = (...lifecycles: Member["lifecycle"][]): Context =>
  ({
    check,
    members: lifecycles.map((lifecycle, index) => ({
      lifecycle,
      info: { name: `api-${index + 1}`, address: `203.0.113.${index + 1}`, privateAddress: `10.110.0.${index + 2}` },
    })),
  }) as unknown as Context;

describe("the balancer's nodes", () => {
  it("are all that any host of the fleet has been probed by", () =>
    expect(
      knownSources(fleet(says({ probes: [probed("10.0.0.1", {})] }), null, says({ probes: [probed("10.0.0.2", {})] }))),
    ).toEqual(["10.0.0.1", "10.0.0.2"]));

  it("are none of the fleet's own addresses: a droplet may ask itself", () =>
    expect(
      knownSources(
        fleet(says({ probes: [probed("10.110.0.2", {}), probed("203.0.113.1", {}), probed("10.0.0.1", {})] })),
      ),
    ).toEqual(["10.0.0.1"]));
});
