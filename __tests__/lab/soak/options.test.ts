/** The soak's command line, and its entry with options that it cannot take. */
import { describe, expect, it, jest } from "@jest/globals";
import { execa } from "execa";
import { siteNames } from "../../../lab/site-names.js";
import { readOptions } from "../../../lab/soak/options.js";
import { shapeNames } from "../../../lab/soak/shapes.js";

jest.setTimeout(60_000);

describe("the soak's options", () => {
  it("are a hundred rollouts of three droplets unless said", () => {
    const defaults = {
      rollouts: 100,
      droplets: 3,
      interval: 3,
      strategy: "auto",
      shape: "usual",
      rate: 300,
      parallel: 1,
      control: false,
      site: siteNames[0],
      out: "docs/figures",
    };
    expect(readOptions([])).toEqual(defaults);
    expect(readOptions(["--rollouts", "10", "--interval", "10"])).toEqual({ ...defaults, rollouts: 10, interval: 10 });
    const other = ["--shape", "python", "--rate", "100", "--parallel", "2", "--control"];
    expect(readOptions(other)).toEqual({ ...defaults, shape: "python", rate: 100, parallel: 2, control: true });
  });

  it.each([
    [["--rollouts", "0"], "options: rollouts: got 0; needs a whole number of rollouts from 1 to 10000"],
    [["--droplets", "1"], "options: droplets: got 1; needs a whole number of droplets from 2 to 20"],
    [["--rate", "1001"], "options: rate: got 1001; needs a whole number of requests from 1 to 1000"],
    [
      ["--shape", "round"],
      `options: shape: got "round"; needs one of ${shapeNames.map((name) => `"${name}"`).join(", ")}`,
    ],
    [["--strategy", "blue"], 'options: strategy: got "blue"; needs one of "auto", "handoff", "drain"'],
    [["--interval", "2.5"], "options: interval: got 2.5; needs a whole number of seconds from 1 to 60"],
  ])("refuse %j in one line", (argv, line) => {
    expect(() => readOptions(argv)).toThrow(new Error(line));
  });

  it("end the entry with 2 before anything starts", async () => {
    const argv = ["--import", "tsx", "lab/soak/main.ts", "--site", "embedded", "--out", "/no/such/folder"];
    const { exitCode, stdout, stderr } = await execa(process.execPath, argv, { reject: false });
    expect([exitCode, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/^options: out: got "\/no\/such\/folder"; needs .*\nusage: npm run soak [^\n]*$/);
  });
});
