/** Two machines behind an HAProxy on a third that asks a health port of their own, from the files of docs/any-balancer.md. */
import { afterAll, beforeAll, expect, it, jest } from "@jest/globals";
import { ExampleFleet, expectEnded, expectUnnoticed } from "../../support/example-fleet.js";
import { LIMIT_MS } from "../../../support/real.js";

jest.setTimeout(LIMIT_MS);

const HAPROXY_PRIVATE_ADDRESS = "10.110.0.10";

let fleet: ExampleFleet;
beforeAll(async () => {
  fleet = await ExampleFleet.start("two-machines");
  await fleet.balanceFromElsewhere(HAPROXY_PRIVATE_ADDRESS);
});
afterAll(() => (fleet as ExampleFleet | undefined)?.end());

it("two machines behind an HAProxy of one's own are rolled out and back without a failed request, the front put there anew in between", async () => {
  const [v1, v2] = [await fleet.push("v1"), await fleet.push("v2")];
  expectEnded(await fleet.rollout("deploy", "--image", v1), 0);
  expect(await fleet.running()).toEqual([v1, v1]);

  const forth = await fleet.underLoad(() => fleet.rollout("deploy", "--image", v2));
  expectEnded(forth.result, 0);
  expectUnnoticed(forth.seen);
  expect(Object.keys(forth.seen.byRelease)).toHaveLength(2);
  expect(await fleet.running()).toEqual([v2, v2]);

  const fronts = await fleet.fronts();
  const again = await fleet.underLoad(() => Promise.all(fleet.machines.map((machine) => fleet.installFront(machine))));
  expectUnnoticed(again.seen);
  expect(await fleet.fronts()).toEqual(fronts);

  const back = await fleet.underLoad(() => fleet.rollout("rollback"));
  expectEnded(back.result, 0);
  expectUnnoticed(back.seen);
  expect(await fleet.running()).toEqual([v1, v1]);
});
