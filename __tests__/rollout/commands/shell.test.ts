import { spawnSync } from "node:child_process";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { line, parseSections, quote, sections } from "../../../scripts/rollout/commands/shell.js";

function sh(script: string): string {
  const { status, stdout, stderr } = spawnSync("/bin/sh", { input: script, encoding: "utf8" });
  if (status !== 0) throw new Error(`sh ended with ${status}: ${stderr}`);
  return stdout;
}

describe("a word", () => {
  it.each([
    ["api", "api"],
    ["registry.example.com/api@sha256:00ff", "registry.example.com/api@sha256:00ff"],
    ["--restart=no", "--restart=no"],
    ["", "''"],
    ["two words", "'two words'"],
    ["it's", "'it'\\''s'"],
    ["$HOME `id` $(id)", "'$HOME `id` $(id)'"],
    ["~", "'~'"],
    ["*", "'*'"],
    ["a;b", "'a;b'"],
    ['"', "'\"'"],
    ["back\\slash", "'back\\slash'"],
    ["line\nbreak", "'line\nbreak'"],
    ["é", "'é'"],
  ])("%j is written as %s", (word, written) => expect(quote(word)).toBe(written));

  it("is read back by sh as it was, whatever it holds", () => {
    const hostile = fc.array(fc.constantFrom(..."'\"\\$`!*?[]{}()<>|&;#~ \t\n\r=%-aé\u2028😀".split(/(?:)/u)), {
      maxLength: 12,
    });
    const word = fc.oneof(
      fc.string({ unit: "binary" }).filter((text) => !text.includes("\0")),
      hostile.map((characters) => characters.join("")),
    );
    // One shell for many words: a word that broke out of its quotes would change all that follow.
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 200, size: "max" }), (words) => {
        const output = sh(`printf '%s\\0' ${line(words)}`);
        expect(output).toBe(words.map((text) => `${text}\0`).join(""));
      }),
      { numRuns: 30 },
    );
  });

  it("stays one line of output for printf", () =>
    expect(sh(`printf '%s\\n' ${line(["a b", "$x", ""])}`)).toBe("a b\n$x\n\n"));
});

describe("sections", () => {
  const script = sections({ one: "echo first; echo second", empty: ":", "last one": "printf 'no end of line'" });

  it("bring several answers from one command", () =>
    expect([...parseSections(sh(script))]).toEqual([
      ["one", "first\nsecond\n"],
      ["empty", ""],
      ["last one", "no end of line"],
    ]));

  it("do not mind what was printed before", () =>
    expect(parseSections(`Welcome to Debian\n@@ is no section\n${sh(script)}`).get("one")).toBe("first\nsecond\n"));

  it("go on after a command that failed", () =>
    expect(parseSections(sh(sections({ bad: "false", good: "echo yes" }))).get("good")).toBe("yes\n"));

  it("lack those that never began", () => expect(parseSections("\n@@one\nfirst").has("empty")).toBe(false));
});
