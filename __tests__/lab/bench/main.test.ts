/** The entry of the bench with options that it cannot take. */
import { describe, expect, it, jest } from "@jest/globals";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { noFigures } from "./examples.js";

jest.setTimeout(60_000);

const bench = (...options: string[]) =>
  execa(process.execPath, ["--import", "tsx", "lab/bench/main.ts", ...options], { reject: false });

describe("npm run bench", () => {
  it("refuses a folder that is not there with one line and the usage, before anything starts", async () => {
    const { exitCode, stdout, stderr } = await bench("--site", "embedded", "--out", "/no/such/folder");
    expect([exitCode, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/^options: out: got "\/no\/such\/folder"; needs .*\nusage: npm run bench [^\n]*$/);
  });

  it("refuses to go on with figures that were measured elsewhere, and leaves them as they are", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "evenkeel-resume-"));
    try {
      writeFileSync(path.join(folder, "bench.json"), JSON.stringify(noFigures));
      const { exitCode, stderr } = await bench("--site", "embedded", "--resume", "--out", folder);
      expect(exitCode).toBe(2);
      expect(stderr).toMatch(/^bench\.json: machine: got \{.*"Example".*or a run without --resume\nusage/);
      expect(readdirSync(folder)).toEqual(["bench.json"]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
