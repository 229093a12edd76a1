import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { CURL, line, quote } from "../../../scripts/rollout/commands/shell.js";

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

describe("curl", () => {
  it.each(["/up[1-2]{a}", "/a/../b", "/./c//d", "/%2e%2e/e", "/*"])(
    "asks the address itself for the path as it is, whatever the user's own settings: %s",
    async (wanted) => {
      const asked: (string | undefined)[] = [];
      const server = createServer(({ url }, response) => {
        asked.push(url);
        response.end();
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const home = mkdtempSync(path.join(tmpdir(), "evenkeel-curl-"));
      try {
        writeFileSync(path.join(home, ".curlrc"), "proxy = http://127.0.0.1:1\n");
        const { port } = server.address() as AddressInfo;
        await execa("/bin/sh", ["-c", `${CURL} --max-time 10 ${quote(`http://127.0.0.1:${port}${wanted}`)}`], {
          env: { HOME: home, http_proxy: "http://127.0.0.1:1", no_proxy: "localhost" },
        });
        expect(asked).toEqual([wanted]);
      } finally {
        rmSync(home, { recursive: true });
        server.close();
      }
    },
  );
});
