/** What was sent, what was not, and what was lost: decided from facts about one request. */
import { describe, expect, test } from "@jest/globals";
import { brokenOff, isMeasured, notMeasuredText, whyHeldBack } from "../../../lab/load/accounting.js";

describe("a request that is due", () => {
  const limits = { mostUnderWay: 100, mostLateMs: 1000 };

  test("is sent while the generator is in time and not too many are under way", () => {
    expect(whyHeldBack({ lateMs: 1000, underWay: 99 }, limits)).toBeNull();
  });

  test("is held back when the generator itself slept: a burst of what was missed is no client's load", () => {
    expect(whyHeldBack({ lateMs: 1001, underWay: 0 }, limits)).toBe("late");
  });

  test("is held back when too many are under way", () => {
    expect(whyHeldBack({ lateMs: 0, underWay: 100 }, limits)).toBe("crowded");
  });
});

describe("a request that broke off", () => {
  test("was not sent when this machine had no socket left for it", () => {
    for (const code of ["EMFILE", "ENFILE", "EADDRNOTAVAIL", "ENOBUFS", "ENOMEM"])
      expect(brokenOff(code, false)).toEqual({ notSent: "unconnected" });
  });

  test("is lost when its connection was refused: that is an answer", () => {
    expect(brokenOff("ECONNREFUSED", false)).toEqual({ lost: "refused" });
  });

  test("is lost when its connection broke, whether or not it stood before", () => {
    for (const code of ["ECONNRESET", "EPIPE"])
      for (const connected of [true, false]) expect(brokenOff(code, connected)).toEqual({ lost: "reset" });
  });

  test("is lost in every other case: nobody may hide a loss behind a reason that is not known", () => {
    for (const code of ["CERT_UNTRUSTED", "EHOSTUNREACH", "HPE_INVALID_CONSTANT", ""])
      expect(brokenOff(code, false)).toEqual({ lost: "error" });
    expect(brokenOff("EMFILE", true)).toEqual({ lost: "error" });
  });
});

describe("a load", () => {
  test("is measured when nine tenths of what was due were sent", () => {
    expect(isMeasured({ sent: 900, notMeasured: 100 })).toBe(true);
    expect(isMeasured({ sent: 899, notMeasured: 101 })).toBe(false);
    expect(isMeasured({ sent: 0, notMeasured: 0 })).toBe(false);
  });

  test("that was not sent whole says how much, why, and what to do", () => {
    expect(notMeasuredText(1200)).toBe(
      "not measured: 1,200 requests were due and not sent, as this machine was too busy; measure again on a quieter one",
    );
  });
});
