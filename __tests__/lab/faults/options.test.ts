import { expect, it } from "@jest/globals";
import { readOptions } from "../../../lab/faults/options.js";

it("tries every fault on the embedded lab, one at a time, unless said", () =>
  expect(readOptions([])).toEqual({
    site: "embedded",
    strategy: "handoff",
    only: "",
    workers: 1,
    out: "docs/figures",
    resume: false,
  }));

it("takes another site, and goes on with what is there", () =>
  expect(readOptions(["--site", "real", "--resume", "--workers", "2"])).toMatchObject({
    ...{ site: "real", resume: true, workers: 2 },
  }));

it.each([
  ["a site that there is not", ["--site", "moon"], 'site: got "moon"'],
  ["no worker at all", ["--workers", "0"], "workers: got 0"],
])("refuses %s", (_name, argv, words) => expect(() => readOptions(argv)).toThrow(words));
