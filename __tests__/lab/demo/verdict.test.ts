/** How a demo ends: only a request that was sent and not answered well fails it. */
import { describe, expect, it } from "@jest/globals";
import { exitCodes, verdictOf, type Shown } from "../../../lab/demo/verdict.js";
import type { HostReceipt } from "../../../scripts/rollout/core/receipt.js";

const host = (name: string, action: HostReceipt["action"]) => ({ name, action }) as HostReceipt;
const replaced = { hosts: [host("demo-1", "replaced"), host("demo-2", "replaced")] };
const load = { sent: 1000, failed: 0, notMeasured: 0, byRelease: { a: 500, b: 500 }, endedEarly: false };
const good: Shown = { breaks: false, rollout: { exitCode: 0, receipt: replaced }, load, uptime: null };
const restored = { hosts: [host("demo-1", "untouched"), host("demo-2", "restored")] };
const takenBack: Shown = { ...good, breaks: true, rollout: { exitCode: 5, receipt: restored } };

describe("the demo's verdict", () => {
  it("is shown when every request went well", () => {
    expect(verdictOf(good)).toEqual({ end: "shown", text: "Both droplets run version 2; not one request failed." });
    expect(verdictOf(takenBack)).toMatchObject({ end: "shown", text: expect.stringContaining("exit code 5; not one") });
  });

  it("is shown when a few requests were not sent, and says so", () => {
    const { end, text } = verdictOf({ ...good, load: { ...load, notMeasured: 111 } });
    expect({ end, text }).toEqual({
      end: "shown",
      text: "Both droplets run version 2; not one request that was sent failed.",
    });
  });

  it("is failed by one request that was sent and lost, whatever else is right or was not measured", () => {
    for (const notMeasured of [0, 100_000]) {
      const verdict = verdictOf({ ...good, load: { ...load, failed: 1, notMeasured } });
      expect(verdict).toEqual({ end: "failed", text: "1 request that was sent got no good answer" });
    }
    expect(verdictOf({ ...good, uptime: { sent: 9, failed: 2, notMeasured: 0 } })).toMatchObject({ end: "failed" });
    expect(verdictOf({ ...takenBack, load: { ...load, failed: 1 } })).toMatchObject({ end: "failed" });
  });

  it("is not measured when too few were sent, and calls none of them lost", () => {
    for (const sent of [0, 8999]) {
      const { end, text } = verdictOf({ ...good, load: { ...load, sent, notMeasured: 10_000 - sent, byRelease: {} } });
      expect(end).toBe("not-measured");
      expect(text).toContain(`of 10,000 requests could be sent`);
    }
    expect(verdictOf({ ...good, load: { ...load, sent: 0 } })).toMatchObject({ end: "not-measured" });
    expect(verdictOf({ ...good, load: { ...load, endedEarly: true } })).toMatchObject({ end: "not-measured" });
    expect(verdictOf({ ...takenBack, load: { ...load, sent: 0 } })).toMatchObject({ end: "not-measured" });
  });

  it.each<[string, Shown, string]>([
    ["the rollout failed", { ...good, rollout: { exitCode: 5, receipt: replaced } }, "exit code 5"],
    ["there is no receipt", { ...good, rollout: { exitCode: 0, receipt: null } }, "no receipt"],
    [
      "a host was left out",
      { ...good, rollout: { exitCode: 0, receipt: { hosts: [host("demo-2", "untouched")] } } },
      "demo-2",
    ],
    ["one release was never seen", { ...good, load: { ...load, byRelease: { a: 9 } } }, "both releases"],
    ["a bad release was not taken back", { ...takenBack, rollout: { exitCode: 0, receipt: restored } }, "not 0"],
    ["a bad release left no receipt", { ...takenBack, rollout: { exitCode: 5, receipt: null } }, "no receipt"],
    [
      "a bad release was tried on two hosts",
      { ...takenBack, rollout: { exitCode: 5, receipt: { hosts: [host("a", "restored"), host("b", "restored")] } } },
      "b is restored",
    ],
    [
      "a bad release stays on a host",
      { ...takenBack, rollout: { exitCode: 5, receipt: { hosts: [host("a", "unknown"), host("b", "untouched")] } } },
      "a is unknown",
    ],
  ])("is failed when %s", (_why, shown, words) => {
    const { end, text } = verdictOf(shown);
    expect([end, exitCodes[end]]).toEqual(["failed", 1]);
    expect(text).toContain(words);
  });
});
