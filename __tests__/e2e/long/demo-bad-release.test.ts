/** `npm run demo -- --break` as a new user runs it. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, it, jest } from "@jest/globals";
import type { Receipt } from "../../../scripts/rollout/core/receipt.js";
import { demo } from "../../support/demo.js";

jest.setTimeout(300_000);

const folder = mkdtempSync(path.join(tmpdir(), "evenkeel-demo-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it("npm run demo -- --break shows a bad release being taken back on its first host", async () => {
  const { exitCode, stdout } = await demo(folder, "--break");
  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout });
  expect(stdout).toMatch(/load\s+[\d,]+ requests sent, 0 lost/);
  const receipt = JSON.parse(readFileSync(path.join(folder, "receipt.json"), "utf8")) as Receipt;
  expect(receipt.exitCode).toBe(5);
  expect(receipt.hosts.map((host) => host.action).sort()).toEqual(["restored", "untouched"]);
});
