/** The article's other case, from the files of docs/any-balancer.md: HAProxy on one server in front of two processes there, which asks the service ports. */
import { afterAll, beforeAll, expect, it, jest } from "@jest/globals";
import { FRONT_HELPER } from "../../../../contract/host.js";
import { ExampleFleet, expectEnded, expectUnnoticed } from "../../support/example-fleet.js";
import { LIMIT_MS } from "../../../support/real.js";

jest.setTimeout(LIMIT_MS);

let fleet: ExampleFleet;
beforeAll(async () => {
  fleet = await ExampleFleet.start("one-server");
  const [server] = fleet.machines;
  if (!server || fleet.machines.length > 1) throw new Error("the example has one machine");
  await fleet.balanceFrom(server, "api-addresses.service");
});
afterAll(() => (fleet as ExampleFleet | undefined)?.end());

it("two processes on one server are replaced without a failed request; a bad release leaves both as they were", async () => {
  const [v1, v2, bad] = [await fleet.push("v1"), await fleet.push("v2"), await fleet.pushBroken("exits-at-once")];
  expectEnded(await fleet.rollout("deploy", "--image", v1), 0);
  expect(await fleet.running()).toEqual([v1, v1]);

  const { result, seen } = await fleet.underLoad(() => fleet.rollout("deploy", "--image", v2));
  expectEnded(result, 0);
  expectUnnoticed(seen);
  expect(Object.keys(seen.byRelease)).toHaveLength(2);
  expect(await fleet.running()).toEqual([v2, v2]);
  // Each has a front of its own, and its container an address of its own.
  const fronts = await fleet.fronts();
  expect(fronts.map((line) => line.split(" ").slice(0, 4).join(" ")).sort()).toEqual([
    "api-1 10.99.0.1 8001 8101",
    "api-2 10.99.0.1 8002 8102",
  ]);
  expect(new Set(fronts.map((line) => line.split(" ")[4])).size).toBe(2);
  // What HAProxy sends on its own server is counted there, as what comes from elsewhere would be.
  for (const name of ["api-1", "api-2"])
    expect(await fleet.machines[0]?.run([FRONT_HELPER, "traffic", name, "2000"])).toMatch(
      /^probed 810[12] 10\.99\.0\.2 passed \d+ \d+ \d+\nopened 800[12] \d+ \d+$/m,
    );
  // Each is kept once on the machine for both; so is what they would go back to.
  expect((await fleet.machines[0]?.images())?.sort()).toEqual([v1, v2].sort());

  const refused = await fleet.underLoad(() => fleet.rollout("deploy", "--image", bad));
  expectEnded(refused.result, 5, "StepFailed");
  expectUnnoticed(refused.seen);
  expect(await fleet.running()).toEqual([v2, v2]);
  expectEnded(await fleet.rollout("verify", "--image", v2), 0);
});
