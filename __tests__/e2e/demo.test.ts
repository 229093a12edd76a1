/** `npm run demo` as a new user runs it, in the harder variant: two balancer nodes out of phase and an uptime check. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it, jest } from "@jest/globals";
import type { Receipt } from "../../scripts/rollout/core/receipt.js";
import { RATES } from "../../lab/load/rate.js";
import { demo } from "../support/demo.js";

/** A machine that does much else takes several times as long. */
jest.setTimeout(900_000);

const folder = mkdtempSync(path.join(tmpdir(), "evenkeel-demo-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Processes of the demo's world: each has a home below the temporary folder that the demo was given. */
function labProcesses(): string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/environ`, "utf8").includes(folder);
    } catch {
      return false;
    }
  });
}

describe("npm run demo", () => {
  it("rolls version 2 out under load with two nodes out of phase and an uptime check: nothing fails, nothing is left", async () => {
    const { exitCode, stdout, stderr } = await demo(folder, "--nodes", "2", "--uptime-check");
    expect(stdout).toMatch(/Both droplets run version 2; not one request (that was sent )?failed/);
    expect(exitCode).toBe(0);
    const [, rate] = /rate\s+(\d+) requests a second/.exec(stdout) ?? [];
    expect(RATES).toContain(Number(rate));
    const [, sent, lost] = /load\s+([\d,]+) requests sent, (\d+) lost/.exec(stdout) ?? [];
    expect(Number(sent?.replaceAll(",", ""))).toBeGreaterThan(0);
    expect(lost).toBe("0");
    expect(stdout).toMatch(/uptime\s+\d+ checks of the health path through the balancer, 0 failed/);
    expect(readFileSync(path.join(folder, "timeline.svg"), "utf8")).toMatch(/^<svg /);
    const receipt = JSON.parse(readFileSync(path.join(folder, "receipt.json"), "utf8")) as Receipt;
    // Handed over: neither of them was drained or taken in again.
    expect(receipt.hosts.map(({ action, drain, readmission }) => [action, drain, readmission])).toEqual([
      ["replaced", null, null],
      ["replaced", null, null],
    ]);
    expect(stderr).toMatch(/plan: hand over demo-1, hand over demo-2; at most 1 handed over at once/);
    if (existsSync("/proc/self/environ")) expect(labProcesses()).toEqual([]);
  });

  it("refuses words that it does not know, in one line", async () => {
    const { exitCode, stderr } = await demo(folder, "--brake");
    expect(exitCode).toBe(2);
    expect(stderr.split("\n").filter((line) => line.startsWith("usage:"))).toHaveLength(1);
  });
});
