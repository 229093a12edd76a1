/** A new release that fails, under load: found by the smoke boot, or taken back on the first host. */
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { Scenario } from "../support/scenario.js";
import type { Break } from "../../lab/releases.js";

jest.setTimeout(180_000);

/** One that never gets there, and one that ends. `npm run faults` has the others, and these the other way round. */
const sample: readonly (readonly [smokeBoot: boolean, Break])[] = [
  [true, "crash-loop"],
  [false, "never-healthy"],
];

/** What each failing image writes before it fails. */
const logOf = (events: readonly { name: string; data: unknown }[]): string[] =>
  events.flatMap((event) => (event.name === "failedLog" ? (event.data as { lines: string[] }).lines : []));

describe.each(sample)("with smokeBoot %s", (smokeBoot, kind) => {
  let scenario: Scenario;
  let serving: string;

  beforeAll(async () => {
    // A container that crashes after 300 ms is ready before it crashes: minReadySeconds is what catches it.
    scenario = await Scenario.start({ fleet: { rollout: { smokeBoot, readyTimeoutSeconds: 3, minReadySeconds: 2 } } });
    serving = await scenario.begin();
  });
  afterAll(() => scenario.end());

  it(`a release that is ${kind} costs no request, and the fleet stays as it was`, async () => {
    const image = await scenario.world.pushBroken(kind);
    const { result, seen } = await scenario.under(() => scenario.deploy(image));
    expect(seen.failures).toEqual([]);
    expect(seen.sent).toBeGreaterThan(0);
    expect({ kind, exitCode: result.exitCode }).toEqual({ kind, exitCode: smokeBoot ? 3 : 5 });
    expect(result.receipt?.hosts.map((host) => host.action).sort()).toEqual([
      smokeBoot ? "untouched" : "restored",
      "untouched",
    ]);
    expect(await scenario.running()).toEqual([serving, serving]);
    expect(logOf(result.events).length).toBeGreaterThan(0);
    expect(result.stderr).toContain("last lines of the failed container");
    const states = await Promise.all(scenario.world.droplets.map((droplet) => droplet.control("GET", "/lifecycle")));
    expect(states.map(({ body }) => (body as { state: string }).state)).toEqual(["serving", "serving"]);
  });
});
