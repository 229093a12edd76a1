/** One droplet: nobody else can serve meanwhile, so the gap is kept short and said. */
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import type { RolloutEvent } from "../../../scripts/rollout/core/events.js";
import { Scenario } from "../../support/scenario.js";

jest.setTimeout(300_000);

describe("a fleet of one", () => {
  let scenario: Scenario;

  beforeAll(async () => {
    scenario = await Scenario.start({ fleet: { dropletCount: 1 } });
    await scenario.begin();
  });
  afterAll(() => (scenario as Scenario | undefined)?.end());

  it("is replaced in an idle moment: the outage is said, and no request fails outside of it", async () => {
    const image = await scenario.world.pushReference("v2");
    const { result, seen } = await scenario.under(() => scenario.deploy(image), { ratePerSecond: 5, slowShare: 0 });
    expect({ exitCode: result.exitCode, stderr: result.stderr }).toEqual({ exitCode: 0, stderr: result.stderr });
    expect(await scenario.running()).toEqual([image]);

    const [host] = result.receipt?.hosts ?? [];
    expect(host).toMatchObject({ action: "replaced", cut: 0, drain: null });
    expect(host?.outageSeconds).toBeGreaterThan(0);
    const outages = result.events.filter((event) => event.name === "outage");
    expect(outages.map((event) => event.data)).toEqual([{ seconds: host?.outageSeconds }]);
    expect(result.stderr).toContain("fleet of one: nothing served for");

    // From the order to stop until the balancer has taken the new one in: it may have noticed the gap.
    const from = moment(result.events, isStarting);
    const to = moment(result.events, (event) => event.name === "readmitted");
    const failedAt = seen.failures.map((failure) => ({ ...failure, at: seen.startedAtMs + failure.atMs }));
    expect(failedAt.filter(({ at }) => at < from || at > to)).toEqual([]);
    expect(seen.failed).toBe(seen.failures.length);
    expect(seen.ok).toBeGreaterThan(0);
  });

  it("waits for a request under way rather than cut it", async () => {
    const image = await scenario.world.pushReference("v3");
    const slowMs = 12_000;
    const slow = await scenario.load({ ratePerSecond: 1, slowShare: 1, slowMs, mostRequests: 1, keepAliveShare: 0 });
    const result = await scenario.deploy(image);
    const seen = await slow.stop();
    expect(result.exitCode).toBe(0);
    expect(seen).toMatchObject({ sent: 1, ok: 1, failures: [] });
    expect(await scenario.running()).toEqual([image]);
    expect(moment(result.events, isStarting)).toBeGreaterThanOrEqual(seen.startedAtMs + slowMs);
  });
});

/** The order to stop the old container follows. */
const isStarting = (event: RolloutEvent): boolean => event.name === "hostStatus" && event.data.status === "starting";

/** `Date.now()` of the first event of that kind. */
function moment(events: readonly RolloutEvent[], is: (event: RolloutEvent) => boolean): number {
  const found = events.find(is);
  if (!found) throw new Error(`there was no such event among ${events.map(({ name }) => name).join(", ")}`);
  return Date.parse(found.time);
}
