import { expect, test } from "@jest/globals";
import { readOptions } from "../../../lab/scale/options.js";

test("without options three fleets are measured three times", () => {
  expect(readOptions([])).toEqual({ hosts: [3, 30, 300], repeats: 3, out: "docs/figures" });
});

test("sizes, repeats and folder are taken as given", () => {
  expect(readOptions(["--hosts", "2", "--repeats", "1", "--out", "elsewhere"])).toEqual({
    ...{ hosts: [2], repeats: 1, out: "elsewhere" },
  });
});

test.each([
  ["--hosts", "301", /hosts\[0\]: got 301; needs a whole number of hosts from 1 to 300/],
  ["--hosts", "3,many", /hosts\[1\]: got NaN/],
  ["--repeats", "0", /repeats: got 0; needs a whole number of rollouts from 1 to 20/],
  ["--bogus", "1", /Unknown option '--bogus'/],
])("a bad value is one line: %s %s", (option, value, message) => {
  expect(() => readOptions([option, value])).toThrow(message);
});
