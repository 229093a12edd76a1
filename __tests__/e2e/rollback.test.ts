/** `rollback` as a user calls it, under load. */
import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { Scenario } from "../support/scenario.js";

jest.setTimeout(180_000);

describe("going back", () => {
  let scenario: Scenario;
  let first: string;
  beforeEach(async () => {
    scenario = await Scenario.start();
    first = await scenario.begin();
    const { exitCode, stderr } = await scenario.deploy(await scenario.world.pushReference("v2"));
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr });
  });
  afterEach(() => scenario.end());

  it("brings the release before onto every host without a failed request; a second time it is refused", async () => {
    const { result, seen } = await scenario.under(() => scenario.rollBack());
    expect({ exitCode: result.exitCode, stderr: result.stderr }).toEqual({ exitCode: 0, stderr: result.stderr });
    expect(result.stderr).toContain(`set its variable image to ${first}`);
    expect(await scenario.running()).toEqual([first, first]);
    expect(seen.failures).toEqual([]);
    expect(seen.sent).toBeGreaterThan(0);
    expect(Object.keys(seen.byRelease)).toHaveLength(2);
    const again = await scenario.rollBack();
    expect(again.exitCode).toBe(3);
    expect(again.stderr).toContain("NothingBefore");
    expect(await scenario.running()).toEqual([first, first]);
  });
});
