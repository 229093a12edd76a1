import { describe, expect, test } from "@jest/globals";
import { roundedUp, scale, timeTicks } from "../../../scripts/rollout/output/timeline/scale.js";
import { cutMiddle, element, escaped, short } from "../../../scripts/rollout/output/timeline/svg.js";

describe("a scale", () => {
  test("maps in proportion and puts what lies outside on the edge", () => {
    const { at } = scale([0, 10], [100, 200]);
    expect([-5, 0, 2.5, 10, 99].map((value) => at(value))).toEqual([100, 100, 125, 200, 200]);
  });

  test("of no length maps everything onto its begin", () => {
    expect(scale([5, 5], [0, 10]).at(5)).toBe(0);
  });
});

describe("ticks", () => {
  test("stand at steps that people read easily", () => {
    expect(timeTicks([0, 1], 14).slice(0, 4)).toEqual([0, 0.1, 0.2, 0.3]);
    expect(timeTicks([-3, 35], 14)).toEqual([0, 5, 10, 15, 20, 25, 30, 35]);
    expect(timeTicks([0, 413], 14)).toEqual([0, 30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 330, 360, 390]);
  });

  test("are never more than fit, from a blink to a day", () => {
    for (const span of [0.5, 1, 7, 59, 61, 600, 3600, 7200, 86_400, 1_000_000]) {
      const ticks = timeTicks([0, span], 14);
      expect(ticks.length).toBeGreaterThan(1);
      expect(ticks.length).toBeLessThanOrEqual(15);
    }
  });

  test("end at a round number above the highest value", () => {
    expect([0, 1, 7, 41, 210, 357, 1001].map(roundedUp)).toEqual([1, 1, 8, 50, 250, 400, 1500]);
  });
});

describe("markup", () => {
  test("has short coordinates and refuses those that are no number", () => {
    expect([short(1 / 3), short(-0.001), short(88)]).toEqual(["0.33", "0", "88"]);
    expect(() => short(Number.NaN)).toThrow("a coordinate is NaN; it must be a finite number");
  });

  test("escapes attributes and text", () => {
    expect(element("a", { b: '"<&' }, escaped("</a>"))).toBe('<a b="&quot;&lt;&amp;">&lt;/a&gt;</a>');
    expect(element("a", { b: 1 })).toBe('<a b="1"/>');
  });

  test("cuts a long name in its middle", () => {
    expect(cutMiddle("production-api-12", 70, 12)).toMatch(/^prod.*…i-12$/);
    expect(cutMiddle("api-1", 70, 12)).toBe("api-1");
  });
});
