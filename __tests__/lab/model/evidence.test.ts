/** What a machine's kernel tells of probes and requests, without a machine. */
import { Evidence } from "../../../lab/model/evidence.js";

const HERE = { address: "10.110.0.2", port: 8086 };
const NODE = "10.110.0.9";
const GRACE_MS = 5000;
const leads = { target: "172.31.255.242", targetPort: 80 };
const other = { target: "172.31.255.243", targetPort: 80 };

let now: number;
let evidence: Evidence;
beforeEach(() => {
  now = 1_000_000;
  evidence = new Evidence(() => now);
});

type Outcome = "passed" | "elsewhere" | "refused" | "silent";

/** A probe of a node, three seconds after the one before. */
function probe(outcome: Outcome, { node = NODE, port = HERE.port } = {}): void {
  now += 3000;
  const where = { ...HERE, port };
  evidence.noteProbe(where, node, outcome === "refused");
  if (outcome === "passed") evidence.noteAnswer(where, node, leads, true);
  if (outcome === "elsewhere") evidence.noteAnswer(where, node, other, true);
}
const runs = (checks = [HERE.port]) => evidence.runs(HERE.address, checks, leads, GRACE_MS);
const run = (outcome: string, count: number, oldestMs: number, newestMs: number) => ({
  ...{ port: HERE.port, node: NODE, outcome, count, oldestMs, newestMs },
});

describe("a node's newest probes in a row", () => {
  test("are none before the first one came", () => {
    expect(runs()).toEqual([]);
  });

  test("go on while each comes to the same", () => {
    for (let count = 0; count < 3; count += 1) probe("passed");
    now += 500;
    expect(runs()).toEqual([run("passed", 3, 6500, 500)]);
  });

  test.each<[Outcome, string]>([
    ["passed", "passed"],
    ["elsewhere", "elsewhere"],
    ["refused", "failed"],
    ["silent", "failed"],
  ])("are broken by one that came to something else: %s", (outcome, seen) => {
    const before = outcome === "passed" ? "refused" : "passed";
    // What came to the same before that is of another row.
    for (const one of [outcome, before, before, outcome, outcome] as const) probe(one);
    now += GRACE_MS + 1;
    expect(runs()).toEqual([run(seen, 2, 3000 + GRACE_MS + 1, GRACE_MS + 1)]);
  });

  test("leave out one that may still be answered, and count it once nobody has answered in time", () => {
    probe("passed");
    probe("silent");
    now += GRACE_MS;
    expect(runs()).toEqual([run("passed", 1, 3000 + GRACE_MS, 3000 + GRACE_MS)]);
    now += 1;
    expect(runs()).toEqual([run("failed", 1, GRACE_MS + 1, GRACE_MS + 1)]);
  });

  test("are none while the only one may still be answered", () => {
    probe("silent");
    expect(runs()).toEqual([]);
  });

  test.each([
    [GRACE_MS, "passed"],
    [GRACE_MS + 1, "failed"],
  ])("answered after %d ms, have %s: the node gives up meanwhile", (lateMs, outcome) => {
    probe("silent");
    now += lateMs;
    evidence.noteAnswer(HERE, NODE, leads, true);
    expect(runs()).toEqual([run(outcome, 1, lateMs, lateMs)]);
  });

  test("have failed at once where the answer was a bad one", () => {
    probe("passed");
    probe("silent");
    evidence.noteAnswer(HERE, NODE, leads, false);
    expect(runs()).toEqual([run("failed", 1, 0, 0)]);
    expect(evidence.within(HERE.address, { services: [], checks: [HERE.port] }, 900).answered).toMatchObject([
      { count: 1 },
    ]);
  });

  test("are not passed where one was refused, whoever would have answered it", () => {
    probe("refused");
    evidence.noteAnswer(HERE, NODE, leads, true);
    expect(runs()).toMatchObject([{ outcome: "failed", count: 1 }]);
  });

  test("came elsewhere from the moment that the front leads to another container, at its other port as well", () => {
    probe("passed");
    probe("passed");
    expect(evidence.runs(HERE.address, [HERE.port], other, GRACE_MS)).toEqual([run("elsewhere", 2, 3000, 0)]);
    expect(evidence.runs(HERE.address, [HERE.port], { ...leads, targetPort: 8080 }, GRACE_MS)).toEqual([
      run("elsewhere", 2, 3000, 0),
    ]);
  });

  test("are each node's and each port's own", () => {
    probe("passed");
    probe("refused", { node: "10.110.0.10" });
    probe("elsewhere", { port: 8087 });
    const seen = runs([HERE.port, 8087]);
    expect(seen).toHaveLength(3);
    expect(seen).toEqual(
      expect.arrayContaining([
        run("passed", 1, 6000, 6000),
        { ...run("failed", 1, 3000, 3000), node: "10.110.0.10" },
        { ...run("elsewhere", 1, 0, 0), port: 8087 },
      ]),
    );
    expect(runs([8087])).toHaveLength(1);
    expect(evidence.runs("10.110.0.3", [HERE.port], leads, GRACE_MS)).toEqual([]);
  });

  test("are forgotten with the kernel's memory", () => {
    probe("passed");
    evidence.noteOpened({ ...HERE, port: 80 });
    evidence.forget();
    expect([runs(), evidence.opened(HERE.address, [80])]).toEqual([[], []]);
  });

  test("are kept for 15 minutes", () => {
    probe("passed");
    now += 900_000;
    probe("passed");
    expect(runs()).toMatchObject([{ count: 1, oldestMs: 0 }]);
    now += 899_999;
    expect(runs()).toMatchObject([{ count: 1 }]);
    now += 1;
    expect(runs()).toEqual([]);
  });
});

describe("requests", () => {
  const web = { ...HERE, port: 80 };

  test("are counted for as long as no 15 minutes pass without one", () => {
    evidence.noteOpened(web);
    now += 899_999;
    evidence.noteOpened(web);
    now += 10;
    expect(evidence.opened(HERE.address, [80, 8080])).toEqual([{ port: 80, count: 2, newestMs: 10 }]);
    now += 900_000;
    evidence.noteOpened(web);
    expect(evidence.opened(HERE.address, [80])).toEqual([{ port: 80, count: 1, newestMs: 0 }]);
  });
});
