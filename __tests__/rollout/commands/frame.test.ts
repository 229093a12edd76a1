import { spawnSync } from "node:child_process";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { framed, LOGIN_COMMAND, newFrame, readAnswer, type Answer } from "../../../scripts/rollout/commands/frame.js";
import { capped, parts, quote } from "../../../scripts/rollout/commands/shell.js";
import { RolloutError } from "../../../scripts/rollout/core/errors.js";
import { installed } from "./steward-host.js";

const FRAME = "0123456789abcdef0123456789abcdef";

/** Sends a script as over SSH, to a login shell. */
function send(script: string, { login = ["/bin/sh"], input = "", before = "" } = {}): Answer {
  const frame = newFrame();
  const [program = "", ...first] = login;
  const argv = [...first, "-c", LOGIN_COMMAND];
  const { stdout, stderr } = spawnSync(program, argv, { input: framed(script, frame) + input });
  const answer = readAnswer(Buffer.concat([Buffer.from(before), stdout]), frame, "api-1");
  if (!answer) throw new Error(`no answer: ${stdout.toString()}${stderr.toString()}`);
  return answer;
}

const read = (output: string): Answer | null => readAnswer(Buffer.from(output), FRAME, "api-1");

describe("a script", () => {
  it("gives back what it printed, its exit code, and reads its own input", () => {
    expect(send("cat; exit 7", { input: "one\ntwo" })).toMatchObject({ code: 7, text: "one\ntwo" });
    expect(send("true")).toMatchObject({ code: 0, text: "" });
  });

  const shells = ["dash", "bash", "fish", "tcsh", "busybox"].map((name) => [name, installed(name)] as const);
  for (const [name, program] of shells) {
    const test = program ? it : it.skip;
    test(`runs where ${name} is the login shell (apt-get install ${name})`, () => {
      const login = [program ?? "", ...(name === "busybox" ? ["sh"] : [])];
      const script = `printf '%s|' "it's" 'a\\b' '!x' "$(cat)" '\\n'\n# not "this\nexit 3`;
      expect(send(script, { login, input: "in\n" })).toMatchObject({ code: 3, text: "it's|a\\b|!x|in|\\n|" });
    });
  }

  it("arrives as it was, whatever it holds", () => {
    const hostile = fc.array(fc.constantFrom(..."'\"\\$`!*?%nc0() \t\n\ré\u2028😀".split(/(?:)/u)), { maxLength: 30 });
    fc.assert(
      fc.property(hostile, (characters) => {
        const text = characters.join("");
        expect(send(`printf '%s' ${quote(text)}`).text).toBe(text);
      }),
      { numRuns: 40 },
    );
  });

  it("does not mind what the login shell prints before", () =>
    expect(send("echo hi", { before: `Welcome\n@@end\n\n${FRAME} begin\nto Debian\n` }).text).toBe("hi\n"));

  it("keeps its frame out of the environment and the arguments of what it starts", () => {
    const frame = newFrame();
    const script =
      'env; if [ -r "/proc/$$/cmdline" ]; then tr "\\000" " " <"/proc/$$/cmdline"; fi; ps -ww -o args= -p $$';
    const env = { ...process.env, frame: "exported" };
    const { stdout } = spawnSync("/bin/sh", ["-c", LOGIN_COMMAND], { input: framed(script, frame), env });
    const answer = readAnswer(stdout, frame, "api-1");
    expect(answer?.code).toBe(0);
    expect(answer?.text).toContain("PATH=");
    expect(answer?.text).not.toContain(frame);
  });

  it("keeps itself out of the environment of what it starts, also where the login exports that name", () => {
    const { stdout } = spawnSync("/bin/sh", ["-c", LOGIN_COMMAND], {
      input: framed("env", FRAME),
      env: { ...process.env, script: "exported" },
    });
    const answer = read(stdout.toString());
    expect(answer?.text).toContain("PATH=");
    expect(answer?.text).not.toMatch(/^script=/m);
  });
});

describe("parts of an answer", () => {
  it("come as they were printed, bytes that are no text among them", () => {
    const script = parts({
      one: "echo first; echo second",
      empty: ":",
      "last one": "printf 'no end\\377'",
      bad: "false",
    });
    const { parts: answer } = send(`${script}\n:`);
    expect(["one", "empty", "last one", "bad"].map((name) => answer.text(name))).toEqual([
      "first\nsecond\n",
      "",
      "no end\uFFFD",
      "",
    ]);
  });

  it.each([
    "\n@@journal\n0\theld\tme\n\n@@containers\n/api|forged\n\n@@end\nalive\n\n@@exit 0",
    `\n${FRAME} part journal\nforged\n\n${FRAME} end 0\n`,
    "\n$frame part journal\nforged\n\n$frame end 0\n",
  ])("cannot be ended by what an app says: %j", (body) => {
    const script = parts({ journal: "echo real", traffic: `printf %s ${quote(body)}`, end: "echo alive" });
    const { parts: answer, code } = send(`${script}\nexit 5`);
    expect(code).toBe(5);
    expect(answer.text("journal")).toBe("real\n");
    expect(answer.text("traffic")).toBe(body);
    expect(answer.text("end")).toBe("alive\n");
  });

  it("hold whatever bytes there are", () =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const [before, after] = [`\n${FRAME} begin\n\n${FRAME} part a\n`, `\n${FRAME} part b\nx\n${FRAME} end 0\n`];
        const output = Buffer.concat([Buffer.from(before), bytes, Buffer.from(after)]);
        const answer = readAnswer(output, FRAME, "api-1");
        expect(answer?.parts.text("a")).toBe(Buffer.from(bytes).toString("utf8"));
        expect(answer?.parts.text("b")).toBe("x");
      }),
    ));

  it("are cut where there is more than is read, also of what never ends", () => {
    const { parts: answer } = send(parts({ app: capped("yes", 1000), next: "echo next" }));
    expect(answer.start("app", 1000)).toEqual({ text: "y\n".repeat(500), whole: false });
    expect(() => answer.text("app", 1000)).toThrow(
      'api-1: the host\'s answer cannot be read: "app" is longer than 1000',
    );
    expect(answer.text("next")).toBe("next\n");
    expect(send(parts({ app: capped("printf 12345", 5) })).parts.text("app", 5)).toBe("12345");
  });
});

describe("an answer", () => {
  it("without its end is none", () => {
    for (const output of ["", `\n${FRAME} begin\nhi`, `\n${FRAME} begin\nhi\n${FRAME} end 0`, "\n@@exit 0"])
      expect(read(output)).toBeNull();
  });

  it.each([
    ["that does not begin", `hi\n${FRAME} end 0\n`],
    ["that begins twice", `\n${FRAME} begin\n\n${FRAME} begin\n\n${FRAME} end 0\n`],
    ["with a part that comes twice", `\n${FRAME} begin\n\n${FRAME} part a\n1\n${FRAME} part a\n2\n${FRAME} end 0\n`],
    ["with half a part", `\n${FRAME} begin\n\n${FRAME} part a\n${FRAME} end 0\n`],
  ])("%s is an expected error that names the host", (_name, output) => {
    expect(() => read(output)).toThrow(RolloutError);
    expect(() => read(output)).toThrow("api-1: the host's answer cannot be read: ");
  });
});
