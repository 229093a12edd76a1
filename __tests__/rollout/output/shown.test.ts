/** What a hostile host, app or API may say, through every way that leads to a person, a log or a page. */
import { describe, expect, test } from "@jest/globals";
import type { RolloutEvent } from "../../../scripts/rollout/core/events.js";
import { jsonText, LONGEST_LINE, outTo } from "../../../scripts/rollout/output/out.js";
import { LONGEST_ENTRY, LONGEST_TEXT, MOST_ENTRIES, showable } from "../../../scripts/rollout/output/shown.js";
import { createOutput, type OutputKind } from "../../../scripts/rollout/output/sinks.js";
import { statusText } from "../../../scripts/rollout/output/status-text.js";
import { MOST_BYTES, summaryMarkdown } from "../../../scripts/rollout/output/summary/summary.js";
import { timelineSvg } from "../../../scripts/rollout/output/timeline/timeline.js";
import { verdict, type HostRow } from "../../../scripts/rollout/status.js";
import { event, failure, receipt } from "./support/streams.js";

const HOSTILE: Readonly<Record<string, string>> = {
  "a window's title and a cleared screen": "\u001b]0;pwned\u0007\u001b[2J",
  "controls of 8 bits": "\u009b2J\u009d0;pwned\u009c\u0085",
  "an escape without an end": "\u001b]0;pwned",
  "a reset": "\u001bc\u0000\u0008\u007f",
  "turned writing": "\u202e\u2066\u061c\u200f",
  "letters without a width": "\u200b\u2060\ufeff\u00ad\ufe0f\u{e0041}",
  "other ends of a line": "a\u2028b\u2029c\vd\fe\rf",
  "half a character": "\ud800",
  "no character": "\uffff",
  "an order to GitHub": "\n::set-output name=x::y\n  ::add-mask::z",
  "an old order to a runner": "x ##[error]y ##vso[task.setvariable]z",
};

const TOKEN = "dop_v1_5ecret";
/** No output may hold these. */
const FORBIDDEN =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029]|\p{Cs}|[\u202a-\u202e\u2060-\u2069\u200b\u200f\ufeff]|##\[|##vso\[/u;
/** No line of a log may begin so. */
const ORDER = /^\s*::/m;
/** The live table's own colours and moves. */
// eslint-disable-next-line no-control-regex
const OWN_MOVES = /\u001b\[(?:\d+[Am]|J)|\r(?=\u001b)/g;

const hostile = (text: string): RolloutEvent[] => [
  event("started", { runId: text, fleet: text, hosts: ["api-1", text], wanted: text }),
  event("hostStatus", { status: "failed", detail: text }, { host: "api-1" }),
  event("hostStatus", { status: "failed", detail: text }, { host: text }),
  event("waiting", { holder: text }),
  event("failedLog", { lines: ["a line", text, `more ${text}`] }, { host: "api-1" }),
  event("retried", { why: `a\n${text}`, afterSeconds: 1 }, { host: text }),
  event("failed", { code: "StepFailed", message: `a\n${text}` }),
  event("finished", { receipt: hostileReceipt(text) }),
];
const hostileReceipt = (text: string) =>
  receipt({
    fleet: text,
    error: { code: "StepFailed", message: `a\n${text}` },
    release: { id: text, image: text },
    exitCode: 5,
  });

/** All that a rollout writes. */
function written(kind: OutputKind, events: readonly RolloutEvent[], text: string): string {
  let all = "";
  const stream = (isTTY: boolean) => ({
    isTTY,
    columns: 200,
    rows: 50,
    write: (part: string) => (all += part),
    on: () => undefined,
  });
  const streams = { stdout: stream(false), stderr: stream(kind === "terminal") };
  const output = createOutput({ kind, streams, environment: { TERM: "xterm" }, secrets: [TOKEN], now: () => 0 });
  for (const one of events) output.sink.emit(one);
  output.sink.close();
  output.result(hostileReceipt(text));
  return all;
}

describe.each(Object.entries(HOSTILE))("%s, from a host,", (_name, text) => {
  test.each<OutputKind>(["plain", "terminal", "jsonl"])("does not get out as %s", (kind) => {
    const all = written(kind, hostile(text), text).replaceAll(OWN_MOVES, "");
    expect(all).not.toMatch(FORBIDDEN);
    // A live table is no log.
    if (kind !== "terminal") expect(all).not.toMatch(ORDER);
    expect(all).toContain("StepFailed");
  });

  test("does not get out of status and verify, and makes no line of its own there", () => {
    const row: HostRow = {
      name: "api-1",
      id: "1",
      state: "serving",
      release: text,
      image: text,
      run: text,
      leaving: [text],
    };
    const other = { ...row, name: "api-2", image: "v2" };
    const status = statusText({ rows: [row, other], previous: text, unread: null });
    expect(status.split("\n")).toHaveLength(9);
    for (const rows of [[row], [row, other], [{ ...row, state: text }]])
      expect(verdict(rows, text).message.split("\n")).toHaveLength(1);
    for (const all of [status, verdict([row, other], "").message, verdict([row], "v3").message]) {
      expect(all).not.toMatch(FORBIDDEN);
      expect(all).not.toMatch(ORDER);
    }
  });

  test("does not get out as lines of anything else, such as the words of an error", () => {
    let all = "";
    outTo({ write: (part) => (all += part), on: () => undefined }).text(`host ${text}\n${text}\nend\n`);
    expect(all).not.toMatch(FORBIDDEN);
    expect(all).not.toMatch(ORDER);
    expect(all.endsWith("end\n")).toBe(true);
  });

  test("does not get out as a page", () => {
    const events = hostile(text).map((one) => showable([])(one));
    const run = { runId: text, events, receipt: showable([])(hostileReceipt(text)) };
    const pages = [timelineSvg({ events, title: text }), summaryMarkdown(run)];
    for (const page of pages) expect(page).not.toMatch(FORBIDDEN);
  });
});

describe("a secret", () => {
  const { length } = TOKEN;
  test.each([
    ["escapes", TOKEN.split("").join("\u001b[0m")],
    ["an escape of 8 bits", `${TOKEN.slice(0, 5)}\u009b1m${TOKEN.slice(5)}`],
    ["letters without a width", TOKEN.split("").join("\u200b")],
    ["a control", `${TOKEN.slice(0, length - 2)}\u0000${TOKEN.slice(length - 2)}`],
    ["a variation of a letter", TOKEN.split("").join("\ufe00")],
  ])("is found when %s are within", (_name, text) => {
    for (const kind of ["plain", "jsonl", "terminal"] as const)
      expect(written(kind, hostile(text), text)).not.toContain("5ecret");
  });

  test("that holds a tab is found", () => expect(showable(["a\tsecret"])("x a\tsecret")).toBe("x [redacted]"));

  test("is not searched for without an end: a host's megabyte of backslashes takes no time of its own", () => {
    expect(showable(["#!$%&/()=?"])("\\".repeat(4_000_000))).toHaveLength(
      LONGEST_TEXT + "… (192,000 more characters)".length,
    );
  });
});

describe("the names within what is told, such as the reasons of failed requests,", () => {
  test.each(Object.entries(HOSTILE))("are cleaned like any text: %s", (_name, text) => {
    const { reasons } = showable([TOKEN])({ reasons: { [`a${text}b`]: 1, [`x${TOKEN}`]: 2 } });
    expect(Object.keys(reasons).join("")).not.toMatch(FORBIDDEN);
    expect(reasons).toMatchObject({ "x[redacted]": 2 });
  });

  test("have an end", () =>
    expect(showable([])({ ["k".repeat(LONGEST_ENTRY + 5)]: 1 })).toEqual({
      [`${"k".repeat(LONGEST_ENTRY)}… (5 more characters)`]: 1,
    }));
});

describe("text from hosts has an end", () => {
  test("each text, each line of a log, and each list", () => {
    const shown = showable([])({
      text: "x".repeat(9000),
      lines: Array.from({ length: 600 }, () => "y".repeat(60_000)),
    });
    expect(shown.text).toBe(`${"x".repeat(LONGEST_TEXT)}… (1,000 more characters)`);
    expect(shown.lines).toHaveLength(MOST_ENTRIES + 1);
    expect([shown.lines[0], shown.lines[1]]).toEqual([
      "… (100 more before)",
      `${"y".repeat(LONGEST_ENTRY)}… (59,000 more characters)`,
    ]);
  });

  test("each line of a command", () => {
    let all = "";
    outTo({ write: (part) => (all += part), on: () => undefined }).text(`${"z".repeat(LONGEST_LINE + 7)}\n`);
    expect(all).toBe(`${"z".repeat(LONGEST_LINE)}… (7 more characters)\n`);
  });

  test("a summary is never more than GitHub takes, and says what it left out", () => {
    const lines = Array.from({ length: 20 }, () => "é".repeat(60_000));
    const logs = Array.from({ length: 300 }, (_, at) => event("failedLog", { lines }, { host: `api-${at}` }));
    const run = { runId: "r", events: [...failure(), ...logs], receipt: receipt({ exitCode: 6 }) };
    for (const events of [run.events, showable([])(run.events)]) {
      const text = summaryMarkdown({ ...run, events });
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(MOST_BYTES);
      expect(text).toMatch(/^\d+ parts left out: the summary may have 1,000,000 bytes\. .*\n$/m);
      expect(text).toContain("exit code 6");
    }
  });

  test("a character of two halves is not cut in two", () => {
    expect(showable([])(`${"x".repeat(LONGEST_TEXT - 1)}🚀`)).toBe(
      `${"x".repeat(LONGEST_TEXT - 1)}… (2 more characters)`,
    );
  });
});

test("JSON says the same with what a terminal acts on as escapes", () => {
  const value = { text: Object.values(HOSTILE).join("") };
  expect(jsonText(value)).not.toMatch(FORBIDDEN);
  expect(JSON.parse(jsonText(value))).toEqual(JSON.parse(JSON.stringify(value)));
});
