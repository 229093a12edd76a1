import { describe, expect, it } from "@jest/globals";
import { strategyFor, wantedMb } from "../../../scripts/rollout/core/strategy.js";

const memory = (freeMemoryMb: number, usedMemoryMb: number | null = null) => ({ freeMemoryMb, usedMemoryMb });

describe("memory that a second container wants", () => {
  it.each([
    ["its limit, whatever the first one uses", memory(0, 900), 256, 256],
    ["a quarter more than the first one uses", memory(0, 161), undefined, 202],
    ["no less than 128 MB", memory(0, 20), undefined, 128],
    ["128 MB where nobody knows what the first one uses", memory(0), undefined, 128],
  ])("is %s", (_name, survey, limit, wanted) => expect(wantedMb(survey, limit)).toBe(wanted));
});

describe("how a host gets another release", () => {
  const auto = { strategy: "auto", exclusive: false } as const;

  it.each(["drain", "handoff"] as const)("is as it was said, whatever memory there is (%s)", (strategy) =>
    expect(strategyFor({ strategy, exclusive: false }, memory(0), undefined)).toEqual({ strategy, why: null }),
  );

  it("is a handover where memory holds two", () =>
    expect(strategyFor(auto, memory(128), undefined)).toEqual({ strategy: "handoff", why: null }));

  it("is a drain where it does not, and that is said", () =>
    expect(strategyFor(auto, memory(127), undefined)).toEqual({
      strategy: "drain",
      why: "127 MB of memory are free there, and a second container wants 128 MB",
    }));

  it("is a drain where two must never run at once", () =>
    expect(strategyFor({ ...auto, exclusive: true }, memory(9999), undefined)).toMatchObject({
      strategy: "drain",
      why: expect.stringContaining("exclusive"),
    }));

  it("is a drain for a host that was not looked at", () =>
    expect(strategyFor(auto, null, undefined)).toEqual({ strategy: "drain", why: null }));
});
