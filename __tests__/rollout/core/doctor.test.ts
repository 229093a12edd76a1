import { describe, expect, it } from "@jest/globals";
import type { FrontEvidence } from "../../../contract/host.js";
import type { Manifest } from "../../../contract/manifest.js";
import {
  hostFindings,
  isAsAssumed,
  keepaliveFinding,
  probeFindings,
  requestsFor,
  withinSeconds,
  type Connections,
  type Examined,
  type Finding,
  type HostFacts,
} from "../../../scripts/rollout/core/doctor.js";
import { RolloutError } from "../../../scripts/rollout/core/errors.js";
import type { Examination, Survey } from "../../../scripts/rollout/ports.js";
import { testManifest } from "../../support/fleet.js";
import { probed, says, servingHost, surveyed } from "../support.js";

const manifest = testManifest({ hosts: 2 });
const one = "1111111111111111";
const well = { code: 0, words: "" };
const droplet: Examination = { network: well, show: well, cgroups: 2, privateRange: "10.110.0.0/20" };
const serving = servingHost(one, {
  usedMemoryMb: 61,
  traffic: says({ probes: [probed("10.110.0.9", { passed: 4 })] }),
});

/** A node's probes, one every so many seconds. */
const asked = (node: string, everySeconds = 3, count = 21, newestMs = 100): FrontEvidence["asked"][number] => ({
  ...{ port: 8086, node, count, newestMs },
  oldestMs: newestMs + (count - 1) * everySeconds * 1000,
});
const evidence = (...nodes: FrontEvidence["asked"]): FrontEvidence => ({
  ...{ asked: nodes, refused: [], answered: [], opened: [] },
});

const factsOf = (index: number, changes: Partial<Examined> | RolloutError = {}): HostFacts => {
  const info = manifest.hosts[index];
  if (!info) throw new Error("the manifest lists no such host");
  const seen = { survey: serving, examination: droplet, evidence: evidence(asked("10.110.0.9")) };
  return { info, seen: changes instanceof RolloutError ? changes : { ...seen, ...changes } };
};

/** Answer to one question, with what was found. */
const answer = (findings: readonly Finding[], question: string): [string, string] => {
  const [finding, ...more] = findings.filter((candidate) => candidate.question === question);
  if (!finding || more.length > 0) throw new Error(`${question} has not one finding`);
  return [finding.answer, finding.found];
};

describe("of a host", () => {
  const of = (question: string, changes: Partial<Examined> = {}) =>
    answer(hostFindings(manifest, factsOf(0, changes)), question);
  const host = (changes: Partial<Survey>) => ({ survey: { ...serving, ...changes } });
  const examined = (changes: Partial<Examination>) => ({ examination: { ...droplet, ...changes } });

  it("that cannot be asked, only that is told", () => {
    const gone = new RolloutError("HostUnreachable", "api-1 cannot be reached");
    const findings = hostFindings(manifest, factsOf(0, gone));
    expect(findings.map(({ question, answer: told }) => [question, told])).toEqual([["ssh", "not as assumed"]]);
    expect(findings[0]?.found).toBe("HostUnreachable: api-1 cannot be reached");
  });

  it("the rules are taken where the table is there, and seen at work where a probe has passed", () => {
    expect(of("nft")).toEqual(["ok", "the kernel has the rules, and has known the answers to probes"]);
    expect(of("nft", { survey: surveyed() })).toEqual([
      "ok",
      "the kernel has the rules; no good answer to a probe was there to be known",
    ]);
  });

  it("the rules are not taken where the helper finds no table, and its words are shown", () => {
    const refusal = { code: 64, words: "evenkeel-front: the front's table is missing" };
    expect(of("nft", examined({ show: refusal }))).toEqual(["not as assumed", refusal.words]);
  });

  it("the match of answers is doubted where the app answers its host and no probe", () => {
    const traffic = says({ probes: [probed("10.110.0.9", { failed: 9 })] });
    expect(of("nft", host({ traffic }))[0]).toBe("not as assumed");
    expect(of("nft", host({ traffic, health: 503 }))[0]).toBe("ok");
  });

  it("a table that somebody else has changed is not as assumed", () => {
    const { front } = serving;
    if (!front) throw new Error("a host that serves has a front");
    expect(of("nft", host({ front: { ...front, state: "elsewhere" } }))[0]).toBe("not as assumed");
  });

  it("nothing is known of the rules while another call has the helper, or where it cannot be called", () => {
    expect(of("nft", examined({ show: { code: 75, words: "" } }))[0]).toBe("unknown");
    expect(of("nft", examined({ network: { code: 1, words: "sudo: a password is required" } }))[0]).toBe("unknown");
  });

  it("sudo has to let the helper be called, and what it says is shown", () => {
    expect(of("sudo")[0]).toBe("ok");
    const refused = { code: 1, words: "sudo: a password is required" };
    expect(of("sudo", examined({ network: refused }))).toEqual(["not as assumed", refused.words]);
    expect(of("sudo", examined({ network: { code: 127, words: "" } }))).toEqual([
      "not as assumed",
      "it ended with 127",
    ]);
  });

  it.each([
    [2, "version 2; the container uses 61 MB"],
    [1, "version 1; the container uses 61 MB"],
  ] as const)("memory is told by cgroups of version %s", (cgroups, found) =>
    expect(of("cgroups", examined({ cgroups }))).toEqual(["ok", found]),
  );

  it("memory that is not told counts only where a container runs", () => {
    expect(of("cgroups", host({ usedMemoryMb: null }))[0]).toBe("not as assumed");
    expect(of("cgroups", { survey: surveyed() })[0]).toBe("unknown");
  });
});

describe("of those that ask for the health", () => {
  const of = (question: string, facts: readonly HostFacts[], whose: Manifest = manifest) =>
    answer(probeFindings(whose, facts), question);
  const both = (...nodes: FrontEvidence["asked"]): HostFacts[] =>
    [0, 1].map((index) => factsOf(index, { evidence: evidence(...nodes) }));

  it("the nodes are those that asked lately, and none of the fleet's own addresses", () => {
    const nodes = [asked("10.110.0.9"), asked("10.110.0.8"), asked("10.110.0.2"), asked("10.110.0.7", 3, 5, 60_000)];
    expect(of("nodes", both(...nodes))).toEqual(["ok", "2 nodes: 10.110.0.8, 10.110.0.9; as all 2 hosts tell"]);
  });

  it("a node that asks one host only is named", () =>
    expect(of("nodes", [factsOf(0), factsOf(1, { evidence: evidence() })])).toEqual([
      "not as assumed",
      "one node: 10.110.0.9; 10.110.0.9 does not ask api-2",
    ]));

  it("a host that does not tell is no host that is not asked", () =>
    expect(of("nodes", [factsOf(0), factsOf(1, { evidence: null })])).toEqual([
      "unknown",
      "one node: 10.110.0.9; api-2 does not tell who asks",
    ]));

  it.each([
    [2.6, "not as assumed"],
    [2.8, "ok"],
    [3.7, "ok"],
    [4, "not as assumed"],
  ])("one that comes every %s s where 3 are declared is %s", (everySeconds, expected) =>
    expect(of("interval", both(asked("10.110.0.9", everySeconds)))).toEqual([
      expected,
      `every ${everySeconds.toFixed(1)} s, and 3 s are declared`,
    ]),
  );

  it("the slowest of them counts as well", () =>
    expect(of("interval", both(asked("10.110.0.9"), asked("10.110.0.8", 9)))).toEqual([
      "not as assumed",
      "every 3.0 to 9.0 s, and 3 s are declared",
    ]));

  it("two probes tell no interval", () => expect(of("interval", both(asked("10.110.0.9", 9, 2)))[0]).toBe("unknown"));

  it("a balancer of DigitalOcean's asks from within the private network, and one's own from anywhere", () => {
    expect(of("range", both(asked("10.110.15.1")))[0]).toBe("ok");
    const outside = both(asked("10.110.16.1"));
    expect(of("range", outside)).toEqual(["not as assumed", "10.110.16.1 outside of 10.110.0.0/20"]);
    const own = { ...manifest, loadBalancer: { ...manifest.loadBalancer, id: "" } };
    expect(of("range", outside, own)[0]).toBe("ok");
  });

  it("the range is unknown where no route tells it", () =>
    expect(of("range", [factsOf(0, { examination: { ...droplet, privateRange: null } })])[0]).toBe("unknown"));

  it("nothing is known before the first deploy, nor of a balancer that asks the service port", () => {
    const all = (findings: readonly Finding[]) => findings.map(({ answer: told }) => told);
    expect(all(probeFindings(manifest, [factsOf(0, { evidence: null })]))).toEqual(Array(3).fill("unknown"));
    const portless = testManifest({ hosts: 2, healthCheck: { port: undefined }, rollout: { strategy: "handoff" } });
    expect(all(probeFindings(portless, [factsOf(0)]))).toEqual(Array(3).fill("unknown"));
  });

  it("a front that nobody asks is not as assumed", () => expect(of("nodes", both())[0]).toBe("not as assumed"));

  it("20 intervals are looked at, as far as the kernel remembers", () =>
    expect([1, 10, 300].map((checkIntervalSeconds) => withinSeconds({ checkIntervalSeconds }))).toEqual([
      60, 200, 900,
    ]));
});

describe("of kept connections", () => {
  const of = (changes: Partial<Connections>) =>
    keepaliveFinding(manifest, { sent: 20, failures: [], came: 20, others: 0, ...changes });

  it.each([
    ["a connection for each request", {}, "ok"],
    ["some of other clients", { came: 26, others: 5 }, "ok"],
    ["fewer connections than requests", { came: 19 }, "not as assumed"],
    ["so many others that they could stand for those that were not made", { came: 30, others: 11 }, "unknown"],
    ["a host that did not tell", { came: null }, "unknown"],
    ["a host that did not tell later", { others: null }, "unknown"],
    ["a request that failed", { came: 2, failures: ["503"] }, "unknown"],
  ] as const)("%s", (_, changes, expected) => expect(of(changes).answer).toBe(expected));

  it("those that are declared are as assumed", () => {
    const keeping = { ...manifest, loadBalancer: { ...manifest.loadBalancer, backendKeepalive: true } };
    expect(keepaliveFinding(keeping, { sent: 20, failures: [], came: 2, others: 0 })).toMatchObject({ answer: "ok" });
  });

  it("a failure is named", () => expect(of({ sent: 1, failures: ["503"] }).found).toContain("(503: 1)"));

  it("why nothing was sent is told", () =>
    expect(keepaliveFinding(manifest, "no front")).toMatchObject({ answer: "unknown", found: "no front" }));

  it("more requests than hosts are sent: a balancer that keeps its connections makes one to each at first", () =>
    expect([1, 2, 300].map(requestsFor)).toEqual([20, 20, 900]));
});

it("what is unknown is nothing that is not as assumed", () => {
  expect(isAsAssumed([keepaliveFinding(manifest, "no front")])).toBe(true);
  expect(isAsAssumed([keepaliveFinding(manifest, { sent: 20, failures: [], came: 2, others: 0 })])).toBe(false);
});
