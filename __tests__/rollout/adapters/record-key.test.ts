import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { insistOnRecordKeys, recordKeysHere } from "../../../scripts/rollout/adapters/record-key.js";
import { main } from "../../../scripts/rollout/cli.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "evenkeel-key-"));
});
afterEach(() => rmSync(folder, { recursive: true }));
const state = (): string => path.join(folder, "state");
const file = (): string => path.join(state(), "record.key");
const here = (more: Record<string, string> = {}) => ({ EVENKEEL_STATE_DIR: state(), ...more });

describe("the key of the history on this machine", () => {
  it("is made once, for its owner's eyes only, and is the same from then on", () => {
    expect(recordKeysHere(here())).toBeNull();
    expect(existsSync(state())).toBe(false);
    const first = insistOnRecordKeys(here());
    expect(first).toEqual({ keys: [expect.stringMatching(/^[0-9a-f]{64}$/)], made: file() });
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect(readdirSync(state())).toEqual(["record.key"]);
    expect(insistOnRecordKeys(here())).toEqual({ keys: first.keys, made: null });
    expect(recordKeysHere(here())).toEqual(first.keys);
  });

  it("is the environment's where that names one: none is made then", () => {
    const key = "k".repeat(32);
    expect(insistOnRecordKeys(here({ EVENKEEL_RECORD_KEY: key }))).toEqual({ keys: [key], made: null });
    expect(existsSync(state())).toBe(false);
  });

  it("is refused where the file holds none, and the content is not shown", () => {
    mkdirSync(state());
    writeFileSync(file(), "hunter2\n");
    expect(() => recordKeysHere(here())).toThrow(/record\.key: got a key of 7 characters; .*set EVENKEEL_RECORD_KEY/);
    expect(() => recordKeysHere(here())).not.toThrow("hunter2");
  });
});

describe("rollout key", () => {
  const run = async (environment: Record<string, string>) => {
    const written: string[] = [];
    const stream = { write: (text: string) => written.push(text), on: () => undefined };
    const code = await main(["key"], environment, { stdout: stream, stderr: stream });
    return { code, text: written.join("") };
  };

  it("prints it for another operator, who then has the same", async () => {
    const { code, text } = await run(here());
    expect({ code, text }).toEqual({ code: 0, text: readFileSync(file(), "utf8") });
  });

  it("is refused in a CI, where it would be in the log, and makes none", async () => {
    const { code, text } = await run(here({ CI: "true" }));
    expect(code).toBe(2);
    expect(text).toMatch(/^environment: CI: got "true"; .*log/);
    expect(existsSync(file())).toBe(false);
  });
});
