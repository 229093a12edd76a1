/** Files and names of a user that the system does not know, as a container may have one. */
import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import * as os from "node:os";

const unknown = (call: string) => (): never => {
  throw new Error(`A system error occurred: ${call} returned ENOENT (no such file or directory)`);
};
jest.unstable_mockModule("node:os", () => ({
  ...os,
  userInfo: unknown("uv_os_get_passwd"),
  homedir: () => process.env["HOME"] ?? unknown("uv_os_homedir")(),
  hostname: () => "a host's name",
}));
const { homeFolder, stateFolder, whoRuns } = await import("../../../scripts/rollout/adapters/files.js");

describe("a user without an entry in passwd", () => {
  const { HOME } = process.env;
  beforeEach(() => {
    delete process.env["HOME"];
  });
  afterEach(() => void (process.env["HOME"] = HOME));

  it("is named by its number, in one word", () => expect(whoRuns()).toMatch(/^uid-\d+@a-host-s-name$/));

  it("is told that there is no home folder", () => {
    expect(homeFolder).toThrow("environment: HOME: got nothing; needs the home folder of whoever runs this");
    expect(() => stateFolder({})).toThrow("environment: HOME: got nothing");
    expect(stateFolder({ EVENKEEL_STATE_DIR: "/state" })).toBe("/state");
  });

  it("may have one from the environment, unless it is another place in each folder", () => {
    process.env["HOME"] = "/home/somebody";
    expect(homeFolder()).toBe("/home/somebody");
    process.env["HOME"] = "here";
    expect(homeFolder).toThrow('environment: HOME: got "here"; needs');
  });
});
