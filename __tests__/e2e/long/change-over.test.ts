/** Another health path, and another service port; and at once with nobody to refuse it: what the guard is good for. */
import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { describeChangeOver } from "../../support/change-over-suite.js";
import { moves } from "../../support/moves.js";
import { Scenario } from "../../support/scenario.js";

jest.setTimeout(300_000);

for (const move of moves) describeChangeOver(move);

describe.each(moves)("another $what at once", ({ then }) => {
  let scenario: Scenario;
  let image: string;
  beforeEach(async () => {
    scenario = await Scenario.start();
    image = await scenario.begin();
  });
  afterEach(() => scenario.end());

  it("fails requests at once when nobody refuses it", async () => {
    const { seen } = await scenario.under(() => scenario.apply(then, image, withoutGuard));
    expect(seen.failed).toBeGreaterThan(0);
  });
});

function withoutGuard(stackJson: object): object {
  const stack = structuredClone(stackJson) as { resource: { null_resource: Record<string, unknown> } };
  const kept = Object.entries(stack.resource.null_resource).filter(([name]) => !name.startsWith("guard"));
  stack.resource.null_resource = Object.fromEntries(kept);
  return stack;
}
