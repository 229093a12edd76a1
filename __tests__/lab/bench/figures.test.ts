/** How the bench's figures grow, and what is made of them. */
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { benchFigures, roundOf, roundsAt, sideNames, spreadOf } from "../../../lab/bench/figures.js";
import { orderOf, tasks } from "../../../lab/bench/matrix.js";
import { floorOf, othersOf, othersTogether, outsideHosts, ratioOf, secondsOf } from "../../../lab/bench/summary.js";
import { exampleHanded, examplePhases, exampleRound, noFigures, withCell } from "./examples.js";

const small = { droplets: 2, interval: 3 };
const large = { droplets: 3, interval: 10 };
const round = exampleRound([100, 40, 10]);

describe("the figures", () => {
  it("get a round more", () => {
    const figures = withCell(noFigures, small, round, exampleRound([100, 50, 12]));
    expect(figures.cells).toHaveLength(1);
    expect(figures.cells[0]?.rounds.map(({ drain }) => drain.seconds)).toEqual([40, 50]);
    expect([roundsAt(figures, small), roundsAt(figures, large)]).toEqual([2, 0]);
  });

  it("keep their cells in order, whichever was measured first", () => {
    const figures = [large, { droplets: 2, interval: 10 }, small].reduce(
      (sofar, place) => withCell(sofar, place, round),
      noFigures,
    );
    expect(figures.cells.map(({ droplets, interval }) => [interval, droplets])).toEqual([
      [3, 2],
      [10, 2],
      [10, 3],
    ]);
  });

  it("are the same after they were written and read", () => {
    const figures = withCell(noFigures, small, round);
    expect(benchFigures.parse(JSON.parse(JSON.stringify(figures)))).toEqual(figures);
    expect(benchFigures.safeParse({ ...figures, cells: [{}] }).success).toBe(false);
  });

  it("take no round that lacks a side", () => {
    const { date, commit, handoff, ...others } = round;
    expect(roundOf({ date, commit }, { ...others, handoff })).toEqual(round);
    expect(() => roundOf({ date, commit }, others)).toThrow("handoff");
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
  it("is every cell, the quickest first: three rounds of three droplets, one of the others", () => {
    expect(tasks(noFigures, { droplets: [5, 2, 3], intervals: [10, 3] })).toEqual([
      { droplets: 2, interval: 3, rounds: [1] },
      { droplets: 3, interval: 3, rounds: [1, 2, 3] },
      { droplets: 5, interval: 3, rounds: [1] },
      { droplets: 2, interval: 10, rounds: [1] },
      { droplets: 3, interval: 10, rounds: [1, 2, 3] },
      { droplets: 5, interval: 10, rounds: [1] },
    ]);
  });

  it("is as many rounds of each as are asked for, without those that are there", () => {
    const begun = withCell(withCell(noFigures, small, round), { droplets: 5, interval: 3 }, round, round, round);
    const wanted = { droplets: [5, 2], intervals: [3] };
    expect(tasks(begun, { ...wanted, rounds: 3 })).toEqual([{ droplets: 2, interval: 3, rounds: [2, 3] }]);
    expect(tasks(begun, { ...wanted, rounds: 1 })).toEqual([]);
  });
});

describe("the order within a round", () => {
  it("has every side once, and over as many rounds as there are sides each of them at every place", () => {
    const orders = sideNames.map((_, index) => orderOf(index + 1));
    for (const order of orders) expect([...order].sort()).toEqual([...sideNames].sort());
    for (const place of sideNames.keys())
      expect(new Set(orders.map((order) => order[place])).size).toBe(sideNames.length);
    expect(orderOf(sideNames.length + 1)).toEqual(orderOf(1));
  });
});

describe("a cell's summary", () => {
  const [cell] = withCell(noFigures, large, round, exampleRound([200, 50, 30])).cells;
  if (!cell) throw new Error("there is a cell");

  it("adds up the floors of a round's drained hosts", () => {
    expect(floorOf(cell)).toBe(30);
  });

  it("has the seconds of each side, and what they are of the article's in the same round", () => {
    expect([secondsOf(cell, "article").median, secondsOf(cell, "drain").median]).toEqual([150, 45]);
    expect(ratioOf(cell, "handoff")).toEqual({ min: 0.1, median: 0.125, max: 0.15 });
  });

  it("tells the hosts after the first one apart, one by one and together", () => {
    expect([othersOf(round), othersTogether(round)]).toEqual([[2.5, 3], 6]);
    const { handoff } = round;
    const alone = { ...round, handoff: { ...handoff, hosts: [exampleHanded("api-1", 2, 6)] } };
    expect([othersOf(alone), othersTogether(alone)]).toEqual([[], 0]);
  });

  it("has the seconds in which no host was at work", () => {
    expect(outsideHosts(examplePhases(40))).toBe(5);
  });
});
