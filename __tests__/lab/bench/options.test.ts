/** The bench's command line. */
import { describe, expect, it } from "@jest/globals";
import { readOptions } from "../../../lab/bench/options.js";
import { siteNames } from "../../../lab/site-names.js";

const faultOf = (...argv: string[]): string => {
  try {
    readOptions(argv);
  } catch (error) {
    return (error as Error).message;
  }
  return "";
};

describe("the bench's options", () => {
  it("are the whole matrix unless said", () => {
    expect(readOptions([])).toEqual({
      ...{ droplets: [2, 3, 5], intervals: [3, 10], atOnce: false, rate: 300 },
      ...{ site: siteNames[0], out: "docs/figures", resume: false, quick: false },
    });
  });

  it("are one round of the smallest cell with --quick, but for what is said besides", () => {
    expect(readOptions(["--quick"])).toMatchObject({ rounds: 1, droplets: [2], intervals: [3], quick: true });
    expect(readOptions(["--quick", "--intervals", "10"])).toMatchObject({ rounds: 1, droplets: [2], intervals: [10] });
  });

  it("are as many rounds of every cell as are asked for, hosts all at once, and another rate", () => {
    expect(readOptions(["--rounds", "2", "--at-once", "--rate", "50"])).toMatchObject({
      ...{ rounds: 2, atOnce: true, rate: 50 },
    });
  });

  it("take each size and interval once", () => {
    expect(readOptions(["--droplets", "3,2,3", "--resume"])).toMatchObject({ droplets: [3, 2], resume: true });
  });

  it.each([
    [["--rounds", "0"], "options: rounds: got 0; needs a whole number of rounds from 1 to 20"],
    [["--droplets", "2,x"], "options: droplets[1]: got NaN; needs a whole number of droplets from 2 to 20"],
    [["--droplets", "1"], "options: droplets[0]: got 1; needs a whole number of droplets from 2 to 20"],
    [["--intervals", ""], "options: intervals[0]: got 0; needs a whole number of seconds from 1 to 60"],
    [["--site", "moon"], `options: site: got "moon"; needs one of ${siteNames.map((name) => `"${name}"`).join(", ")}`],
    [["--out", ""], 'options: out: got ""; needs a folder'],
  ])("refuse %j in one line", (argv, line) => {
    expect(faultOf(...argv)).toBe(line);
  });

  it("refuse words that they do not know", () => {
    expect(faultOf("--fast")).toContain("--fast");
    expect(faultOf("all")).toContain("all");
    expect(faultOf("--fast").split("\n")).toHaveLength(1);
  });
});
