import { EventEmitter } from "node:events";
import { describe, expect, test } from "@jest/globals";
import {
  createOutput,
  guardStreams,
  type OutputKind,
  resolveKind,
  type Streams,
} from "../../../scripts/rollout/output/sinks.js";
import { event, receipt, success } from "./support/streams.js";

class FakeStream extends EventEmitter {
  text = "";
  destroyed = false;
  constructor(readonly isTTY: boolean) {
    super();
  }
  write(text: string): void {
    if (this.destroyed) throw new Error("write after end");
    this.text += text;
  }
}

const streamsOf = (stdoutTty: boolean, stderrTty: boolean) => ({
  stdout: new FakeStream(stdoutTty),
  stderr: new FakeStream(stderrTty),
});

const options = (kind: OutputKind, streams: Streams, environment: Record<string, string> = {}) => ({
  kind,
  streams,
  environment,
  secrets: ["dop_v1_5ecret"],
  now: () => 0,
});

const chosen = (kind: OutputKind, tty: boolean, environment: Record<string, string> = {}): string =>
  resolveKind(options(kind, streamsOf(false, tty), environment));

describe("the renderer", () => {
  test("is the live table on a terminal, and plain lines elsewhere", () => {
    expect([chosen("auto", true), chosen("auto", false)]).toEqual(["terminal", "plain"]);
  });

  test("is plain in CI, which may well pretend to have a terminal", () => {
    expect(chosen("auto", true, { CI: "true" })).toBe("plain");
    expect([chosen("auto", true, { CI: "" }), chosen("auto", true, { CI: "false" })]).toEqual(["terminal", "terminal"]);
  });

  test("is what was asked for, except that a live table needs a terminal that can draw it", () => {
    expect(chosen("terminal", true, { CI: "true" })).toBe("terminal");
    expect(chosen("terminal", false)).toBe("plain");
    expect(chosen("terminal", true, { TERM: "dumb" })).toBe("plain");
    expect([chosen("plain", true), chosen("jsonl", true)]).toEqual(["plain", "jsonl"]);
  });

  test("paints on a terminal unless NO_COLOR is set to something", () => {
    const painted = (environment: Record<string, string>): boolean => {
      const streams = streamsOf(true, true);
      const { sink } = createOutput(options("terminal", streams, environment));
      for (const one of success()) sink.emit(one);
      return streams.stderr.text.includes("\u001b[32m");
    };
    expect([painted({}), painted({ NO_COLOR: "" }), painted({ NO_COLOR: "1" })]).toEqual([true, true, false]);
  });
});

describe("output", () => {
  test("sends progress to stderr and the result to stdout", () => {
    const streams = streamsOf(false, false);
    const { sink, result } = createOutput(options("plain", streams));
    for (const one of success()) sink.emit(one);
    expect(streams.stdout.text).toBe("");
    result(receipt());
    expect(streams.stdout.text.split("\n")[1]).toMatch(/^api-1 {2}replaced/);
    expect(streams.stderr.text).toContain("api-1  draining");
  });

  test("gives the receipt as one line of JSON to a program", () => {
    const streams = streamsOf(false, false);
    createOutput(options("jsonl", streams)).result(receipt());
    expect(JSON.parse(streams.stdout.text)).toEqual(receipt());
    expect(streams.stdout.text.split("\n")).toHaveLength(2);
  });

  test("shows a terminal the receipt once: no summary when stdout shows it anyway", () => {
    const [both, piped] = [streamsOf(true, true), streamsOf(false, true)];
    for (const streams of [both, piped]) {
      const { sink } = createOutput(options("auto", streams));
      for (const one of success()) sink.emit(one);
    }
    expect([both.stderr.text.includes("result   exit code"), piped.stderr.text.includes("result   exit code")]).toEqual(
      [false, true],
    );
  });

  test.each<OutputKind>(["terminal", "plain", "jsonl"])(
    "hides secrets from %s, in progress and in the result",
    (kind) => {
      const streams = streamsOf(true, true);
      const { sink, result } = createOutput(options(kind, streams));
      const error = { code: "PullFailed" as const, message: "denied for dop_v1_5ecret" };
      sink.emit(event("failed", error));
      sink.close();
      result(receipt({ error, exitCode: 3 }));
      expect(streams.stderr.text + streams.stdout.text).not.toContain("5ecret");
      expect(streams.stdout.text).toContain("denied for [redacted]");
    },
  );

  test("survives that the reader of stdout or stderr goes away in the middle", () => {
    const streams = streamsOf(false, false);
    guardStreams(streams);
    const { sink, result } = createOutput(options("plain", streams));
    for (const stream of [streams.stdout, streams.stderr]) {
      stream.destroyed = true;
      expect(() => stream.emit("error", Object.assign(new Error("write EPIPE"), { code: "EPIPE" }))).not.toThrow();
    }
    expect(() => {
      for (const one of success()) sink.emit(one);
      result(receipt());
    }).not.toThrow();
  });
});
