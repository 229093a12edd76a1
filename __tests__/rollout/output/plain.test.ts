import { describe, expect, test } from "@jest/globals";
import type { RolloutEvent } from "../../../scripts/rollout/core/events.js";
import { plainLines, plainSink } from "../../../scripts/rollout/output/plain.js";
import { event, failure, names, success } from "./support/streams.js";

function written(events: readonly RolloutEvent[]): string {
  let text = "";
  const sink = plainSink((part) => (text += part));
  for (const one of events) sink.emit(one);
  sink.close();
  return text;
}

describe("plain lines", () => {
  test("tell a rollout of two hosts calmly, one line an event, and end with a summary", () => {
    const lines = written(success()).split("\n");
    expect(lines.slice(0, 12)).toEqual([
      "    0.0 s         rollout k7m2q9 of api on api-1, api-2: registry.example.com/api@sha256:feed",
      "    0.4 s  api-1  serving",
      "    0.4 s  api-2  serving",
      "    0.5 s         2 hosts locked",
      "    2.5 s         release 3f2a is registry.example.com/api@sha256:feed",
      "    2.5 s         image pulled in 2.0 s",
      "    2.5 s         plan: replace api-1, replace api-2; at most 1 out at once; about 26.2 s",
      "    2.5 s  api-1  draining",
      "    7.5 s  api-1  out of rotation after 5.0 s, 2 probes (floor 2); 20 witness requests went elsewhere",
      "    7.6 s  api-1  old container stops",
      "    8.2 s  api-1  new container starts",
      "    9.2 s  api-1  ready",
    ]);
    expect(lines.slice(-6)).toEqual([
      "hosts    2 replaced",
      "witness  96 requests sent, 0 failed",
      "release  3f2a (registry.example.com/api@sha256:feed)",
      "rollout  k7m2q9 of api, 29.9 s",
      "result   exit code 0: the fleet is on its target",
      "",
    ]);
  });

  test("mark warnings and errors, and indent further lines of a message below its first", () => {
    const text = written(failure());
    expect(text).toContain("   13.6 s  api-1  warning: all steps on this host were taken back\n");
    expect(text).toContain(
      [
        "   13.6 s  api-1  error: last lines of the failed container:",
        "                  |   Error: DATABASE_URL is not set",
        "                  |       at start (/app/server.js:12:9)",
        "",
      ].join("\n"),
    );
  });

  test("say at the end which host was restored and why", () => {
    const text = written(failure(names(3)));
    expect(text.slice(text.indexOf("\n\n"))).toBe(`

hosts    restored api-1, 2 untouched
witness  30 requests sent, 0 failed
release  3f2a (registry.example.com/api@sha256:feed)
rollout  k7m2q9 of api, 15.8 s
error    StepFailed: new-ready on api-1: not ready within 5 s
result   exit code 5: failed; each changed host is as before, or on the release that served before
`);
  });

  test("hold no carriage return, colour or cursor move, whatever a container wrote", () => {
    const log = event("failedLog", { lines: ["\u001b[31mdown\u001b[0m 1 %\r2 %", "\u001b[2J"] }, { host: "api-1" });
    expect(plainLines(log, 5)).toEqual([
      "    0.0 s  api-1  error: last lines of the failed container:",
      "                  |   down 1 %",
      "                  | 2 %",
      "                  |",
    ]);
  });

  test("keep what Terraform repeats, the last 8 KB, enough for the summary of a hundred hosts", () => {
    const text = written(failure(names(100)));
    expect(text.slice(-8192)).toContain("error: last lines of the failed container:");
    expect(text.slice(-8192)).toContain("restored api-1, 99 untouched");
  });

  test("name a superseded host that appears late without breaking the columns", () => {
    const late = event("hostStatus", { status: "draining", detail: "" }, { host: "api-old-12", at: 1234.5 });
    expect(
      written([...success().slice(0, 3), late])
        .split("\n")
        .at(-2),
    ).toBe(" 1234.5 s  api-old-12  draining");
  });
});
