import { describe, expect, it } from "@jest/globals";
import type { Survey } from "../../../scripts/rollout/ports.js";
import { memoryOf, strategyFor, type Memory, type MemoryInput } from "../../../scripts/rollout/core/strategy.js";
import { container } from "../support.js";

const host = (name: string, freeMemoryMb: number, usedMemoryMb: number | null = null): MemoryInput => ({
  ...{ name, machine: name, changes: true },
  survey: { freeMemoryMb, usedMemoryMb, containers: {} },
});
const holding = (freeMb: number): Memory => ({ freeMb, wantedMb: 128 });

describe("memory that a second container wants", () => {
  it.each([
    ["its limit, whatever the first one uses", 900, 256, 256],
    ["a quarter more than the first one uses", 161, undefined, 202],
    ["no less than 128 MB", 20, undefined, 128],
    ["128 MB where nobody knows what the first one uses", null, undefined, 128],
  ])("is %s", (_name, used, limit, wantedMb) =>
    expect(memoryOf([host("api-1", 500, used)], limit).get("api-1")).toEqual({ freeMb: 500, wantedMb }),
  );

  it("counts what an earlier handover's containers give back, which are stopped first: so going back soon is a handover as well", () => {
    const { survey, ...rest } = host("api-1", 100, 90);
    const left = (changes: Survey["containers"]): number | undefined =>
      memoryOf([{ ...rest, survey: { ...survey, containers: changes } }], undefined).get("api-1")?.freeMb;
    expect(left({})).toBe(100);
    expect(left({ previous: container({ running: false }) })).toBe(100);
    expect(left({ previous: container() })).toBe(190);
    expect(left({ previous: container(), failed: container() })).toBe(280);
  });

  it("is not there twice for hosts of one machine, whose old containers stay until all are done", () => {
    const one = (name: string, changes = true) => ({ ...host(name, 300), machine: "one", changes });
    const free = (hosts: readonly MemoryInput[]) =>
      [...memoryOf(hosts, undefined).values()].map(({ freeMb }) => freeMb);
    expect(free([one("api-1"), host("api-2", 300), one("api-3"), one("api-4")])).toEqual([300, 300, 172, 44]);
    // One that is left as it is wants none, and one that does not fit gets none.
    expect(free([one("api-1", false), one("api-2"), one("api-3"), one("api-4"), one("api-5")])).toEqual([
      ...[300, 300, 172, 44, 44],
    ]);
  });
});

describe("how a host gets another release", () => {
  const auto = { strategy: "auto", exclusive: false } as const;

  it.each(["drain", "handoff"] as const)("is as it was said, whatever memory there is (%s)", (strategy) =>
    expect(strategyFor({ strategy, exclusive: false }, holding(0), false)).toEqual({ strategy, why: null }),
  );

  it("is a handover where memory holds two", () =>
    expect(strategyFor(auto, holding(128), false)).toEqual({ strategy: "handoff", why: null }));

  it.each([
    [127, "127 MB of memory are free there, and a second container wants 128 MB"],
    [-40, "0 MB of memory are free there, and a second container wants 128 MB"],
  ])("is a drain where it does not, and that is said (%s MB)", (freeMb, why) =>
    expect(strategyFor(auto, holding(freeMb), false)).toEqual({ strategy: "drain", why }),
  );

  it("is a drain where two must never run at once", () =>
    expect(strategyFor({ ...auto, exclusive: true }, holding(9999), false)).toMatchObject({
      strategy: "drain",
      why: expect.stringContaining("exclusive"),
    }));

  it("is a handover, whatever memory there is, where nothing is started", () =>
    expect(strategyFor(auto, holding(0), true)).toEqual({ strategy: "handoff", why: null }));

  it("is a drain for a host that was not looked at", () =>
    expect(strategyFor(auto, null, false)).toEqual({ strategy: "drain", why: null }));
});
