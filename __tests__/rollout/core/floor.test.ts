import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { ObservedCheck } from "../../../contract/policy.js";
import { blindWaitMs, entryFloorSeconds, floorSeconds } from "../../../scripts/rollout/core/floor.js";
import { evenly } from "../../support/draws.js";
import { check } from "../support.js";

const article: ObservedCheck = { ...check, checkIntervalSeconds: 10, unhealthyThreshold: 2, healthyThreshold: 3 };

describe("the floor of one host's replacement", () => {
  it("is the first failing probe and (unhealthy + healthy - 1) intervals when the swap fits into one interval", () => {
    expect(floorSeconds({ check: article, firstProbeSeconds: 5, swapSeconds: 2 })).toBe(45);
    expect(floorSeconds({ check: article, firstProbeSeconds: 0, swapSeconds: 10 })).toBe(40);
    expect(floorSeconds({ check, firstProbeSeconds: 1.5, swapSeconds: 1 })).toBe(13.5);
  });

  it("grows by what the swap takes beyond one interval", () =>
    expect(floorSeconds({ check: article, firstProbeSeconds: 5, swapSeconds: 13 })).toBe(48));

  it("is shortest with thresholds of 1: one failing probe, then one passing", () =>
    expect(
      floorSeconds({
        check: { ...check, unhealthyThreshold: 1, healthyThreshold: 1 },
        firstProbeSeconds: 2,
        swapSeconds: 0,
      }),
    ).toBe(5));

  it("is never above what a balancer that probes on a fixed beat needs, and less than one interval below it", () =>
    fc.assert(
      fc.property(
        fc.record({
          checkIntervalSeconds: fc.integer({ min: 1, max: 300 }),
          unhealthyThreshold: fc.integer({ min: 1, max: 10 }),
          healthyThreshold: fc.integer({ min: 1, max: 10 }),
          phase: evenly(0, 1),
          swapSeconds: evenly(0, 1000),
        }),
        ({ phase, swapSeconds, ...thresholds }) => {
          const probing = { ...check, ...thresholds };
          const firstProbeSeconds = phase * probing.checkIntervalSeconds;
          const floor = floorSeconds({ check: probing, firstProbeSeconds, swapSeconds });
          const real = probedSwapSeconds(probing, firstProbeSeconds, swapSeconds);
          expect(floor).toBeLessThanOrEqual(real + 1e-6);
          expect(real).toBeLessThan(floor + probing.checkIntervalSeconds);
        },
      ),
    ));
});

/** Seconds from the drain to readmission, probe by probe; a probe at the moment of readiness already passes. */
function probedSwapSeconds(probing: ObservedCheck, firstProbeSeconds: number, swapSeconds: number): number {
  let failed = 0;
  let passed = 0;
  let readyAt = Infinity;
  for (let probe = 0; ; probe += 1) {
    const now = firstProbeSeconds + probe * probing.checkIntervalSeconds;
    if (now + 1e-9 >= readyAt) passed += 1;
    else failed += 1;
    if (failed === probing.unhealthyThreshold && readyAt === Infinity) readyAt = now + swapSeconds;
    if (passed === probing.healthyThreshold) return now;
  }
}

describe("the floor of a host that only enters rotation", () => {
  it("is its first probe and the other healthy ones", () => {
    expect(entryFloorSeconds(article, 4)).toBe(24);
    expect(entryFloorSeconds({ ...article, healthyThreshold: 1 }, 4)).toBe(4);
  });
});

describe("the blind wait", () => {
  it("is the article's (threshold + 1) x interval", () => {
    expect(blindWaitMs(article.unhealthyThreshold, article)).toBe(30_000);
    expect(blindWaitMs(article.healthyThreshold, article)).toBe(40_000);
  });
});
