/** Time with fewer than all droplets in rotation, from the balancer's changes. */
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { secondsBelowFull } from "../../../lab/bench/capacity.js";
import type { Change } from "../../../lab/site.js";

const change = (atMs: number, dropletId: string, up: boolean, node = 0): Change => ({
  ...{ node, droplet: `api-${dropletId}`, dropletId, up, atMs },
});
const bothUp = [change(0, "1", true), change(0, "2", true)];
const span = { fromMs: 1000, toMs: 11_000 };

describe("seconds below full", () => {
  it("are none while every droplet is in rotation", () => {
    expect(secondsBelowFull(bothUp, 2, span)).toBe(0);
  });

  it("are all of them when a droplet never came into rotation", () => {
    expect(secondsBelowFull([change(0, "1", true)], 2, span)).toBe(10);
    expect(secondsBelowFull([], 2, span)).toBe(10);
  });

  it("are those between a droplet's leaving and its return", () => {
    const changes = [...bothUp, change(2000, "1", false), change(4500, "1", true)];
    expect(secondsBelowFull(changes, 2, span)).toBe(2.5);
  });

  it("count once where two droplets are out at the same time", () => {
    const changes = [
      ...bothUp,
      ...[change(2000, "1", false), change(3000, "2", false)],
      ...[change(4000, "1", true), change(6000, "2", true)],
    ];
    expect(secondsBelowFull(changes, 2, span)).toBe(4);
  });

  it("go on for as long as one node of two has not taken a droplet back", () => {
    const up = [...bothUp, change(0, "1", true, 1), change(0, "2", true, 1)];
    const changes = [
      ...up,
      ...[change(2000, "1", false, 0), change(2500, "1", false, 1)],
      ...[change(4000, "1", true, 0), change(5000, "1", true, 1)],
    ];
    expect(secondsBelowFull(changes, 4, span)).toBe(3);
  });

  it("are counted within the span only", () => {
    const changes = [...bothUp, change(500, "1", false), change(1500, "1", true), change(10_500, "2", false)];
    expect(secondsBelowFull([...changes, change(20_000, "2", true)], 2, span)).toBe(1);
  });

  it("are what a look at every millisecond would find", () => {
    const toggles = fc.array(fc.tuple(fc.integer({ min: 0, max: 60 }), fc.constantFrom("1", "2"), fc.boolean()));
    fc.assert(
      fc.property(toggles, fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 60 }), (list, a, b) => {
        const changes = list.map(([atMs, id, up]) => change(atMs, id, up)).sort((one, other) => one.atMs - other.atMs);
        const [fromMs, toMs] = [Math.min(a, b), Math.max(a, b)];
        const lastOf = (id: string, atMs: number) =>
          changes.findLast((one) => one.dropletId === id && one.atMs <= atMs);
        const isFull = (atMs: number): boolean => ["1", "2"].every((id) => lastOf(id, atMs)?.up === true);
        const moments = Array.from({ length: toMs - fromMs }, (_, index) => fromMs + index);
        const expected = moments.filter((atMs) => !isFull(atMs)).length / 1000;
        expect(secondsBelowFull(changes, 2, { fromMs, toMs })).toBeCloseTo(expected, 9);
      }),
    );
  });
});
