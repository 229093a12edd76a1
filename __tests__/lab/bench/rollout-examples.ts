/** A rollout's record for tests. */
import type { EventName, RolloutEvent } from "../../../scripts/rollout/core/events.js";
import type { HostReceipt, Receipt } from "../../../scripts/rollout/core/receipt.js";

/** Time of day so many seconds after the rollout began. */
export const timeAt = (seconds: number): string =>
  new Date(Date.parse("2026-01-02T03:04:00.000Z") + seconds * 1000).toISOString();

export type Told = readonly [seconds: number, host: string | null, name: EventName, data: object];

export const rolloutEvent = (...[seconds, host, name, data]: Told): RolloutEvent =>
  ({
    ...{ code: "", level: "info", time: timeAt(seconds), elapsedMs: seconds * 1000 },
    host,
    name,
    data,
  }) as RolloutEvent;

/** @param hosts by name; each was replaced, unless said */
export const rolloutReceipt = (hosts: Readonly<Record<string, Partial<HostReceipt>>>): Receipt =>
  ({
    hosts: Object.entries(hosts).map(([name, host]) => ({
      ...{ name, id: name, action: "replaced", seconds: 1, floorSeconds: null },
      ...{ drain: null, readmission: null, cut: 0, outageSeconds: null },
      ...host,
    })),
  }) as unknown as Receipt;
