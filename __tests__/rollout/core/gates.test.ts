import { describe, expect, it } from "@jest/globals";
import type { Traffic } from "../../../contract/host.js";
import {
  aged,
  countOf,
  gates,
  larger,
  liveSources,
  probeLifeMs,
  probesOf,
  tellsNothing,
  toldByOne,
  WITNESS_PER_HOST,
  type AdmissionInput,
  type EjectionInput,
  type Peer,
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

describe("what a node's newest probes came to", () => {
  const onOldPort = probed("a", { failed: 4, agoMs: 2900 });
  const onNewPort = { ...probed("a", { passed: 1, agoMs: 100 }), port: 8087 };

  it.each([
    ["as they stand", [onOldPort, onNewPort]],
    ["turned round", [onNewPort, onOldPort]],
  ])("is what those came to that began last, of a node that asks two ports (%s)", (_name, probes) => {
    const traffic = says({ probes: [probed("b", { failed: 9, agoMs: 0 }), ...probes] });
    expect(probesOf(traffic, "a")).toEqual(onNewPort);
    expect(countOf(traffic, "a", "passed")).toBe(1);
    expect(countOf(traffic, "a", "failed")).toBe(0);
  });

  it("is neither passed nor failed where another container has answered them", () => {
    const traffic = says({ probes: [{ ...probed("a", {}), outcome: "elsewhere", count: 5 }] });
    expect(["passed", "failed", "elsewhere"].map((outcome) => countOf(traffic, "a", outcome as "passed"))).toEqual([
      0, 0, 5,
    ]);
  });

  it("is nothing for a node that has not asked", () => {
    const traffic = says({ probes: [onOldPort] });
    expect(probesOf(traffic, "c")).toBeUndefined();
    expect(countOf(traffic, "c", "failed")).toBe(0);
  });

  it("does not change the look that it is read from", () => {
    const probes = [onOldPort, onNewPort];
    probesOf(says({ probes }), "a");
    expect(probes).toEqual([onOldPort, onNewPort]);
  });
});

describe("nodes that one host alone tells of", () => {
  const host = (number: number, ...sources: string[]) => ({
    name: `api-${number}`,
    address: `203.0.113.${number}`,
    privateAddress: `10.110.0.${number}`,
    traffic: says({ probes: sources.map(up) }),
  });

  it("are named with it, whether it lies or they have lost the others", () =>
    expect(toldByOne([host(1, "a"), host(2, "a", "made-up"), host(3, "a")], check)).toEqual([
      { node: "made-up", host: "api-2" },
    ]));

  it("are none where each is told of twice, where nobody else answers, and none of the fleet's own", () => {
    expect(toldByOne([host(1, "a", "b"), host(2, "b", "a")], check)).toEqual([]);
    expect(toldByOne([host(1, "a"), { ...host(2), traffic: null }], check)).toEqual([]);
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
    expect(look.probes.map(({ oldestMs, newestMs }) => [oldestMs, newestMs])).toEqual([[11_100, 5100]]);
    expect(look.probes.map(({ oldestMs, newestMs }) => [oldestMs, newestMs])).toEqual([[11_100, 5100]]);
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

describe("quorum", () => {
  const peer = (traffic: Traffic | null, name = "api-2"): Peer => ({ name, traffic });
  const asked = (peers: Peer[], sources = ["a", "b"]): Verdict => gates.quorum(peers, sources, check);
  const serving = says({ probes: [up("a"), up("b")] });

  it("holds when every other host serves and is up at every node", () =>
    expect(asked([peer(serving), peer(serving, "api-3")])).toEqual(pass));

  it("holds without others, for there is nobody to ask", () => expect(asked([])).toEqual(pass));

  it.each<[string, Traffic | null, string]>([
    ["does not tell", null, "it does not answer, or its front does not tell who comes"],
    ["was not yet probed by one node", says({ probes: [up("a")] }), "node b has not asked it yet"],
    [
      "is one probe short at one node",
      says({ probes: [up("a"), probed("b", { passed: 2 })] }),
      "node b has seen 2 of 3 passed probes",
    ],
    [
      "is one that a node is answered for by another container",
      says({ probes: [up("a"), { ...up("b"), outcome: "elsewhere" }] }),
      "node b has seen 0 of 3 passed probes",
    ],
  ])("fails when one %s", (_name, traffic, why) =>
    expect(asked([peer(serving), peer(traffic, "api-3")])).toEqual(because(`api-3 is not in rotation: ${why}`)),
  );

  it("fails for good when one is draining, for nobody but a rollout ends that", () =>
    expect(asked([peer(serving), peer(says({ state: "draining", probes: serving.probes }), "api-3")])).toEqual({
      ...because("api-3 is not in rotation: it is draining"),
      final: true,
    }));

  it("fails on a count of passed probes that has grown old on that host, though the node asks others", () => {
    const stale = says({ probes: [up("a"), probed("b", { passed: 3, agoMs: 9001 })] });
    expect(asked([peer(serving), peer(stale, "api-3")])).toEqual(
      because("api-3 is not in rotation: node b has not asked it for 9 s"),
    );
  });

  it("fails when no node is known at all", () =>
    expect(asked([peer(serving)], [])).toEqual(
      because("api-2 is not in rotation: no node of the balancer has asked it lately"),
    ));
});

describe("traffic elsewhere", () => {
  const asked = (changes: object): Verdict => gates.elsewhere({ sent: 60, answered: 60, landed: 60, ...changes });

  it("is when as many connections came to hosts that can be asked, or more by clients", () => {
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
  /** A node asks every 3 s, and lets go after the second failure. */
  const asked = (changes: Partial<EjectionInput>): Verdict =>
    gates.ejected({
      traffic: says({ state: "draining", probes: [down("a"), down("b")] }),
      sources: ["a", "b"],
      check,
      waitedMs: 0,
      witnessReachable: true,
      ...changes,
    });

  it("passes at once when every node has had enough failed probes", () => expect(asked({})).toEqual(pass));

  it("fails when one node is one failed probe short", () =>
    expect(asked({ traffic: says({ state: "draining", probes: [down("a"), probed("b", { failed: 1 })] }) })).toEqual(
      because("node b has seen 1 of 2 failed probes"),
    ));

  it("fails when a node that only other hosts have seen has not asked here yet", () =>
    expect(asked({ sources: ["a", "b", "c"] })).toEqual(because("node c has seen 0 of 2 failed probes")));

  it("does not care how long ago the failed probes were", () =>
    expect(
      asked({
        traffic: says({ probes: [probed("a", { failed: 2, agoMs: 99_000 })] }),
        sources: ["a"],
      }),
    ).toEqual(pass));

  it.each([
    ["which came within a second", 3, 1100],
    ["the last a moment too early", 3, 2799],
    ["of which there are ever so many", 99, 2799],
    ["of which the first came long ago, as two were sent at once", 2, 100],
  ])("refuses refused probes that come faster than the balancer's, %s", (_name, failed, sinceMs) =>
    expect(asked({ traffic: says({ probes: [probed("a", { failed, sinceMs })] }), sources: ["a"] })).toEqual(
      because(`node a has seen ${failed} failed probes, and faster ones than the balancer's`),
    ),
  );

  it("takes those that came a little early, as timers are not exact", () =>
    expect(asked({ traffic: says({ probes: [probed("a", { failed: 2, sinceMs: 2800 })] }), sources: ["a"] })).toEqual(
      pass,
    ));

  it("counts the time of each node by itself, and longer with a higher threshold", () => {
    const traffic = says({ probes: [probed("a", { failed: 9 }), probed("b", { failed: 9, sinceMs: 8199 })] });
    const slow = { ...check, unhealthyThreshold: 4 };
    expect(asked({ traffic, check: slow })).toEqual(
      because("node b has seen 9 failed probes, and faster ones than the balancer's"),
    );
    // That they are older by now does not make them slower.
    expect(asked({ traffic: aged(traffic, 60_000), check: slow }).pass).toBe(false);
  });

  it("takes one failed probe at once where the balancer forgives none", () =>
    expect(
      asked({
        traffic: says({ probes: [probed("a", { failed: 1, agoMs: 0 })] }),
        sources: ["a"],
        check: { ...check, unhealthyThreshold: 1 },
      }),
    ).toEqual(pass));

  it("takes probes that another container answers for passed ones: the balancer has let nobody go", () =>
    expect(
      asked({
        traffic: says({ probes: [{ ...probed("a", {}), outcome: "elsewhere", count: 9, oldestMs: 30_000 }] }),
        sources: ["a"],
      }),
    ).toEqual(because("node a has seen 0 of 2 failed probes")));

  it("takes a passed probe after failed ones for a node that has the host in rotation", () =>
    expect(asked({ traffic: says({ probes: [probed("a", { passed: 1, failed: 0 })] }), sources: ["a"] })).toEqual(
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
        traffic: says({ probes: [down("a")] }),
      }),
    ).toEqual(because("node b has seen 0 of 2 failed probes")));

  it("waits as long where no node was ever seen, also when the balancer can be asked", () => {
    expect(asked({ sources: [], waitedMs: 0 })).toEqual(because("waited 0.0 of 9 s"));
    expect(asked({ sources: [], waitedMs: 9_000 })).toEqual(pass);
  });
});

describe("the quiet window", () => {
  const asked = (lastRequestAgoMs: number | null, requests = 4): Verdict =>
    gates.quiet({ after: says({ requests, lastRequestAgoMs }), windowMs: 500 });

  it("fails when a connection for a request came within it, whoever sent it", () =>
    expect(asked(499)).toEqual(because("requests still arrive here")));

  it("fails when one came so shortly before it that the host's clock cannot tell", () =>
    expect(asked(519)).toEqual(because("requests still arrive here")));

  it("passes when the last one is older than it by what that clock may be wrong", () => {
    expect(asked(520)).toEqual(pass);
    expect(asked(20_500)).toEqual(pass);
  });

  it("does not count what came before it", () => expect(asked(520, 70_000)).toEqual(pass));

  it("passes on an idle fleet, where no request ever came", () => expect(asked(null, 0)).toEqual(pass));
});

describe("an idle host", () => {
  const asked = (open: number | null): Verdict => gates.idle(says({ open }));

  it("has no connection on which it may still owe an answer", () => expect(asked(0)).toEqual(pass));

  it.each([1, 7])("is none with %s open", (open) =>
    expect(asked(open)).toEqual(because(`${open} connections are open`)),
  );

  it("is none where nobody could count", () =>
    expect(asked(null)).toEqual(because("nobody can count its connections")));
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
      traffic: says({ probes: [up("a"), up("b")] }),
      sources: ["a", "b"],
      check,
      waitedMs: 0,
      witnessReachable: true,
      requestsCame: true,
      ...changes,
    });

  it("passes when every node has had enough passed probes and a request came", () => expect(asked({})).toEqual(pass));

  it("fails when no request has come since, however many came before", () =>
    expect(asked({ requestsCame: false, traffic: says({ probes: [up("a"), up("b")], requests: 90 }) })).toEqual(
      because("no request has come here yet"),
    ));

  it("fails when one node is one passed probe short, whatever came", () =>
    expect(asked({ traffic: says({ probes: [up("a"), probed("b", { passed: 2 })] }) })).toEqual(
      because("node b has seen 2 of 3 passed probes"),
    ));

  it("fails when another container answers a node's probes", () =>
    expect(asked({ traffic: says({ probes: [up("a"), { ...up("b"), outcome: "elsewhere" }] }) })).toEqual(
      because("node b has seen 0 of 3 passed probes"),
    ));

  it("fails when a node has stopped asking", () =>
    expect(asked({ traffic: says({ probes: [up("a"), probed("b", { passed: 3, agoMs: 30_000 })] }) })).toEqual(
      because("node b has not asked it for 30 s"),
    ));

  it("fails when its health ports are refused", () =>
    expect(asked({ traffic: says({ state: "draining", probes: [up("a"), up("b")] }) })).toEqual(
      because("it is draining"),
    ));

  it("fails when no node is known", () =>
    expect(asked({ sources: [] })).toEqual(because("no node of the balancer has asked it lately")));

  it("waits (healthy + 1) intervals where the balancer cannot be asked, whether requests came or not", () => {
    const blind = { witnessReachable: false, requestsCame: false };
    expect(asked({ ...blind, waitedMs: 11_900 })).toEqual(because("waited 11.9 of 12 s"));
    expect(asked({ ...blind, waitedMs: 11_900, requestsCame: true })).toEqual(because("waited 11.9 of 12 s"));
    expect(asked({ ...blind, waitedMs: 12_000 })).toEqual(pass);
  });
});

describe("declared and live settings", () => {
  it("give the larger of each number, and the declared path and ports", () => {
    const declared = { checkIntervalSeconds: 3, responseTimeoutSeconds: 5, unhealthyThreshold: 2, healthyThreshold: 9 };
    const live = { path: "/b", port: 9999, ...declared };
    expect(larger({ ...declared, path: "/a", port: 8086, nextPort: 8087 }, live)).toEqual({
      ...{ ...declared, path: "/a", port: 8086, nextPort: 8087 },
    });
    expect(larger({ ...declared, path: "/a" }, live)).toEqual({ ...declared, path: "/a" });
  });

  it("give the larger of each number", () =>
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
