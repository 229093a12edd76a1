import { describe, expect, it } from "@jest/globals";
import type { Lifecycle } from "../../../contract/host.js";
import {
  aged,
  gates,
  larger,
  liveSources,
  probeLifeMs,
  tellsNothing,
  toldByOne,
  WITNESS_PER_HOST,
  type AdmissionInput,
  type EjectionInput,
  type Peer,
  type QuietInput,
  type SampleInput,
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

describe("nodes that one host alone tells of", () => {
  const host = (number: number, ...sources: string[]) => ({
    name: `api-${number}`,
    address: `203.0.113.${number}`,
    privateAddress: `10.110.0.${number}`,
    lifecycle: says({ probes: sources.map(up) }),
  });

  it("are named with it, whether it lies or they have lost the others", () =>
    expect(toldByOne([host(1, "a"), host(2, "a", "made-up"), host(3, "a")], check)).toEqual([
      { node: "made-up", host: "api-2" },
    ]));

  it("are none where each is told of twice, where nobody else answers, and none of the fleet's own", () => {
    expect(toldByOne([host(1, "a", "b"), host(2, "b", "a")], check)).toEqual([]);
    expect(toldByOne([host(1, "a"), { ...host(2), lifecycle: null }], check)).toEqual([]);
    expect(toldByOne([host(1, "10.110.0.1"), host(2)], check)).toEqual([]);
  });
});

describe("how long a probe is evidence", () => {
  const life = (changes: object): number => probeLifeMs({ ...check, responseTimeoutSeconds: 1, ...changes });

  it("is two missed probes and the time that one may take", () => {
    expect(life({})).toBe(7000);
    expect(life({ unhealthyThreshold: 10 })).toBe(7000);
  });

  it("is one missed probe where the balancer forgives no more", () =>
    expect(life({ unhealthyThreshold: 1 })).toBe(4000));
});

describe("a look that is old itself", () => {
  const probes = [probed("a", { passed: 3, agoMs: 100 })];

  it("shows probes and requests that are as much older", () => {
    const look = aged(says({ probes, lastRequestAgoMs: 50 }), 5000);
    expect(look.probes).toEqual([probed("a", { passed: 3, agoMs: 5100 })]);
    expect(look.lastRequestAgoMs).toBe(5050);
    expect(aged(says({ probes }), 5000).lastRequestAgoMs).toBeNull();
  });

  it("is itself when no time has passed", () => {
    const look = says({ probes });
    expect(aged(look, 0)).toBe(look);
  });
});

describe("a look that is older than any probe may be", () => {
  const life = probeLifeMs(check);

  it("tells nothing of the balancer, and that is said", () =>
    expect(tellsNothing(life + 100, check)).toBe(
      "what it said is 9.1 s old by now, and a probe is evidence for 9.0 s: the way to it, or the machine that runs this, is too slow",
    ));

  it("is not one that is as old as a probe may be", () => expect(tellsNothing(life, check)).toBeNull());
});

describe("a host that the balancer asks", () => {
  const asked = (agos: Record<string, number>, sources = ["a", "b"]): Verdict =>
    gates.asked(
      says({ probes: Object.entries(agos).map(([source, agoMs]) => probed(source, { passed: 9, agoMs })) }),
      sources,
      check,
    );

  it("was asked by each node within its life", () => expect(asked({ a: 100, b: 9000 })).toEqual(pass));

  it("was asked whatever the answer was", () =>
    expect(gates.asked(says({ probes: [probed("a", { failed: 4 })] }), ["a"], check)).toEqual(pass));

  it.each<[string, Record<string, number>, string[], string]>([
    ["one node has not asked it for long", { a: 100, b: 42_000 }, ["a", "b"], "node b has not asked it for 42 s"],
    ["one node has never asked it", { a: 100 }, ["a", "b"], "node b has not asked it yet"],
    ["no node is known", { a: 100 }, [], "no node of the balancer has asked it lately"],
  ])("is none when %s", (_name, agos, sources, why) => expect(asked(agos, sources)).toEqual(because(why)));
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
    ["was not yet probed by one node", says({ probes: [up("a")] }), "node b has not asked it yet"],
    [
      "is one probe short at one node",
      says({ probes: [up("a"), probed("b", { passed: 2 })] }),
      "node b has seen 2 of 3 passed probes",
    ],
  ])("fails when one %s", (_name, lifecycle, why) =>
    expect(asked([peer(serving), peer(lifecycle, "api-3")])).toEqual(because(`api-3 is not in rotation: ${why}`)),
  );

  it.each(["draining", "stopping"] as const)("fails for good when one is %s", (state) =>
    expect(asked([peer(serving), peer(says({ state, probes: serving.probes }), "api-3")])).toEqual({
      ...because(`api-3 is not in rotation: it is ${state}`),
      final: true,
    }),
  );

  it("fails on a count of passed probes that has grown old on that host, though the node asks others", () => {
    const stale = says({ probes: [up("a"), { ...up("b"), agoMs: 9001 }] });
    expect(asked([peer(serving), peer(stale, "api-3")])).toEqual(
      because("api-3 is not in rotation: node b has not asked it for 9 s"),
    );
  });

  it("fails when no node is known at all", () =>
    expect(asked([peer(serving)], [])).toEqual(
      because("api-2 is not in rotation: no node of the balancer has asked it lately"),
    ));

  it("does not ask the health path", () =>
    expect(asked([{ name: "api-2", lifecycle: serving, health: 503 }])).toEqual(pass));
});

describe("quorum, by fixed waits", () => {
  const asked = (health: number | null): Verdict =>
    gates.quorum([{ name: "api-2", lifecycle: null, health }], [], check, "fixed-wait");

  it.each([200, 204, 301, 399])("holds when the health path answers %s, which a balancer takes for healthy", (health) =>
    expect(asked(health)).toEqual(pass),
  );

  it.each([
    [null, "it does not answer"],
    [503, "its health path answers 503"],
    [400, "its health path answers 400"],
  ])("fails when the health path answers %s", (health, why) =>
    expect(asked(health)).toEqual(because(`api-2 is not in rotation: ${why}`)),
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

  it("is not while a request failed of which no host knows", () =>
    expect(asked({ answered: 59, landed: 59 })).toEqual(because("59 of 60 witness requests were answered")));

  it("is when hosts that can be asked got every request, and answered some with failures", () =>
    expect(asked({ answered: 20 })).toEqual(pass));
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
  const asked = (changes: Partial<QuietInput>): Verdict =>
    gates.quiet({
      before: says({ witnessRequests: 4, lastRequestAgoMs: 20_000 }),
      after: says({ witnessRequests: 4, lastRequestAgoMs: 20_500 }),
      windowMs: 500,
      ...changes,
    });

  it("passes when nothing arrived", () => expect(asked({})).toEqual(pass));

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

describe("a sample of requests that went elsewhere", () => {
  const sampled = (sent: number, answered: number, baseline: SampleInput["baseline"]): boolean =>
    gates.sampled({ sent, answered, baseline, hosts: 3 }).pass;
  const failed = (count: number): SampleInput["baseline"] => ({ sent: 10, failed: count });

  it("takes ten witness requests for each host", () => expect(WITNESS_PER_HOST).toBe(10));

  it.each<[sent: number, answered: number, baseline: SampleInput["baseline"], enough: boolean]>([
    [30, 30, null, true],
    [30, 29, failed(0), false],
    [29, 29, failed(0), false],
    // Rounds add up.
    [60, 30, failed(0), true],
    [30, 21, failed(3), true],
    [30, 20, failed(3), false],
    [30, 0, failed(10), true],
    [29, 0, failed(10), false],
    [600, 0, failed(9), false],
  ])("of %s requests, %s answered, is enough beside %j: %s", (sent, answered, baseline, enough) =>
    expect(sampled(sent, answered, baseline)).toBe(enough),
  );

  it("says how many are missing", () =>
    expect(gates.sampled({ sent: 30, answered: 5, baseline: failed(4), hosts: 3 })).toEqual(
      because("5 of 30 witness requests were, and 18 of 30 are to be, as before"),
    ));
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

  it("fails when a node has stopped asking", () =>
    expect(
      asked({ lifecycle: says({ probes: [up("a"), { ...up("b"), agoMs: 30_000 }], witnessRequests: 1 }) }),
    ).toEqual(because("node b has not asked it for 30 s")));

  it("fails when the app no longer serves", () =>
    expect(asked({ lifecycle: says({ state: "stopping", probes: [up("a"), up("b")] }) })).toEqual(
      because("it is stopping"),
    ));

  it("fails when no node is known", () =>
    expect(asked({ sources: [] })).toEqual(because("no node of the balancer has asked it lately")));

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
