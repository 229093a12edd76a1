import { describe, expect, it } from "@jest/globals";
import type { Lifecycle } from "../../../contract/host.js";
import {
  gates,
  larger,
  liveSources,
  WITNESS_PER_HOST,
  type AdmissionInput,
  type EjectionInput,
  type Peer,
  type QuietInput,
  type Verdict,
} from "../../../scripts/rollout/core/gates.js";
import { check, probed, says } from "../support.js";

const pass: Verdict = { pass: true };
const because = (why: string): Verdict => ({ pass: false, why });

const up = (source: string) => probed(source, { passed: check.healthyThreshold });
const down = (source: string) => probed(source, { failed: check.unhealthyThreshold });

describe("sources", () => {
  it("are the nodes that any host was probed by, each once and sorted", () =>
    expect(liveSources([says({ probes: [up("b"), up("a")] }), null, says({ probes: [down("b")] })], check)).toEqual([
      "a",
      "b",
    ]));

  it("are gone when no host has seen them for more than three intervals", () => {
    const seen = (agoMs: number): string[] => liveSources([says({ probes: [probed("a", { agoMs })] })], check);
    expect(seen(9_000)).toEqual(["a"]);
    expect(seen(9_001)).toEqual([]);
  });

  it("stay alive while one host of the fleet still sees them", () =>
    expect(
      liveSources(
        [says({ probes: [probed("a", { agoMs: 60_000 })] }), says({ probes: [probed("a", { agoMs: 0 })] })],
        check,
      ),
    ).toEqual(["a"]));

  it("are none where no host answers", () => expect(liveSources([null, null], check)).toEqual([]));
});

describe("quorum, by evidence", () => {
  const peer = (lifecycle: Lifecycle | null, name = "api-2"): Peer => ({ name, lifecycle, health: null });
  const asked = (peers: Peer[], sources = ["a", "b"]): Verdict => gates.quorum(peers, sources, check, "evidence");
  const serving = says({ probes: [up("a"), up("b")] });

  it("holds when every other host serves and is up at every node", () =>
    expect(asked([peer(serving), peer(serving, "api-3")])).toEqual(pass));

  it("holds without others, for there is nobody to ask", () => expect(asked([])).toEqual(pass));

  it.each<[string, Lifecycle | null, string]>([
    ["does not answer", null, "it does not answer"],
    ["was not yet probed by one node", says({ probes: [up("a")] }), "node b has seen 0 of 3 passed probes"],
    [
      "is one probe short at one node",
      says({ probes: [up("a"), probed("b", { passed: 2 })] }),
      "node b has seen 2 of 3 passed probes",
    ],
  ])("fails when one %s", (_name, lifecycle, why) =>
    expect(asked([peer(serving), peer(lifecycle, "api-3")])).toEqual(because(`api-3 does not serve: ${why}`)),
  );

  it.each(["draining", "stopping"] as const)("fails for good when one is %s", (state) =>
    expect(asked([peer(serving), peer(says({ state, probes: serving.probes }), "api-3")])).toEqual({
      ...because(`api-3 does not serve: it is ${state}`),
      final: true,
    }),
  );

  it("fails when no node is known at all", () =>
    expect(asked([peer(serving)], [])).toEqual(
      because("api-2 does not serve: no node of the balancer has probed it yet"),
    ));

  it("does not ask the health path", () =>
    expect(asked([{ name: "api-2", lifecycle: serving, health: 503 }])).toEqual(pass));
});

describe("quorum, by fixed waits", () => {
  const asked = (health: number | null): Verdict =>
    gates.quorum([{ name: "api-2", lifecycle: null, health }], [], check, "fixed-wait");

  it("holds when the health path answers 200", () => expect(asked(200)).toEqual(pass));

  it.each([
    [null, "it does not answer"],
    [503, "its health path answers 503"],
    [204, "its health path answers 204"],
  ])("fails when the health path answers %s", (health, why) =>
    expect(asked(health)).toEqual(because(`api-2 does not serve: ${why}`)),
  );
});

describe("traffic elsewhere", () => {
  const asked = (changes: object): Verdict => gates.elsewhere({ sent: 60, answered: 60, landed: 60, ...changes });

  it("is when hosts that can be asked have seen every answered request", () => {
    expect(asked({})).toEqual(pass);
    expect(asked({ landed: 61 })).toEqual(pass);
  });

  it("is not while a request went to a host that cannot be asked", () =>
    expect(asked({ landed: 40 })).toEqual(because("20 of 60 witness requests went to no known host")));

  it("is not while a request failed", () =>
    expect(asked({ answered: 59, landed: 59 })).toEqual(because("59 of 60 witness requests were answered")));
});

describe("ejection", () => {
  const asked = (changes: Partial<EjectionInput>): Verdict =>
    gates.ejected({
      lifecycle: says({ state: "draining", probes: [down("a"), down("b")] }),
      sources: ["a", "b"],
      check,
      waitedMs: 0,
      witnessReachable: true,
      ...changes,
    });

  it("passes at once when every node has had enough failed probes", () => expect(asked({})).toEqual(pass));

  it("fails when one node is one failed probe short", () =>
    expect(asked({ lifecycle: says({ state: "draining", probes: [down("a"), probed("b", { failed: 1 })] }) })).toEqual(
      because("node b has seen 1 of 2 failed probes"),
    ));

  it("fails when a node that only other hosts have seen has not asked here yet", () =>
    expect(asked({ sources: ["a", "b", "c"] })).toEqual(because("node c has seen 0 of 2 failed probes")));

  it("does not care how long ago the failed probes were", () =>
    expect(
      asked({
        lifecycle: says({ probes: [probed("a", { failed: 2, agoMs: 99_000 })] }),
        sources: ["a"],
      }),
    ).toEqual(pass));

  it("takes a passed probe after failed ones for a node that has the host in rotation", () =>
    expect(asked({ lifecycle: says({ probes: [probed("a", { passed: 1, failed: 0 })] }), sources: ["a"] })).toEqual(
      because("node a has seen 0 of 2 failed probes"),
    ));

  it("waits (unhealthy + 1) intervals where the balancer cannot be asked, however many probes failed", () => {
    expect(asked({ witnessReachable: false, waitedMs: 8_940 })).toEqual(because("waited 8.9 of 9 s"));
    expect(asked({ witnessReachable: false, waitedMs: 9_000 })).toEqual(pass);
  });

  it("still needs the failed probes after that wait", () =>
    expect(
      asked({
        witnessReachable: false,
        waitedMs: 60_000,
        lifecycle: says({ probes: [down("a")] }),
      }),
    ).toEqual(because("node b has seen 0 of 2 failed probes")));

  it("waits as long where no node was ever seen, also when the balancer can be asked", () => {
    expect(asked({ sources: [], waitedMs: 0 })).toEqual(because("waited 0.0 of 9 s"));
    expect(asked({ sources: [], waitedMs: 9_000 })).toEqual(pass);
  });
});

describe("the quiet window", () => {
  const hosts = 3;
  const asked = (changes: Partial<QuietInput>): Verdict =>
    gates.quiet({
      before: says({ witnessRequests: 4, lastRequestAgoMs: 20_000 }),
      after: says({ witnessRequests: 4, lastRequestAgoMs: 20_500 }),
      windowMs: 500,
      answered: WITNESS_PER_HOST * hosts,
      hosts,
      ...changes,
    });

  it("passes when enough were answered and nothing arrived", () => expect(asked({})).toEqual(pass));

  it("takes ten witness requests for each host", () => expect(WITNESS_PER_HOST).toBe(10));

  it("fails when one answer is missing", () =>
    expect(asked({ answered: 29 })).toEqual(because("29 of 30 witness requests were answered")));

  it("fails when one of them landed here", () =>
    expect(asked({ after: says({ witnessRequests: 5, lastRequestAgoMs: 20_500 }) })).toEqual(
      because("1 witness requests still landed here"),
    ));

  it("does not count what landed here before it", () =>
    expect(asked({ before: says({ witnessRequests: 70 }), after: says({ witnessRequests: 70 }) })).toEqual(pass));

  it("fails when an ordinary request arrived within it", () =>
    expect(asked({ after: says({ witnessRequests: 4, lastRequestAgoMs: 499 }) })).toEqual(
      because("requests still arrive here"),
    ));

  it("passes when the last ordinary request is older than it", () =>
    expect(asked({ after: says({ witnessRequests: 4, lastRequestAgoMs: 500 }) })).toEqual(pass));

  it("passes on an idle fleet, where no ordinary request ever came", () =>
    expect(asked({ before: says(), after: says() })).toEqual(pass));
});

describe("readmission", () => {
  const asked = (changes: Partial<AdmissionInput>): Verdict =>
    gates.readmitted({
      lifecycle: says({ probes: [up("a"), up("b")], witnessRequests: 1 }),
      sources: ["a", "b"],
      check,
      waitedMs: 0,
      witnessReachable: true,
      ...changes,
    });

  it("passes when every node has had enough passed probes and a witness request landed here", () =>
    expect(asked({})).toEqual(pass));

  it("fails when no witness request has landed here", () =>
    expect(asked({ lifecycle: says({ probes: [up("a"), up("b")] }) })).toEqual(
      because("no witness request has landed here yet"),
    ));

  it("fails when one node is one passed probe short, witness or not", () =>
    expect(asked({ lifecycle: says({ probes: [up("a"), probed("b", { passed: 2 })], witnessRequests: 9 }) })).toEqual(
      because("node b has seen 2 of 3 passed probes"),
    ));

  it("fails when the app no longer serves", () =>
    expect(asked({ lifecycle: says({ state: "stopping", probes: [up("a"), up("b")] }) })).toEqual(
      because("it is stopping"),
    ));

  it("fails when no node is known", () =>
    expect(asked({ sources: [] })).toEqual(because("no node of the balancer has probed it yet")));

  it("waits (healthy + 1) intervals where the balancer cannot be asked", () => {
    const blind = { witnessReachable: false, lifecycle: says({ probes: [up("a"), up("b")] }) };
    expect(asked({ ...blind, waitedMs: 11_900 })).toEqual(because("waited 11.9 of 12 s"));
    expect(asked({ ...blind, waitedMs: 12_000 })).toEqual(pass);
  });
});

describe("declared and live settings", () => {
  it("give the larger of each number, and the declared path", () =>
    expect(
      larger(
        { path: "/a", checkIntervalSeconds: 3, responseTimeoutSeconds: 5, unhealthyThreshold: 2, healthyThreshold: 9 },
        { path: "/b", checkIntervalSeconds: 10, responseTimeoutSeconds: 3, unhealthyThreshold: 4, healthyThreshold: 1 },
      ),
    ).toEqual({
      path: "/a",
      checkIntervalSeconds: 10,
      responseTimeoutSeconds: 5,
      unhealthyThreshold: 4,
      healthyThreshold: 9,
    }));
});
