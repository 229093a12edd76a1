/** What is taken from a rollout's events and receipt. */
import { describe, expect, it } from "@jest/globals";
import { drainedHosts, handedHosts, stopSecondsOf, stopsOf } from "../../../lab/bench/rollout-figures.js";
import type { Change } from "../../../lab/site.js";
import type { HostStatus, RolloutEvent } from "../../../scripts/rollout/core/events.js";
import { rolloutEvent, rolloutReceipt, timeAt } from "./rollout-examples.js";

const status = (seconds: number, value: HostStatus): RolloutEvent =>
  rolloutEvent(seconds, "api-1", "hostStatus", { status: value, detail: "" });
const step = (seconds: number, name: string, host = "api-1"): RolloutEvent =>
  rolloutEvent(seconds, host, "step", { step: name });
const events: RolloutEvent[] = [
  status(1, "draining"),
  rolloutEvent(5.5, "api-1", "ejected", { seconds: 4.444, probes: null, witness: 20 }),
  status(5.5, "starting"),
  step(5.6, "old-stop"),
  step(5.9, "new-run", "api-2"),
  step(7.1, "old-keep"),
  rolloutEvent(15, "api-1", "readmitted", { seconds: 6.666, probes: null }),
  status(15, "serving"),
];
const change = (seconds: number, up: boolean, node = 0): Change => ({
  ...{ node, droplet: "api-1", dropletId: "1", up },
  atMs: Date.parse(timeAt(seconds)),
});
/** It was taken in before the rollout; two nodes let it go and take it in again. */
const changes = [change(0, true), change(4, false), change(5, false, 1), change(13, true), change(14.5, true, 1)];
const receipt = (host: Parameters<typeof rolloutReceipt>[0][string] = {}) =>
  rolloutReceipt({ "api-1": { seconds: 12.345, floorSeconds: 11.999, ...host } });

describe("from the record of a drain", () => {
  it("a host is stopped when it is told to start the new container", () => {
    const atMs = Date.parse(timeAt(5.5));
    expect(stopsOf(events, (name) => `id of ${name}`)).toEqual([{ dropletId: "id of api-1", atMs }]);
  });

  it("stopping takes from the step to the next one of the same host", () => {
    expect(stopSecondsOf(events)).toBeCloseTo(1.5);
  });

  it("each host has its drain, its readmission and its floor, and when the balancer's last node turned", () => {
    expect(drainedHosts(receipt(), events, () => changes)).toEqual([
      {
        name: "api-1",
        ...{ drainSeconds: 4.44, letGoSeconds: 3.94, readmissionSeconds: 6.67, takenInSeconds: 6.17 },
        ...{ seconds: 12.35, floorSeconds: 12 },
      },
    ]);
  });

  it("a host that was not replaced, was handed over, or left no trace, is an error", () => {
    const of = (host: Parameters<typeof receipt>[0], told = events, seen = changes) =>
      drainedHosts(receipt(host), told, () => seen);
    expect(() => of({ action: "kept" })).toThrow("api-1 was kept, not replaced");
    expect(() => of({ floorSeconds: null })).toThrow("api-1 did not leave rotation");
    const unseen = events.filter(({ name }) => name !== "readmitted");
    expect(() => of({}, unseen)).toThrow('api-1 has no event "readmitted"');
    expect(() => of({}, events, changes.slice(0, 3))).toThrow("did not let api-1 go and take it in");
  });
});

describe("from the record of a handoff", () => {
  const handed = [
    rolloutEvent(6, "api-1", "handedOver", { seconds: 2 }),
    rolloutEvent(8, "api-1", "hostStatus", { status: "serving", detail: "" }),
  ];

  it("each host has when its turn began and how long it took", () => {
    expect(handedHosts(receipt({ seconds: 2.604 }), handed)).toEqual([
      { name: "api-1", fromSeconds: 5.4, seconds: 2.6 },
    ]);
  });

  it("a host that was drained instead is an error", () => {
    expect(() => handedHosts(receipt(), events)).toThrow("api-1 was not handed over");
  });
});
