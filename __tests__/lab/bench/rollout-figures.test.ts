/** What is taken from a rollout's events and receipt. */
import { describe, expect, it } from "@jest/globals";
import { hostFigures, stopsOf } from "../../../lab/bench/rollout-figures.js";
import type { HostStatus, RolloutEvent } from "../../../scripts/rollout/core/events.js";
import type { HostReceipt, Receipt } from "../../../scripts/rollout/core/receipt.js";

const base = { code: "", level: "info", time: "2026-01-02T03:04:05.250Z", elapsedMs: 0 } as const;
const status = (host: string, value: HostStatus): RolloutEvent => ({
  ...{ ...base, name: "hostStatus", host },
  data: { status: value, detail: "" },
});
const events: RolloutEvent[] = [
  status("api-1", "draining"),
  { ...base, name: "ejected", host: "api-1", data: { seconds: 4.444, probes: null, witness: 20 } },
  status("api-1", "starting"),
  { ...base, name: "readmitted", host: "api-1", data: { seconds: 6.666, probes: null } },
  status("api-1", "serving"),
];
const hostReceipt: HostReceipt = {
  ...{ name: "api-1", id: "1", action: "replaced", seconds: 12.345, floorSeconds: 11.999 },
  ...{ drain: null, readmission: null, cut: 0, outageSeconds: null },
};
const receipt = (host: Partial<HostReceipt>) => ({ hosts: [{ ...hostReceipt, ...host }] }) as unknown as Receipt;

describe("from a rollout's record", () => {
  it("a host is stopped when it is told to start the new container", () => {
    const atMs = Date.parse("2026-01-02T03:04:05.250Z");
    expect(stopsOf(events, (name) => `id of ${name}`)).toEqual([{ dropletId: "id of api-1", atMs }]);
  });

  it("each host has its drain, its readmission and its floor", () => {
    expect(hostFigures(receipt({}), events)).toEqual([
      { name: "api-1", drainSeconds: 4.44, readmissionSeconds: 6.67, seconds: 12.35, floorSeconds: 12 },
    ]);
  });

  it("a host that was not replaced, or left no trace, is an error", () => {
    expect(() => hostFigures(receipt({ action: "kept" }), events)).toThrow("api-1 was kept, not replaced");
    expect(() => hostFigures(receipt({ floorSeconds: null }), events)).toThrow("api-1");
    expect(() => hostFigures(receipt({}), events.slice(0, 3))).toThrow('api-1 has no event "readmitted"');
  });
});
