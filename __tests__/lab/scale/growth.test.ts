import { expect, test } from "@jest/globals";
import { growthOf, growthText } from "../../../lab/scale/growth.js";
import { madeUpFigures, madeUpRun } from "./support.js";

const failed = { ...madeUpRun(30, 1, 900), error: "HostTimeout: no end of a command" };
const figures = madeUpFigures([
  ...[madeUpRun(30, 200, 47.5), failed],
  ...[madeUpRun(3, 100, 7), madeUpRun(3, 100, 2.5), madeUpRun(3, 100, 1)],
]);

test("growth is told between neighbouring sizes, by the median of what ended on target", () => {
  expect(growthOf(figures)).toEqual([{ from: 3, to: 30, hosts: 10, cpu: 10, memory: 1 }]);
});

test("a size that never ended on target is left out, and one size does not grow", () => {
  expect(growthOf(madeUpFigures([failed, madeUpRun(3, 100, 7)]))).toEqual([]);
});

test("each step is one line", () => {
  expect(growthText(figures)).toBe("- 3 to 30 hosts, 10.0 times as many: 10.0 times the CPU, 1.0 times the memory\n");
});
