/** A droplet loses its power while its container is replaced: the declared boot-time unit ends what was under way. */
import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { expectRebootUnnoticed } from "../../support/reboot.js";
import { Scenario } from "../../support/scenario.js";

jest.setTimeout(240_000);

describe("a droplet that loses its power", () => {
  let scenario: Scenario;
  beforeEach(async () => {
    scenario = await Scenario.start();
    await scenario.begin();
  });
  afterEach(() => scenario.end());

  it("while its old container is stopped comes back on it by itself; nobody notices, and the next run ends well", async () => {
    const { receipt, seen } = await expectRebootUnnoticed(scenario, "starting");
    expect(receipt.hosts.filter(({ action }) => action === "replaced")).toEqual([]);
    expect(Object.keys(seen.byRelease)).toHaveLength(2);
  });
});
