import { describe, expect, it } from "@jest/globals";
import { readOptions } from "./options.js";

const defaults = { seed: 7, workers: 2 };

describe("options of test:schedules", () => {
  it("takes 5,000 schedules over all processors where nothing is said", () => {
    expect(readOptions([], defaults)).toEqual({ schedules: 5000, seed: 7, workers: 2 });
  });

  it("runs the one schedule of a path in one process", () => {
    expect(readOptions(["--seed", "9", "--path", "3:0:1"], defaults)).toMatchObject({
      seed: 9,
      path: "3:0:1",
      workers: 1,
    });
  });

  it.each([
    [["--schedules", "0"], "schedules"],
    [["--seed", "-1"], "seed"],
    [["--seed", "many"], "seed"],
    [["--workers", "65"], "workers"],
    [["--path", "here"], "path"],
    [["--schedule", "1"], "--schedule"],
  ])("refuses %j and names what is wrong", (argv, word) => {
    expect(() => readOptions(argv, defaults)).toThrow(word);
  });
});
