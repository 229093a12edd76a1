import { describe, expect, it } from "@jest/globals";
import type { FrontEvidence } from "../../../contract/host.js";
import { probeLifeMs, type Verdict } from "../../../scripts/rollout/core/gates.js";
import { allAsked, allContent, nodesThatAsk, proven } from "../../../scripts/rollout/core/handoff.js";
import { testManifest } from "../../support/fleet.js";

const { healthCheck: check } = testManifest();
const lifeMs = probeLifeMs(check);
const timeoutMs = check.responseTimeoutSeconds * 1000;
const [one, two] = ["10.110.0.8", "10.110.0.9"];
const TARGET = "172.31.255.243";

const seen = (node: string, count: number, newestMs: number) => ({
  ...{ port: 8086, node, count, oldestMs: 20_000, newestMs },
});
const answered = (node: string, count: number, newestMs: number, target = TARGET) => ({
  ...{ ...seen(node, count, newestMs), target, targetPort: 80 },
});
const evidence = (asked: FrontEvidence["asked"], good: FrontEvidence["answered"] = []): FrontEvidence => ({
  ...{ asked, answered: good, refused: [], opened: [] },
});
const why = (verdict: Verdict): string | null => (verdict.pass ? null : verdict.why);

describe("the balancer's nodes", () => {
  it("are the addresses that go on asking, as lately as a probe is evidence", () =>
    expect(
      nodesThatAsk(
        evidence([
          ...[seen(two, 2, lifeMs), seen(one, 9, 1)],
          ...[seen("10.110.0.7", 9, lifeMs + 1), seen("10.110.0.6", 1, 1)],
        ]),
        check,
      ),
    ).toEqual([...[one, two]]));
});

describe("a fleet is asked", () => {
  const of = (...hosts: (FrontEvidence | null)[]) =>
    why(
      allAsked(
        hosts.map((told, index) => ({ name: `api-${index + 1}`, evidence: told })),
        new Set([one]),
        check,
      ),
    );

  it("where each node that asks one host asks all of them; its own hosts are no nodes", () =>
    expect(of(evidence([seen(two, 3, 10), seen(one, 3, 10)]), evidence([seen(two, 3, 10)]))).toBeNull());

  it.each([
    ["nobody asks any of them", [evidence([]), evidence([])], "api-1: no node of the balancer has asked it lately"],
    ["a host asks itself alone", [evidence([seen(one, 3, 10)])], "api-1: no node of the balancer has asked it lately"],
    [
      "one node asks one of them only",
      [evidence([seen(two, 3, 10)]), evidence([])],
      `api-2: node ${two} has not asked it lately`,
    ],
    [
      "one node has stopped",
      [evidence([seen(two, 3, 10)]), evidence([seen(two, 3, lifeMs + 1)])],
      `api-2: node ${two} has not asked it lately`,
    ],
    ["a front does not tell", [evidence([seen(two, 3, 10)]), null], "api-2: its front does not tell who asks it"],
  ])("not where %s", (_, hosts, words) => expect(of(...hosts)).toBe(words));
});

describe("the balancer is content with a fleet", () => {
  const asks = evidence([seen(two, 9, 10)]);
  const of = (...lately: FrontEvidence[]) =>
    why(
      allContent(
        lately.map((told, index) => ({ name: `api-${index + 1}`, evidence: asks, lately: told, forgiven: index })),
        new Set(),
        check,
      ),
    );
  const good = evidence([seen(two, 2, 10)], [answered(two, 2, 10)]);
  // Of the second host one is forgiven.
  const forgiven = evidence([seen(two, 3, timeoutMs + 1)], [answered(two, 2, 9, "172.31.255.242")]);
  const bad = evidence([seen(two, 3, timeoutMs + 1)], [answered(two, 1, 9)]);

  it("whose answers are good, whichever container gave them, but for what it forgives", () =>
    expect(of(good, forgiven)).toBeNull());

  it("not where a host is asked and gives no good answers", () =>
    expect(of(good, bad)).toMatch(
      /^api-2: node 10\.110\.0\.9 has asked it 3 times since, and was answered 200 to 399 1 times/,
    ));
});

describe("a new container is proven", () => {
  const verdict = (told: FrontEvidence | null, forgiven = 0): Verdict =>
    proven({ evidence: told, nodes: [one, two], target: TARGET, check, forgiven });

  it("once each node has asked and had good answers only", () =>
    expect(
      verdict(evidence([seen(one, 2, 10), seen(two, 1, 900)], [answered(one, 2, 10), answered(two, 1, 900)])),
    ).toEqual({
      pass: true,
    }));

  it("where the last attempt may still be answered", () =>
    expect(
      verdict(evidence([seen(one, 2, timeoutMs), seen(two, 1, 5)], [answered(one, 1, 3000), answered(two, 1, 5)])).pass,
    ).toBe(true));

  it.each([
    [
      "a node has not asked it yet",
      evidence([seen(one, 1, 10)], [answered(one, 1, 10)]),
      `node ${two} has not asked it since`,
    ],
    [
      "its first answer is on its way",
      evidence([seen(one, 1, 10), seen(two, 1, 10)], [answered(one, 1, 10)]),
      `node ${two} waits for its answer`,
    ],
    ["the front does not tell", null, "its front does not tell what the balancer's nodes were answered"],
  ])("not yet where %s", (_, told, words) => expect(verdict(told)).toEqual({ pass: false, why: words }));

  it.each([
    ["a node had no good answer in time", evidence([seen(one, 1, timeoutMs + 1)])],
    ["one of several was not good", evidence([seen(one, 3, timeoutMs + 1)], [answered(one, 2, 9)])],
    [
      "the old container gave the good answers",
      evidence([seen(one, 3, timeoutMs + 1)], [answered(one, 3, 9, "172.31.255.242")]),
    ],
  ])("never, where %s", (_, told) =>
    expect(verdict(told)).toEqual({
      pass: false,
      final: true,
      why: expect.stringMatching(`^node ${one} has asked it \\d times`),
    }),
  );
});
