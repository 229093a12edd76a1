import { describe, expect, it } from "@jest/globals";
import { VirtualClock } from "../../lab/sim/clock.js";
import { OwnRequests } from "../../scripts/rollout/own-requests.js";

/** Those who send, each so many of which some fail, from one moment to another. */
interface Round {
  readonly fromMs: number;
  readonly toMs: number;
  readonly sent: number;
  readonly failed: number;
}

/** What is told of second 10 to second 20. */
function between(rounds: readonly Round[]): Promise<number> {
  const clock = new VirtualClock();
  const byCount = new Map(rounds.map((round) => [round.sent, round]));
  const requests = new OwnRequests({
    send: async (count) => {
      const { fromMs = 0, toMs = 0, failed = 0 } = byCount.get(count) ?? {};
      await clock.sleep(toMs - fromMs);
      const failures = Array.from({ length: failed }, () => "503");
      return { sent: count, answered: count - failed, failures, slowestMs: 0 };
    },
  });
  const told = async (): Promise<number> => {
    const all = rounds.map(async ({ fromMs, sent }) => {
      await clock.sleep(fromMs);
      await requests.send(sent);
    });
    await clock.sleep(10_000);
    const mayBeAnswered = requests.mark();
    await clock.sleep(10_000);
    const count = mayBeAnswered();
    await Promise.all(all);
    return count;
  };
  return clock.run(told(), 60_000);
}

describe("how many of the rollout's own requests hosts may have answered", () => {
  it.each<[string, Round, number]>([
    [
      "those that came and failed meanwhile are not among them",
      { fromMs: 11_000, toMs: 12_000, sent: 5, failed: 2 },
      3,
    ],
    ["those that were under way before may be", { fromMs: 9000, toMs: 12_000, sent: 5, failed: 2 }, 3],
    ["those of which nobody knows yet may be", { fromMs: 19_000, toMs: 30_000, sent: 5, failed: 5 }, 5],
    ["those that had ended before are not", { fromMs: 1000, toMs: 9000, sent: 5, failed: 2 }, 0],
    ["those that come later are not", { fromMs: 21_000, toMs: 22_000, sent: 5, failed: 2 }, 0],
  ])("%s", async (_, round, expected) => expect(await between([round])).toBe(expected));

  it("are those of all who send", async () =>
    expect(
      await between([
        { fromMs: 9000, toMs: 12_000, sent: 5, failed: 2 },
        { fromMs: 11_000, toMs: 30_000, sent: 7, failed: 1 },
      ]),
    ).toBe(10));
});
