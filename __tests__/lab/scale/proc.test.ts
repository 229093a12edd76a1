import { describe, expect, test } from "@jest/globals";
import {
  countOpenFiles,
  parseCpuTime,
  parseMemoryMb,
  processesIn,
  readCpuTime,
  readMemoryMb,
} from "../../../lab/scale/proc.js";

describe("what /proc tells", () => {
  test("processor time is read behind a name that holds blanks and parentheses", () => {
    const stat = "12 (a (b) c) S 1 12 12 0 -1 4194560 900 0 0 0 150 50 7 3 20 0 11 0 99 0 0";
    expect(parseCpuTime(stat)).toEqual({ own: 2, children: 0.1 });
  });

  test("memory is given in MB, and a process that has ended has none", () => {
    expect(parseMemoryMb("Name:\tnode\nVmHWM:\t  204800 kB\nRssAnon:\t  1024 kB\n", "VmHWM")).toBe(200);
    expect(parseMemoryMb("Name:\tnode\nState:\tZ (zombie)\n", "VmHWM")).toBeNull();
  });
});

const onLinux = process.platform === "linux" ? describe : describe.skip;
const why = process.platform === "linux" ? "" : " (skipped: only Linux has /proc)";

onLinux(`a process${why}`, () => {
  test("that runs is measured", () => {
    expect(readCpuTime("self")?.own).toBeGreaterThan(0);
    expect(readMemoryMb(process.pid, "VmHWM")).toBeGreaterThan(10);
    expect(countOpenFiles(process.pid)).toBeGreaterThan(2);
    const self = { pid: process.pid, command: expect.stringContaining("jest") };
    expect(processesIn(process.cwd())).toContainEqual(self);
    expect(processesIn("/proc")).not.toContainEqual(self);
  });

  test("that has ended is not there", () => {
    // Above the largest number that Linux gives to a process.
    const nobody = 2 ** 22 + 1;
    expect([readCpuTime(nobody), readMemoryMb(nobody, "VmHWM"), countOpenFiles(nobody)]).toEqual([null, null, null]);
  });
});
