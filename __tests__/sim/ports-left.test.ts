/** A change of ports where the balancer's nodes take it in late: the ports before it are led on until nobody comes to them. */
import { describe, expect, it } from "@jest/globals";
import type { RolloutEvent } from "../../scripts/rollout/core/events.js";
import { testImage, testManifest } from "../support/fleet.js";
import { simulate, type RunOptions, type SimRun } from "../support/sim.js";

const LATE_MS = 20_000;
const DEADLINE_SECONDS = 120;
const manifest = testManifest({
  ...{ hosts: 3, healthCheck: { port: 8090 }, service: { port: 8080 } },
  rollout: { progressDeadlineSeconds: DEADLINE_SECONDS },
});
const kinds: [what: string, services: number[], checks: number[]][] = [
  ["the health port", [8080], [8086]],
  ["the service port", [80], [8090]],
  ["both ports", [80], [8086]],
];

/** Two nodes, of which one takes the change in at once. @param lateMs when the other one does */
const changing = (services: number[], checks: number[], lateMs: number): RunOptions => ({
  ...{ manifest, phasesMs: [1000, 3000] },
  moving: { before: { services, checks }, lateMs: [0, lateMs] },
});
const kept = { do: "deploy", image: testImage(1) } as const;
const replaced = { do: "deploy", image: testImage(2) } as const;

const actions = ({ receipt }: SimRun): string[] => receipt.hosts.map(({ action }) => action);
const portsOf = ({ world }: SimRun): unknown[] =>
  [...world.machines.values()].map(({ front }) => front && [front.services, front.checks]);
const named = ({ world }: SimRun, name: RolloutEvent["name"]): RolloutEvent[] =>
  world.events.filter((event) => event.name === name);

describe.each([
  ["kept", kept],
  ["replaced", replaced],
] as const)("hosts that are %s", (action, wanted) => {
  it.each(kinds)("give up %s once a late node has left it, and no request fails", async (_what, services, checks) => {
    const run = await simulate({ ...changing(services, checks, LATE_MS), wanted });
    expect([run.receipt.error, run.receipt.exitCode, actions(run)]).toEqual([null, 0, [action, action, action]]);
    expect(run.world.failures).toEqual([]);
    expect(run.world.broken).toEqual([]);
    expect(portsOf(run)).toEqual(Array.from({ length: 3 }, () => [[8080], [8090]]));
    const [left] = named(run, "portsLeft");
    const [first] = named(run, "step");
    expect(left?.elapsedMs).toBeGreaterThan(LATE_MS);
    expect(first?.elapsedMs).toBeGreaterThan(left?.elapsedMs ?? Infinity);
  });
});

it.each(kinds)(
  "where a node never leaves %s, the rollout ends and nothing has changed",
  async (_, services, checks) => {
    const run = await simulate({ ...changing(services, checks, Infinity), wanted: replaced });
    expect([run.receipt.exitCode, actions(run)]).toEqual([3, ["untouched", "untouched", "untouched"]]);
    expect(run.receipt.error).toMatchObject({ code: "BalancerDiffers" });
    expect(run.receipt.error?.message).toMatch(
      /^api-\d cannot give up port.*: (?:10\.0\.0\.2 asked|a connection came to) /u,
    );
    expect(run.receipt.error?.message).toContain(`progressDeadlineSeconds, ${DEADLINE_SECONDS} s`);
    expect(run.world.failures).toEqual([]);
    expect(named(run, "step")).toEqual([]);
    const all = (before: number[], after: number): number[] => [...new Set([...before, after])];
    expect(portsOf(run)).toEqual(Array.from({ length: 3 }, () => [all(services, 8080), all(checks, 8090)]));
  },
);

it("waits for nobody where every front has the manifest's ports already", async () => {
  const run = await simulate({ manifest, wanted: replaced });
  expect([run.receipt.exitCode, named(run, "portsAwaited"), named(run, "portsLeft")]).toEqual([0, [], []]);
});

it("does not believe a front that does not tell", async () => {
  const run = await simulate({
    ...changing([80], [8086], 0),
    wanted: replaced,
    onEvent: ({ name }, world) => {
      if (name === "portsAwaited") world.machine("api-2").evidence = () => null;
    },
  });
  expect(run.receipt.exitCode).toBe(3);
  expect(run.receipt.error?.message).toContain(
    "api-2 cannot give up ports 80 and 8086: its front does not tell who comes to its ports",
  );
});
