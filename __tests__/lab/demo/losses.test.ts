/** Lost requests in words, from a report, the balancer's changes and the rollout's events as data. */
import { describe, expect, it } from "@jest/globals";
import { hostsUpAt, lossLines, type Losses, type Surroundings } from "../../../lab/demo/losses.js";
import type { Failure } from "../../../lab/load/load.js";
import { eventOf, type HostStatus, type RolloutEvent } from "../../../scripts/rollout/core/events.js";

const BEGAN = Date.parse("2026-03-01T10:00:00Z");

function status(atSeconds: number, host: string, status: HostStatus): RolloutEvent {
  const elapsedMs = atSeconds * 1000;
  return eventOf("hostStatus", { status, detail: "" }, { time: new Date(BEGAN + elapsedMs), elapsedMs, host });
}

const events = [
  status(1, "demo-1", "serving"),
  status(1, "demo-2", "serving"),
  status(5, "demo-1", "draining"),
  status(12, "demo-1", "starting"),
];
const change = (atSeconds: number, droplet: string, up: boolean, node = 0) => ({
  ...{ node, droplet, dropletId: droplet, up },
  atMs: BEGAN + atSeconds * 1000,
});
const changes = [change(-9, "demo-1", true), change(-8, "demo-2", true), change(11, "demo-1", false)];
const surroundings: Surroundings = { nodes: 1, changes, events };

/** The load began ten seconds before the rollout. */
const losses = (...failures: Failure[]): Losses => {
  const failedByKind: Partial<Record<Failure["kind"], number>> = {};
  for (const { kind } of failures) failedByKind[kind] = (failedByKind[kind] ?? 0) + 1;
  return { startedAtMs: BEGAN - 10_000, failed: failures.length, failures, failedByKind };
};
const failure = (atSeconds: number, more: Partial<Failure>): Failure => ({
  ...{ atMs: (atSeconds + 10) * 1000, kind: "status", status: null, path: "/", ms: 3 },
  ...more,
});

describe("lost requests in words", () => {
  it("are no words without a loss", () => {
    expect(lossLines(losses(), surroundings)).toEqual([]);
  });

  it("say when, which, and what balancer and rollout were doing", () => {
    expect(lossLines(losses(failure(12.5, { status: 503 })), surroundings)).toEqual([
      "1 request sent and lost: 1 answered with an error",
      "  12.5 s into the rollout: GET / ended with status 503 after 3 ms",
      "    the balancer sent requests to demo-2",
      "    the rollout had demo-1 starting, demo-2 serving; its last event: demo-1: starting",
    ]);
  });

  it("take the moment of the loss for what was going on, not the one when the request was due", () => {
    const cut = failure(4, { kind: "reset", path: "/slow?ms=1500", ms: 7500 });
    expect(lossLines(losses(cut), surroundings).slice(1)).toEqual([
      "  4.0 s into the rollout: GET /slow?ms=1500 cut off after 7500 ms",
      "    the balancer sent requests to demo-2",
      "    the rollout had demo-1 draining, demo-2 serving; its last event: demo-1: draining",
    ]);
  });

  it("say so when a loss came before the rollout, or no host was up", () => {
    expect(lossLines(losses(failure(-9.5, { kind: "refused" })), { ...surroundings, changes: [] }).slice(1)).toEqual([
      "  9.5 s before the rollout began: GET / refused after 3 ms",
      "    the balancer sent requests to nobody, as no host passed its check",
      "    the rollout had not begun",
    ]);
  });

  it("count all, and show the first two of each kind in the order of time", () => {
    const resets = [3, 2, 1].map((at) => failure(at, { kind: "reset" }));
    const lines = lossLines(losses(...resets, failure(0.5, { status: 502 })), surroundings);
    expect(lines[0]).toBe("4 requests sent and lost: 3 cut off, 1 answered with an error");
    expect(lines.filter((line) => line.includes("GET")).map((line) => line.trim().slice(0, 5))).toEqual([
      "0.5 s",
      "2.0 s",
      "3.0 s",
    ]);
  });

  it("name each node of the balancer where they disagree", () => {
    const two = { ...surroundings, nodes: 2, changes: [...changes, change(-7, "demo-1", true, 1)] };
    expect(hostsUpAt(BEGAN + 12_000, two)).toEqual([["demo-2"], ["demo-1"]]);
    expect(lossLines(losses(failure(12, { status: 502 })), two)[2]).toBe(
      "    node 1 of the balancer sent requests to demo-2; node 2 of the balancer sent requests to demo-1",
    );
  });
});
