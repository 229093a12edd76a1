/** A real droplet loses its power in the middle of its replacement: cloud-init's unit ends what was under way at the next boot. */
import { afterEach, beforeEach, describe, it, jest } from "@jest/globals";
import { expectRebootUnnoticed } from "../../../support/reboot.js";
import { LIMIT_MS, LOAD, startReal, type RealScenario } from "../../../support/real.js";

jest.setTimeout(LIMIT_MS);

describe("a droplet that loses its power", () => {
  let scenario: RealScenario;
  beforeEach(async () => {
    scenario = await startReal();
    await scenario.begin();
  });
  afterEach(() => (scenario as RealScenario | undefined)?.end());

  it.each(["ejected", "starting", "ready"] as const)(
    "when it is %s comes back by itself; no request fails, and the next run ends well",
    async (status) => {
      await expectRebootUnnoticed(scenario, status, LOAD);
    },
  );
});
