/** Some requests take twenty seconds: longer than anything else in a replacement. */
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { expectUnnoticed, LIMIT_MS, LONG_LOAD, startReal, type RealScenario } from "../../../support/real.js";

jest.setTimeout(LIMIT_MS);

describe("2 % requests of 20 s", () => {
  let scenario: RealScenario;
  beforeAll(async () => {
    scenario = await startReal();
    await scenario.begin();
  });
  afterAll(() => (scenario as RealScenario | undefined)?.end());

  it("are all answered, as a host is stopped only when the last one has ended", async () => {
    const { result } = await expectUnnoticed(scenario, LONG_LOAD);
    expect(result.receipt?.hosts.map((host) => host.cut)).toEqual([0, 0, 0]);
  });
});
