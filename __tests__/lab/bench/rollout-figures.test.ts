/** What is taken from a rollout's events and receipt. */
import { describe, expect, it } from "@jest/globals";
import { hostFigures, stopSecondsOf, stopsOf } from "../../../lab/bench/rollout-figures.js";
import type { Change } from "../../../lab/site.js";
import type { HostStatus, RolloutEvent } from "../../../scripts/rollout/core/events.js";
import type { HostReceipt, Receipt } from "../../../scripts/rollout/core/receipt.js";

const at = (seconds: number): string => new Date(Date.parse("2026-01-02T03:04:00.000Z") + seconds * 1000).toISOString();
const base = { code: "", level: "info", elapsedMs: 0, host: "api-1" } as const;
const status = (seconds: number, value: HostStatus): RolloutEvent => ({
  ...{ ...base, time: at(seconds), name: "hostStatus" },
  data: { status: value, detail: "" },
});
const step = (seconds: number, name: string): RolloutEvent => ({
  ...{ ...base, time: at(seconds), name: "step" },
  data: { step: name },
});
const events: RolloutEvent[] = [
  status(1, "draining"),
  { ...base, time: at(5.5), name: "ejected", data: { seconds: 4.444, probes: null, witness: 20 } },
  status(5.5, "starting"),
  step(5.6, "old-stop"),
  { ...step(5.9, "new-run"), host: "api-2" },
  step(7.1, "old-keep"),
  { ...base, time: at(15), name: "readmitted", data: { seconds: 6.666, probes: null } },
  status(15, "serving"),
];
const change = (seconds: number, up: boolean, node = 0): Change => ({
  ...{ node, droplet: "api-1", dropletId: "1", up },
  atMs: Date.parse(at(seconds)),
});
/** It was taken in before the rollout; two nodes let it go and take it in again. */
const changes = [change(0, true), change(4, false), change(5, false, 1), change(13, true), change(14.5, true, 1)];
const hostReceipt: HostReceipt = {
  ...{ name: "api-1", id: "1", action: "replaced", seconds: 12.345, floorSeconds: 11.999 },
  ...{ drain: null, readmission: null, cut: 0, outageSeconds: null },
};
const receipt = (host: Partial<HostReceipt>) => ({ hosts: [{ ...hostReceipt, ...host }] }) as unknown as Receipt;

describe("from a rollout's record", () => {
  it("a host is stopped when it is told to start the new container", () => {
    const atMs = Date.parse(at(5.5));
    expect(stopsOf(events, (name) => `id of ${name}`)).toEqual([{ dropletId: "id of api-1", atMs }]);
  });

  it("stopping takes from the step to the next one of the same host", () => {
    expect(stopSecondsOf(events)).toBeCloseTo(1.5);
  });

  it("each host has its drain, its readmission and its floor, and when the balancer's last node turned", () => {
    expect(hostFigures(receipt({}), events, () => changes)).toEqual([
      {
        name: "api-1",
        ...{ drainSeconds: 4.44, letGoSeconds: 3.94, readmissionSeconds: 6.67, takenInSeconds: 6.17 },
        ...{ seconds: 12.35, floorSeconds: 12 },
      },
    ]);
  });

  it("a host that was not replaced, or left no trace, is an error", () => {
    const of = (host: Partial<HostReceipt>, told = events, seen = changes) =>
      hostFigures(receipt(host), told, () => seen);
    expect(() => of({ action: "kept" })).toThrow("api-1 was kept, not replaced");
    expect(() => of({ floorSeconds: null })).toThrow("api-1");
    expect(() => of({}, events.slice(0, 3))).toThrow('api-1 has no event "readmitted"');
    expect(() => of({}, events, changes.slice(0, 3))).toThrow("did not let api-1 go and take it in");
  });
});
