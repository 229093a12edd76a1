import { describe, expect, it } from "@jest/globals";
import { faultFigures, problemsOf, type Expected, type FaultFigures, type Seen } from "../../../lab/faults/figures.js";
import { faultPage } from "../../../lab/faults/page.js";
import { faultSettings } from "../../../lab/faults/run.js";

const host = { name: "api-1", release: "before", inRotation: true, comesBack: true, unfinished: false } as const;
const seen: Seen = {
  ...{
    site: "embedded",
    strategy: "drain",
    fault: "controller killed",
    phase: "starting",
    sent: 4000,
    failed: 0,
    notMeasured: 0,
    allowedFailed: 0,
  },
  ...{ hosts: [host], restedSeconds: 12, exitCode: null, rerunExitCode: 0, onTarget: true },
};

const expected: Expected = { exitCodes: [null], exempt: null, releases: ["before", "target"], restSeconds: 30 };

describe("a fault", () => {
  it("holds when nobody lost anything, the hosts serve and the run after it ends well", () =>
    expect(problemsOf(seen, expected)).toEqual([]));

  it.each<[string, Partial<Seen>, string]>([
    ["no request was sent", { sent: 0 }, "no request was sent"],
    ["more was lost than was inside", { failed: 3, allowedFailed: 2 }, "3 requests failed, 2 at most may"],
    ["the load was not sent whole", { notMeasured: 7 }, "not measured: 7 requests were due and not sent"],
    ["the rollout ended otherwise", { exitCode: 5 }, "it ended with 5, not killed"],
    ["it was too long until the hosts were at rest", { restedSeconds: 31 }, "came to rest after 31 s, not within 30 s"],
    ["a host runs nothing", { hosts: [{ ...host, release: null }] }, "api-1 runs nothing"],
    ["a host runs something else", { hosts: [{ ...host, release: "other" }] }, "api-1 runs other"],
    ["a host is out of rotation", { hosts: [{ ...host, inRotation: false }] }, "api-1 is not in rotation"],
    ["a reboot would not bring it back", { hosts: [{ ...host, comesBack: false }] }, "api-1 would not come back"],
    ["a run is left unfinished", { hosts: [{ ...host, unfinished: true }] }, "left api-1 unfinished"],
    ["the run after it failed", { rerunExitCode: 5 }, "the run after it ended with 5"],
    ["the run after it is off target", { onTarget: false }, "the run after it ended with 0, off target"],
  ])("does not hold when %s", (_name, otherwise, problem) =>
    expect(problemsOf({ ...seen, ...otherwise }, expected)).toEqual([expect.stringContaining(problem)]),
  );

  it.each<[number, "before" | "target"]>([
    [0, "before"],
    [3, "target"],
    [4, "target"],
    [5, "target"],
  ])("does not hold when the exit code %i is not what the hosts say, which run the one %s", (exitCode, release) => {
    const other = { ...seen, exitCode, hosts: [{ ...host, release }] };
    const allowed = { ...expected, exitCodes: [exitCode] };
    expect(problemsOf(other, allowed)).toEqual([`api-1 runs ${release}, and it ended with ${exitCode}`]);
    const right = { ...other, hosts: [{ ...host, release: release === "before" ? "target" : "before" } as const] };
    expect(problemsOf(right, allowed)).toEqual([]);
  });

  it("may need the run after it where nobody is left to bring the hosts to rest", () =>
    expect(problemsOf({ ...seen, hosts: [{ ...host, release: null }] }, { ...expected, exempt: host.name })).toEqual(
      [],
    ));

  it("may lose what was inside a process that it ended", () =>
    expect(problemsOf({ ...seen, failed: 2, allowedFailed: 2 }, expected)).toEqual([]));
});

describe("the page", () => {
  const machine = { cpu: "a processor", cores: 2, memoryGb: 24, node: "v20", kernel: "Linux 6" };
  const figures = (rows: FaultFigures["rows"]): FaultFigures => ({
    ...{ machine, date: "2026-11-28T07:00:00.000Z", settings: faultSettings, due: rows.length, rows },
  });
  const holds = { ...seen, commit: "abc", problems: [] };

  it("has a line for each fault, with what the hosts came to rest as", () => {
    const page = faultPage(figures([holds]));
    expect(page).toContain(
      "| embedded | drain | controller killed | starting | 4,000 | 0 | 0 | killed | old after 12 s | 0 | yes |",
    );
    expect(page).toContain("Every one of 1 lines holds.");
  });

  it("says that a line is missing", () =>
    expect(faultPage({ ...figures([holds]), due: 3 })).toContain("2 of 3 lines are missing."));

  it("says what does not hold", () => {
    const hosts = [{ ...host, release: null, inRotation: false, comesBack: false }];
    const page = faultPage(figures([{ ...holds, hosts, restedSeconds: null, problems: ["api-1 runs nothing"] }]));
    expect(page).toContain("| nothing, out of rotation, not after a reboot | 0 | **no** |");
    expect(page).toContain("- embedded, drain: controller killed, starting: api-1 runs nothing");
  });

  it("comes from figures that can be read again", () => {
    const all = figures([holds]);
    expect(faultFigures.parse(JSON.parse(JSON.stringify(all)))).toEqual(all);
  });
});
