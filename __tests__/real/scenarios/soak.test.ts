/** Rollouts in a row, back and forth, as `npm run soak` does them. */
import { afterAll, beforeAll, expect, it, jest } from "@jest/globals";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import type { SoakFigures } from "../../../lab/soak/figures.js";
import { LIMIT_MS } from "../../support/real.js";

jest.setTimeout(LIMIT_MS);

/** As many as the gate has time for; `npm run soak` does a hundred. */
const ROLLOUTS = 2;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "evenkeel-soak-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

it(`${ROLLOUTS} rollouts in a row under load: no request fails`, async () => {
  const options = ["--rollouts", String(ROLLOUTS), "--droplets", "2", "--interval", "1", "--out", folder];
  // Not through npm: the soak sees when this process is gone, and ends.
  const argv = ["--import", "tsx", "lab/soak/main.ts", ...options];
  const { exitCode, stderr } = await execa(process.execPath, argv, { reject: false, stdin: "ignore" });
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr });
  const figures = JSON.parse(readFileSync(path.join(folder, "soak.json"), "utf8")) as SoakFigures;
  expect(figures.rollouts.map((rollout) => rollout.exitCode)).toEqual(Array.from({ length: ROLLOUTS }, () => 0));
  for (const { sent, failed } of [figures, figures.secondTool]) {
    expect(sent).toBeGreaterThan(0);
    expect(failed).toBe(0);
  }
});
