import { spawnSync } from "node:child_process";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { TOLD } from "../../../scripts/rollout/commands/told.js";
import { installed } from "./steward-host.js";

const told = (text: string, shell = ["/bin/sh"]): string => {
  const [program = "", ...first] = shell;
  const argv = [...first, "-c", `${TOLD}told release inFlight`];
  return spawnSync(program, argv, { input: text, encoding: "utf8" }).stdout.trimEnd();
};
const plain = { release: "0123", inFlight: 0 };

describe("what an app says about itself", () => {
  it.each([
    ["in one line", JSON.stringify(plain)],
    ["laid out", JSON.stringify({ a: [{ release: "x" }], ...plain, b: null }, null, 2)],
    ["with tabs and line ends of another kind", '\t{\r\n"inFlight" :\t0 ,"release": "0123"\r\n}\n\n'],
  ])("is read %s", (_name, text) => expect(told(text)).toBe('"0123" 0'));

  it.each([
    ["another release and the wanted one in a text", JSON.stringify({ ...plain, release: '"release":"0123"' })],
    ["the wanted one further down", JSON.stringify({ inFlight: 0, inner: { release: "0123" } })],
    ["the wanted one twice", '{"release":"0123","inFlight":0,"release":"9999"}'],
    ["a name with an escape", '{"\\u0072elease":"9999","release":"0123","inFlight":0}'],
    ["a value with an escape", '{"release":"012\\u0033","inFlight":0}'],
    ["half an answer", '{"release":"0123","inFlight":0'],
    ["more after it", '{"release":"0123","inFlight":0} {}'],
    ["a list", '["release","0123"]'],
    ["nothing", ""],
    ["a page", "<html>release</html>"],
    ["too much", JSON.stringify({ ...plain, more: "x".repeat(70_000) })],
  ])("is not taken from %s", (_name, text) => expect(told(text)).not.toBe('"0123" 0'));

  const busybox = installed("busybox");
  const test = busybox ? it : it.skip;
  test("is read by busybox as well (apt-get install busybox)", () => {
    const shell = [busybox ?? "", "sh"];
    expect(told(JSON.stringify({ a: ["]", { b: "}" }], ...plain }), shell)).toBe('"0123" 0');
  });

  it("is what JSON says, of any object", () =>
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.integer(), (others, inFlight) => {
        const text = JSON.stringify({ ...others, release: "0123", inFlight });
        // A name or a text with an escape is the reader's to refuse; none of another kind is.
        const seen = told(text);
        if (seen !== "" || !Object.keys(others).some((key) => JSON.stringify(key).includes("\\")))
          expect(seen).toBe(`"0123" ${inFlight}`);
      }),
      { numRuns: 60 },
    ));
});
