import { describe, expect, test } from "@jest/globals";
import type { RolloutEvent } from "../../../scripts/rollout/core/events.js";
import { jsonLinesSink } from "../../../scripts/rollout/output/json-lines.js";
import { plainSink } from "../../../scripts/rollout/output/plain.js";
import { REDACTED, redactor } from "../../../scripts/rollout/output/redact.js";
import { showable, showing } from "../../../scripts/rollout/output/shown.js";
import type { Sink, Write } from "../../../scripts/rollout/output/sink.js";
import { event, success } from "./support/streams.js";

const TOKEN = "dop_v1_5ecret";
const AWKWARD = 'pa"ss\\wo/rd\n+é';

function shown(make: (write: Write) => Sink, secrets: readonly string[], events: readonly RolloutEvent[]): string {
  let text = "";
  const sink = showing(
    make((part) => (text += part)),
    secrets,
  );
  for (const one of events) sink.emit(one);
  return text;
}

const log = (...lines: string[]): RolloutEvent => event("failedLog", { lines }, { host: "api-1" });

describe("secrets", () => {
  test("are replaced inside the log lines of a failed container, in every kind of output", () => {
    for (const make of [plainSink, jsonLinesSink]) {
      const text = shown(make, [TOKEN], [log(`connect with ${TOKEN}!`, `retry ${TOKEN}${TOKEN}`)]);
      expect(text).toContain(`connect with ${REDACTED}!`);
      expect(text).toContain(`retry ${REDACTED}${REDACTED}`);
      expect(text).not.toContain("5ecret");
    }
  });

  test.each([
    ["as it is", AWKWARD],
    ["as JSON", JSON.stringify(AWKWARD)],
    ["as JSON within JSON", JSON.stringify(JSON.stringify({ password: AWKWARD }))],
    ["as JSON with slashes escaped", JSON.stringify(AWKWARD).replaceAll("/", "\\/")],
    ["as JSON of ASCII only", JSON.stringify(AWKWARD).replaceAll("é", "\\u00E9").replaceAll("+", "\\u002b")],
    ["percent-encoded", encodeURIComponent(AWKWARD)],
    ["in a header's base64", `Basic ${Buffer.from(`token:${AWKWARD}`).toString("base64")}`],
    ["in base64 one byte later", Buffer.from(`tokens:${AWKWARD}:more`).toString("base64")],
    ["in base64 two bytes later", Buffer.from(`tokenss:${AWKWARD}:more`).toString("base64")],
  ])("are found %s", (_, text) => {
    const clean = redactor([AWKWARD])(text);
    expect(clean).toContain(REDACTED);
    expect(clean).not.toMatch(/pa\\*"ss|pa%22ss|wo\\*\/rd/);
    expect(Buffer.from(clean.replace(REDACTED, ""), "base64").toString("latin1")).not.toMatch(/pa"ss|wo\/rd/);
  });

  test("of many lines are found line by line, as a log splits them", () => {
    const key = "-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END KEY-----\n";
    const redacted = showable([key])({ lines: ["  MIIEvQIBADANBg", "kqhkiG9w0BAQEF,", "fine"] });
    expect(redacted).toEqual({ lines: [`  ${REDACTED}`, `${REDACTED},`, "fine"] });
    expect(redactor([key])(`key=${key}`)).toBe(`key=${REDACTED}`);
  });

  test("that hold another secret are replaced whole", () => {
    expect(redactor(["abcd", "abcd-efgh"])("abcd-efgh abcd")).toBe(`${REDACTED} ${REDACTED}`);
  });

  test("with characters that mean something in a pattern match only themselves", () => {
    expect(redactor(["a.b*(c"])("a.b*(c axbbc")).toBe(`${REDACTED} axbbc`);
  });

  test("are found in error messages, image names and receipts at any depth", () => {
    const text = shown(jsonLinesSink, ["feed"], success());
    expect(text).toContain(`api@sha256:${REDACTED}`);
    expect(text).not.toContain("feed");
  });

  test("too short to be told from ordinary text are left alone", () => {
    expect(redactor(["", "80", "abc"])("abc port 80")).toBe("abc port 80");
  });

  test("that equal a word of the stream's vocabulary do not break programs that read it", () => {
    const failed = event("failed", { code: "StepFailed", message: "it failed" });
    const status = event("hostStatus", { status: "failed", detail: "failed" }, { host: "api-1" });
    const lines = shown(jsonLinesSink, ["failed", "StepFailed"], [failed, status]).split("\n");
    expect(lines[0]).toContain(`"data":{"code":"StepFailed","message":"it ${REDACTED}"}`);
    expect(lines[1]).toContain(`"data":{"status":"failed","detail":"${REDACTED}"}`);
  });

  test("leave numbers, nulls and the event itself as they were", () => {
    const before = event("ejected", { seconds: 1234, probes: null, witness: 20 }, { host: "api-1" });
    const copy = structuredClone(before);
    expect(shown(jsonLinesSink, ["1234"], [before])).toContain('{"seconds":1234,"probes":null,"witness":20}');
    expect(before).toEqual(copy);
  });
});
