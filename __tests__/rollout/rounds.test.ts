import { describe, expect, it } from "@jest/globals";
import { Rounds } from "../../scripts/rollout/rounds.js";

/** Rounds that end when the test says so. */
function rounds(): { join: () => Promise<number>; begun: () => number; end: (failure?: Error) => void } {
  const open: { resolve: (round: number) => void; reject: (failure: Error) => void }[] = [];
  let begun = 0;
  const shared = new Rounds(() => {
    begun += 1;
    return new Promise<number>((resolve, reject) => open.push({ resolve, reject }));
  });
  return {
    join: () => shared.join(),
    begun: () => begun,
    end(failure) {
      const round = open.shift();
      if (failure) round?.reject(failure);
      else round?.resolve(begun);
    },
  };
}

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

describe("rounds", () => {
  it("are shared by all who ask before one begins", async () => {
    const { join, begun, end } = rounds();
    const joined = Promise.all([join(), join(), join()]);
    await turn();
    end();
    expect(await joined).toEqual([1, 1, 1]);
    expect(begun()).toBe(1);
  });

  it("that are under way are joined by nobody: those who ask meanwhile share the next", async () => {
    const { join, begun, end } = rounds();
    const first = join();
    await turn();
    const later = Promise.all([join(), join()]);
    await turn();
    expect(begun()).toBe(1);
    end();
    expect(await first).toBe(1);
    await turn();
    end();
    expect(await later).toEqual([2, 2]);
  });

  it("that fail, fail for those who shared them alone", async () => {
    const { join, end } = rounds();
    const first = Promise.allSettled([join(), join()]);
    await turn();
    const second = join();
    end(new Error("gone"));
    expect((await first).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    await turn();
    end();
    expect(await second).toBe(2);
  });
});
