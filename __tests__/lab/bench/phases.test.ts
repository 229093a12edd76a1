/** Where a rollout's seconds went. */
import { describe, expect, it } from "@jest/globals";
import { phasesOf, turnsOf } from "../../../lab/bench/phases.js";
import { sum } from "../../../lab/bench/summary.js";
import { rolloutEvent, rolloutReceipt, type Told } from "./rollout-examples.js";

const serving = (elapsed: number, host: string): Told => [
  elapsed,
  host,
  "hostStatus",
  { status: "serving", detail: "" },
];
/** Two hosts that are handed over, one after the other; the second one's proof comes after its turn. */
const told: readonly Told[] = [
  [0, null, "started", {}],
  serving(0.9, "api-1"),
  serving(1, "api-2"),
  [1.5, null, "locked", { hosts: 2 }],
  [3.5, null, "pulled", { seconds: 2 }],
  [4, null, "planned", {}],
  [7, "api-2", "probesAnswered", { seconds: 1, nodes: 1 }],
  serving(8, "api-2"),
  serving(11, "api-1"),
  [13, "api-1", "probesAnswered", { seconds: 3, nodes: 1 }],
  [14, null, "finished", {}],
];
const events = told.map((one) => rolloutEvent(...one));
const receipt = rolloutReceipt({ "api-1": { seconds: 2.25 }, "api-2": { seconds: 3.75 } });

describe("the turns of a rollout's hosts", () => {
  it("end when they serve, last for what the receipt says, and are in their order", () => {
    expect(turnsOf(receipt, events)).toEqual([
      { name: "api-2", fromSeconds: 4.25, toSeconds: 8 },
      { name: "api-1", fromSeconds: 8.75, toSeconds: 11 },
    ]);
  });

  it("are an error where a host was not replaced", () => {
    const kept = rolloutReceipt({ "api-1": { action: "kept" } });
    expect(() => turnsOf(kept, events)).toThrow("api-1 was kept, not replaced");
  });
});

describe("the phases of a rollout", () => {
  const phases = phasesOf(events, turnsOf(receipt, events), 15.2);

  it("lie between the moments that it tells", () => {
    expect(phases).toEqual({
      ...{ process: 1.2, look: 1, locks: 0.5, pull: 2, plan: 0.5, baseline: 0.25 },
      ...{ hosts: 6, between: 0.75, proof: 2, end: 1 },
    });
  });

  it("are together as long as the rollout's command", () => {
    expect(sum(Object.values(phases))).toBeCloseTo(15.2, 6);
  });

  it("count time once in which two hosts were at work", () => {
    const turns = [
      { name: "api-1", fromSeconds: 5, toSeconds: 7 },
      { name: "api-2", fromSeconds: 7, toSeconds: 10 },
      { name: "api-3", fromSeconds: 7.5, toSeconds: 9 },
    ];
    expect(phasesOf(events, turns, 15)).toMatchObject({ baseline: 1, hosts: 5, between: 0, proof: 3 });
  });

  it("have no proof at the end where every answer came within the turns", () => {
    const early = events.filter(({ elapsedMs, name }) => name !== "probesAnswered" || elapsedMs === 7000);
    expect(phasesOf(early, turnsOf(receipt, early), 15)).toMatchObject({ proof: 0, end: 3 });
  });

  it("are an error without one of the moments", () => {
    const without = events.filter(({ name }) => name !== "planned");
    expect(() => phasesOf(without, turnsOf(receipt, without), 15)).toThrow('no event "planned"');
  });
});
