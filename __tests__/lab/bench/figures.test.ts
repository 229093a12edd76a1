/** How the bench's figures grow, and what is made of them. */
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { benchFigures, pairsAt, spreadOf, withPair } from "../../../lab/bench/figures.js";
import { tasks, type Wanted } from "../../../lab/bench/matrix.js";
import { aboveFloor, floorOf, secondsOf } from "../../../lab/bench/summary.js";
import { exampleHost, examplePair, noFigures, withCell } from "./examples.js";

const small = { droplets: 2, interval: 3 };
const large = { droplets: 3, interval: 10 };

describe("the figures", () => {
  it("get a pair more, and the ratio is of all pairs", () => {
    const figures = withCell(noFigures, small, [
      [100, 50],
      [100, 40],
      [100, 60],
    ]);
    expect(figures.cells).toHaveLength(1);
    expect(figures.cells[0]?.ratio).toEqual({ min: 0.4, median: 0.5, max: 0.6 });
    expect(figures.cells[0]?.hosts.map(({ pair }) => pair)).toEqual([1, 1, 2, 2, 3, 3]);
    expect([pairsAt(figures, small), pairsAt(figures, large)]).toEqual([3, 0]);
  });

  it("keep their cells in order, whichever was measured first", () => {
    const figures = [large, { droplets: 2, interval: 10 }, small].reduce(
      (sofar, place) => withCell(sofar, place, [[2, 1]]),
      noFigures,
    );
    expect(figures.cells.map(({ droplets, interval }) => [interval, droplets])).toEqual([
      [3, 2],
      [10, 2],
      [10, 3],
    ]);
  });

  it("are the same after they were written and read", () => {
    const figures = withCell(noFigures, small, [[100, 50]]);
    expect(benchFigures.parse(JSON.parse(JSON.stringify(figures)))).toEqual(figures);
    expect(benchFigures.safeParse({ ...figures, cells: [{}] }).success).toBe(false);
  });
});

describe("a spread", () => {
  it("has the middle value, or the mean of the two in the middle", () => {
    expect(spreadOf([3, 1, 2])).toEqual({ min: 1, median: 2, max: 3 });
    expect(spreadOf([4, 1, 2, 3])).toEqual({ min: 1, median: 2.5, max: 4 });
    expect(spreadOf([7])).toEqual({ min: 7, median: 7, max: 7 });
  });

  it("has as many values below its middle as above", () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 1 }), (values) => {
        const { min, median, max } = spreadOf(values);
        const below = values.filter((value) => value < median).length;
        const above = values.filter((value) => value > median).length;
        expect(Math.max(below, above)).toBeLessThanOrEqual(values.length / 2);
        expect([min, max]).toEqual([Math.min(...values), Math.max(...values)]);
      }),
    );
  });
});

describe("what is to be measured", () => {
  const wanted: Wanted = { pairs: 3, droplets: [5, 2], intervals: [10, 3], site: "embedded" };

  it("is every cell, the quickest first", () => {
    expect(tasks(noFigures, wanted)).toEqual([
      { droplets: 2, interval: 3, pairs: [1, 2, 3] },
      { droplets: 5, interval: 3, pairs: [1, 2, 3] },
      { droplets: 2, interval: 10, pairs: [1, 2, 3] },
      { droplets: 5, interval: 10, pairs: [1, 2, 3] },
    ]);
  });

  it("leaves out what is there", () => {
    const begun = withCell(withCell(noFigures, small, [[2, 1]]), { droplets: 5, interval: 3 }, [
      [2, 1],
      [2, 1],
      [2, 1],
    ]);
    expect(tasks(begun, { ...wanted, intervals: [3] })).toEqual([{ droplets: 2, interval: 3, pairs: [2, 3] }]);
    expect(tasks(begun, { ...wanted, intervals: [3], pairs: 1 })).toEqual([]);
  });
});

describe("a cell's summary", () => {
  const hosts = [exampleHost("api-1"), exampleHost("api-2", { seconds: 14.5, floorSeconds: 10 })];
  const [cell] = withPair(noFigures, small, examplePair(100, 50), hosts).cells;
  if (!cell) throw new Error("there is a cell");

  it("adds up the floors of a pair's hosts", () => {
    expect(floorOf(cell)).toBe(20);
  });

  it("tells by how many intervals hosts are above their floor", () => {
    const { min, median, max } = aboveFloor(cell);
    expect([min, median, max].map((value) => Number(value.toFixed(3)))).toEqual([0.333, 0.917, 1.5]);
  });

  it("has the seconds of either side", () => {
    expect([secondsOf(cell, "article").median, secondsOf(cell, "evenkeel").median]).toEqual([100, 50]);
  });
});
