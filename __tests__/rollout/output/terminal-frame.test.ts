import { describe, expect, test } from "@jest/globals";
import type { RolloutEvent } from "../../../scripts/rollout/core/events.js";
import { frame, unpainted } from "../../../scripts/rollout/output/terminal-frame.js";
import { emptyState, reduce, type TerminalState } from "../../../scripts/rollout/output/terminal-state.js";
import { cells } from "../../../scripts/rollout/output/text.js";
import { event, failure, names, success } from "./support/streams.js";

const after = (events: readonly RolloutEvent[]): TerminalState => events.reduce(reduce, emptyState);
const until = (events: readonly RolloutEvent[], name: string, host: string | null): RolloutEvent[] =>
  events.slice(0, events.findIndex((one) => one.name === name && one.host === host) + 1);

describe("the live table", () => {
  test("shows each host with status, seconds in it and what it is at", () => {
    expect(frame(after(until(success(), "ejected", "api-2")), 100, 24, false)).toEqual([
      "21.2 s of about 28.7 s  2 to replace; at most 1 out at once",
      "api-1  serving      5.0 s  in rotation after 6.0 s, 3 probes (floor 3)",
      "api-2  draining     5.0 s  out of rotation after 5.0 s, 2 probes (floor 2); 20 witness requests we…",
    ]);
  });

  test("keeps the reason beside a host that was restored", () => {
    expect(frame(after(failure()), 90, 24, false)).toEqual([
      "15.8 s  failed with exit code 5 after 15.8 s; witness: 30 sent, 0 failed",
      "api-1  restored     0.2 s  new-ready on api-1: not ready within 5 s",
      "api-2  serving     15.4 s",
    ]);
  });

  test("lets seconds run between two events", () => {
    const state = { ...after(until(success(), "hostStatus", "api-1")), elapsedMs: 3500 };
    expect(frame(state, 80, 24, false)[1]).toBe("api-1  waiting      3.5 s");
  });

  test("never fills the last column or row of a terminal of any size", () => {
    for (const count of [1, 2, 12, 100]) {
      const state = after(until(success(names(count)), "step", names(count)[0] ?? ""));
      for (const columns of [1, 2, 5, 10, 16, 20, 26, 36, 40, 80, 200]) {
        for (const rows of [1, 2, 3, 5, 24]) {
          const lines = frame(state, columns, rows, true);
          expect(lines.length).toBeLessThanOrEqual(Math.max(1, rows - 1));
          expect(Math.max(...lines.map((line) => cells(unpainted(line))))).toBeLessThanOrEqual(
            Math.max(1, columns - 1),
          );
        }
      }
    }
  });

  test("leaves out detail first and seconds next when the window gets narrow", () => {
    const state = after(until(success(), "ejected", "api-2"));
    expect([60, 34, 20, 12].map((columns) => frame(state, columns, 24, false)[2])).toEqual([
      "api-2  draining     5.0 s  out of rotation after 5.0 s, 2 …",
      "api-2  draining     5.0 s",
      "api-2  draining",
      "…i-2  drai…",
    ]);
  });

  test("sums a fleet with more hosts than rows up by status, the urgent ones first", () => {
    const hosts = names(40);
    const state = after(until(success(hosts), "ejected", "api-3"));
    expect(frame(state, 60, 24, false).slice(1)).toEqual([
      "draining  1 host: api-3",
      "serving   39 hosts: api-1, api-2, api-4, api-5, api-6, api…",
    ]);
  });

  test("paints the status and nothing else, and only when asked", () => {
    const state = after(until(success(), "ejected", "api-2"));
    const plain = frame(state, 80, 24, false);
    const painted = frame(state, 80, 24, true);
    expect(painted[1]).toContain("api-1  \u001b[32mserving \u001b[0m");
    expect(painted.map(unpainted)).toEqual(plain);
    expect(plain.join("")).not.toContain("\u001b");
  });

  test("adds a row for a superseded host that the manifest does not list", () => {
    const late = event("hostStatus", { status: "retired", detail: "" }, { host: "api-old", at: 40 });
    expect(frame(after([...success(), late]), 80, 24, false).at(-1)).toBe("api-old  retired      0.0 s");
  });

  test("lets no host name or detail break out of its line", () => {
    const evil = event("hostStatus", { status: "failed", detail: "a\nb\u001b[2Jc" }, { host: "x\ry", at: 1 });
    expect(frame(after([evil]), 80, 24, false)[1]).toBe("x y  failed       0.0 s  a bc");
  });
});
