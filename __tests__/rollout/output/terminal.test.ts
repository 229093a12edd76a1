import { describe, expect, test } from "@jest/globals";
import { terminalSink } from "../../../scripts/rollout/output/terminal.js";
import { event, failure, success } from "./support/streams.js";
import { Screen } from "./support/screen.js";

function display({ columns = 100, rows = 24, summary = false } = {}) {
  const size = { columns, rows };
  const screen = new Screen();
  const clock = { now: 0 };
  let writes = 0;
  const write = (text: string): void => {
    writes += 1;
    screen.write(text, size.columns);
  };
  const sink = terminalSink({ exact: write, now: () => clock.now, size: () => size, color: false, summary });
  return { size, screen, clock, sink, writes: () => writes };
}

describe("the terminal", () => {
  test("redraws in place and leaves nothing but the last table", () => {
    const { sink, screen, clock } = display();
    for (const one of success()) {
      clock.now = one.elapsedMs;
      sink.emit(one);
    }
    expect(screen.lines()).toEqual([
      "29.9 s  on target after 29.9 s; witness: 96 sent, 0 failed",
      "api-1  serving     13.7 s  in rotation after 6.0 s, 3 probes (floor 3)",
      "api-2  serving      0.0 s  in rotation after 6.0 s, 3 probes (floor 3)",
    ]);
  });

  test("keeps warnings and errors above the table, in full and in order", () => {
    const { sink, screen, clock } = display({ summary: true });
    for (const one of failure()) {
      clock.now = one.elapsedMs;
      sink.emit(one);
    }
    expect(screen.lines()).toEqual([
      "   13.6 s  api-1  warning: all steps on this host were taken back",
      "   13.6 s  api-1  error: last lines of the failed container:",
      "                  |   Error: DATABASE_URL is not set",
      "                  |       at start (/app/server.js:12:9)",
      "   15.8 s         error: StepFailed: new-ready on api-1: not ready within 5 s",
      "15.8 s  failed with exit code 5 after 15.8 s; witness: 30 sent, 0 failed",
      "api-1  restored     0.2 s  new-ready on api-1: not ready within 5 s",
      "api-2  serving     15.4 s",
      "",
      "hosts    restored api-1, 1 untouched",
      "witness  30 requests sent, 0 failed",
      "release  3f2a (registry.example.com/api@sha256:feed)",
      "rollout  k7m2q9 of api, 15.8 s",
      "error    StepFailed: new-ready on api-1: not ready within 5 s",
      "result   exit code 5: failed; each changed host is as before, or on the release that served before",
    ]);
  });

  test("is drawn at most ten times a second, however many events and ticks there are", () => {
    const { sink, clock, writes } = display();
    for (const one of success().slice(0, 3)) sink.emit(one);
    for (let tick = 0; tick < 1000; tick += 1) {
      clock.now = tick;
      sink.tick();
    }
    expect(writes()).toBe(10);
  });

  test("lets its seconds run with the ticks", () => {
    const { sink, screen, clock } = display();
    for (const one of success().slice(0, 2)) sink.emit(one);
    clock.now = 2300;
    sink.tick();
    expect(screen.lines()[1]).toBe("api-1  waiting      2.3 s");
  });

  test("leaves no rests when the window gets narrower, although the terminal wraps what was drawn", () => {
    const { sink, screen, size, clock } = display({ columns: 100 });
    const events = success();
    for (const one of events.slice(0, 20)) {
      clock.now = one.elapsedMs;
      sink.emit(one);
    }
    size.columns = 30;
    screen.resize(30);
    clock.now += 200;
    sink.tick();
    expect(screen.lines()).toHaveLength(3);
  });

  test("draws nothing before the first event and nothing after the end", () => {
    const { sink, clock, writes } = display();
    sink.tick();
    sink.close();
    expect(writes()).toBe(0);
    const other = display();
    for (const one of success()) other.sink.emit(one);
    const before = other.writes();
    clock.now = 60_000;
    other.clock.now = 60_000;
    other.sink.tick();
    other.sink.close();
    expect(other.writes()).toBe(before);
  });

  test("leaves the table as it stood when the run ends without a receipt", () => {
    const { sink, screen, clock } = display();
    sink.emit(event("started", { runId: "r", fleet: "api", hosts: ["api-1"], wanted: "keep the serving release" }));
    sink.emit(event("hostStatus", { status: "idle", detail: "" }, { host: "api-1", at: 0.05 }));
    clock.now = 50;
    sink.close();
    expect(screen.lines()).toEqual([
      "0.1 s  rollout r of api on api-1: keep the serving release",
      "api-1  idle         0.1 s",
    ]);
  });
});
