import { describe, expect, it, test } from "@jest/globals";
import type { FrontEvidence } from "../../../contract/host.js";
import { probeLifeMs } from "../../../scripts/rollout/core/gates.js";
import { portsElsewhere, portsLeft, portsToLeave } from "../../../scripts/rollout/core/ports-left.js";
import { testManifest } from "../../support/fleet.js";

const { healthCheck: check } = testManifest();
const lifeMs = probeLifeMs(check);
const nothing: FrontEvidence = { asked: [], refused: [], answered: [], opened: [] };
const asked = (port: number, newestMs: number, node = "10.110.0.9"): FrontEvidence["asked"][number] => ({
  ...{ port, node, count: 7, oldestMs: 800_000, newestMs },
});
const opened = (port: number, newestMs: number) => ({ port, count: 9, newestMs });

const leaving = { services: [80], checks: [8086] };
const wanted = { services: [8080], checks: [8090] };
const why = (evidence: FrontEvidence | null, windowMs = 0, changes: { wanted?: typeof wanted } = {}): string | null => {
  const verdict = portsLeft({ evidence, leaving, wanted, check, windowMs, ...changes });
  return verdict.pass ? null : verdict.why;
};

describe("ports to leave", () => {
  test.each([
    ["both", { services: [80, 8080], checks: [8086, 8090] }, wanted, { services: [80], checks: [8086] }],
    ["none where they are the same", wanted, wanted, { services: [], checks: [] }],
    ["none where some are to come", { services: [8080], checks: [] }, wanted, { services: [], checks: [] }],
    [
      "a health port that the service port takes over",
      wanted,
      { services: [8080], checks: [] },
      { services: [], checks: [8090] },
    ],
  ])("are %s", (_, front, ports, expected) => expect(portsToLeave(front, ports)).toEqual(expected));
});

describe("ports are left", () => {
  const moved = [asked(8086, lifeMs + 1), asked(8090, 900)];

  it("once every node asks where it is to ask, and no connection comes to the others", () => {
    expect(why({ ...nothing, asked: moved })).toBeNull();
    expect(why({ ...nothing, asked: moved, opened: [opened(8080, 1), opened(80, lifeMs + 1)] })).toBeNull();
  });

  it("where nobody has come to any of them for as long as the kernel remembers", () => expect(why(nothing)).toBeNull());

  it("where the health port goes for good, as the service port is asked", () =>
    expect(
      why({ ...nothing, asked: [asked(8086, lifeMs + 1)] }, 0, { wanted: { services: [8080], checks: [] } }),
    ).toBeNull());

  it.each([
    ["one of two nodes is late", [asked(8086, lifeMs, "10.110.0.8"), ...moved], "10.110.0.8 asked port 8086"],
    ["the same node asks both", [asked(8086, 1000), asked(8090, 900)], "10.110.0.9 asked port 8086 1.0 s ago"],
    ["a stranger asks", [...moved, asked(8086, 0, "10.110.0.77")], "10.110.0.77 asked port 8086 0.0 s ago"],
    ["nobody asks the new port yet", [asked(8086, lifeMs + 1)], "nobody has asked port 8090 lately"],
    [
      "nobody asks it any more",
      [asked(8086, lifeMs + 1), asked(8090, lifeMs + 1)],
      "nobody has asked port 8090 lately",
    ],
  ])("not yet where %s", (_, nodes, words) => expect(why({ ...nothing, asked: nodes })).toContain(words));

  it.each([
    ["a moment ago", lifeMs, 0],
    ["within the window of the run's own requests", lifeMs + 5000, lifeMs + 5000],
  ])("not yet where a connection came to the service port %s", (_, newestMs, windowMs) =>
    expect(why({ ...nothing, asked: moved, opened: [opened(80, newestMs)] }, windowMs)).toBe(
      `a connection came to port 80 ${(newestMs / 1000).toFixed(1)} s ago`,
    ),
  );

  it("not where the front does not tell", () =>
    expect(why(null)).toBe("its front does not tell who comes to its ports"));
});

describe("a balancer that comes to other ports than the manifest says", () => {
  const ports = { services: [80, 8080], checks: [8086, 8090] };

  test.each([
    ["asks one of them, and sends to one", { check: 8090, targets: [80] }, ports],
    ["sends to further ports besides", { check: 8090, targets: [80, 9000] }, ports],
    ["asks nobody knows where", { check: undefined, targets: [] }, ports],
    ["asks the service port, as is declared", { check: 8080, targets: [80] }, { ...ports, checks: [] }],
  ])("is none that %s", (_, balancer, declared) => expect(portsElsewhere(balancer, declared)).toBeNull());

  test.each([
    [
      "asks",
      { check: 8087, targets: [80] },
      "the balancer's health check asks port 8087, not 8086 or 8090 as the manifest says",
    ],
    [
      "asks the service port",
      { check: 80, targets: [80] },
      "the balancer's health check asks port 80, not 8086 or 8090 as the manifest says",
    ],
    [
      "sends",
      { check: 8086, targets: [81, 82] },
      "the balancer sends requests to port 81 and 82, not to 80 or 8080 as the manifest says",
    ],
  ])("is told where it %s", (_, balancer, words) => expect(portsElsewhere(balancer, ports)).toBe(words));
});
