/** A new release that fails, under load: it is taken back on the first host. */
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { frontStates } from "../support/front-states.js";
import { Scenario } from "../support/scenario.js";
import type { Break } from "../../lab/releases.js";

jest.setTimeout(180_000);

/** One that never gets there, and one that ends. `npm run faults` has the others, and these the other way round. */
const sample: readonly Break[] = ["crash-loop", "never-healthy"];

/** What each failing image writes before it fails. */
const logOf = (events: readonly { name: string; data: unknown }[]): string[] =>
  events.flatMap((event) => (event.name === "failedLog" ? (event.data as { lines: string[] }).lines : []));

describe.each(sample)("a release that is %s", (kind) => {
  let scenario: Scenario;
  let serving: string;

  beforeAll(async () => {
    // A container that crashes after 300 ms is ready before it crashes: minReadySeconds is what catches it.
    scenario = await Scenario.start({ fleet: { rollout: { readyTimeoutSeconds: 3, minReadySeconds: 2 } } });
    serving = await scenario.begin();
  });
  afterAll(() => scenario.end());

  it("costs no request, and the fleet stays as it was", async () => {
    const image = await scenario.world.pushBroken(kind);
    const { result, seen } = await scenario.under(() => scenario.deploy(image));
    expect(seen.failures).toEqual([]);
    expect(seen.sent).toBeGreaterThan(0);
    expect({ kind, exitCode: result.exitCode }).toEqual({ kind, exitCode: 5 });
    expect(result.receipt?.hosts.map((host) => host.action).sort()).toEqual(["restored", "untouched"]);
    expect(await scenario.running()).toEqual([serving, serving]);
    expect(logOf(result.events).length).toBeGreaterThan(0);
    expect(result.stderr).toContain("last lines of the failed container");
    expect(await frontStates(scenario.world.droplets)).toEqual(["open", "open"]);
  });
});
