/** The lint rule that only one module writes to stdout and stderr. */
import { pathToFileURL } from "node:url";
import path from "node:path";
import { beforeAll, describe, expect, it } from "@jest/globals";
import { Linter } from "eslint";
import tseslint from "typescript-eslint";

const linter = new Linter({ cwd: process.cwd() });
let config: Linter.Config[];

beforeAll(async () => {
  const file = pathToFileURL(path.resolve("eslint.config.js")).href;
  const { default: all } = (await import(file)) as { default: Linter.Config[] };
  const own = all.filter(({ rules }) => rules && "no-restricted-syntax" in rules);
  config = [{ files: ["**/*.ts"], languageOptions: { parser: tseslint.parser } }, ...own];
});

/** What cannot be parsed breaks no rule, and counts as such. */
const found = (code: string, file = "scripts/rollout/run.ts"): number => {
  const messages = linter.verify(code, config, file);
  expect(messages.filter(({ fatal }) => fatal)).toEqual([]);
  return messages.length;
};

describe("a module of the rollout", () => {
  it.each([
    'console.log("x")',
    "const { log } = console",
    "globalThis.console.log(1)",
    'import { log } from "node:console"',
    'process.stdout.write("x")',
    'globalThis.process.stdout.write("x")',
    'const { process: p } = globalThis; p.stdout.write("x")',
    "const { stdout } = process",
    "const mine = process",
    "const mine = process.stderr",
    'process["stdout"]',
    'import { stdout } from "node:process"',
    'import mine from "process"',
    'import * as mine from "node:process"',
    'streams.stderr.write("x")',
    'mine.write("x")',
    'mine["write"]("x")',
    "const { write } = mine",
    'mine.end("x")',
    'import { writeSync } from "node:fs"',
    'fs.writeSync(1, "x")',
    'writeFileSync("/dev/stdout", "x")',
    'spawnSync("ssh", [], { stdio: "inherit" })',
    'process.stdout["write"]',
    "process.stdout.write.bind(process.stdout)",
    'process.emitWarning("x")',
    "const { emitWarning } = process",
    'process._rawDebug("x")',
    'process.getBuiltinModule("node:fs")',
    "({ stdout: mine.out } = process)",
    "take(process)",
    "const all = { process }",
    "const streams = process ?? null",
    "mine = process",
    "const p = (process as unknown)",
    "take(console)",
    "take(globalThis)",
    "mine = globalThis",
    'import("node:console")',
    'import { Console } from "node:console"',
    'writeFileSync(1, "x")',
    'appendFileSync(2, "x")',
    'createWriteStream("", { fd: 1 })',
    'import { WriteStream } from "node:tty"',
    'import { pipeline } from "node:stream"',
    'import { debuglog } from "node:util"',
    'spawn("ssh", [], { stdio: ["pipe", 1, 2] })',
    'spawn("ssh", [], { stdio: [0, streams.stdout] })',
    'const { ["write"]: w } = mine',
    'const { "write": w } = mine',
    'Reflect.get(mine, "write")',
    'openSync("/proc/self/fd/1", "w")',
    'openSync(`/dev/stdout`, "w")',
  ])("may not: %s", (code) => expect(found(code)).toBeGreaterThan(0));

  it.each([
    'outTo(streams.stderr).text("x")',
    'import { writeFileSync } from "node:fs"; writeFileSync("x", "y")',
    "export const sink = { write: (text: string) => text, width: model.end - process.pid }",
    "const { HOME } = process.env",
  ])("may: %s", (code) => expect(found(code)).toBe(0));
});

it("hands the streams over in the entry, which does not write either", () => {
  expect(found('import process from "node:process"; outTo(process.stderr)', "scripts/rollout.ts")).toBe(0);
  expect(found('import process from "node:process"; process.stderr.write("x")', "scripts/rollout.ts")).toBe(1);
});

it("writes in one module", () => {
  expect(found('stream.write("x")', "scripts/rollout/output/out.ts")).toBe(0);
});
