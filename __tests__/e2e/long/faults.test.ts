/** Some faults of `npm run faults`, which takes all of them at every phase. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, it, jest } from "@jest/globals";
import { faults } from "../../../lab/faults/catalogue.js";
import type { Phase } from "../../../lab/faults/phase.js";
import { befall, faultStacks } from "../../../lab/faults/run.js";

jest.setTimeout(300_000);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "evenkeel-faults-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const sample: readonly (readonly [string, Phase])[] = [
  ["controller and steward killed (SIGKILL): a lock whose process is gone", "starting"],
  ["release: health-301", "before"],
];

it.each(sample)("%s, %s: nobody loses a request, and one run more ends well", async (name, phase) => {
  const fault = faults.find((one) => one.name === name);
  if (!fault?.phases.includes(phase)) throw new Error(`there is no fault "${name}" at ${phase}`);
  const row = await befall(fault, phase, { stacks: faultStacks(folder), signal: new AbortController().signal });
  expect(row.problems).toEqual([]);
  expect(row).toMatchObject({ failed: 0, rerunExitCode: 0, onTarget: true });
});
