import { describe, expect, test } from "@jest/globals";
import { exitCodes } from "../../../scripts/rollout/core/errors.js";
import { exitMeaning, receiptText, summaryLines } from "../../../scripts/rollout/output/receipt-text.js";
import { hostReceipt, names, receipt, untouched } from "./support/streams.js";

describe("the receipt as text", () => {
  test("has a row a host with seconds and probes beside their floors", () => {
    expect(receiptText(receipt())).toBe(`host   action    seconds  floor seconds  drain probes  readmission probes
api-1  replaced     14.2           13.1   2 (floor 2)         3 (floor 3)
api-2  replaced     14.0           13.1   3 (floor 2)         3 (floor 3)

witness  96 requests sent, 0 failed
release  3f2a (registry.example.com/api@sha256:feed)
rollout  k7m2q9 of api, 30.0 s
result   exit code 0: the fleet is on its target
`);
  });

  test("shows no drain where hosts were handed over", () => {
    const handedOver = { floorSeconds: null, drain: null, readmission: null };
    const hosts = [hostReceipt("api-1", handedOver), hostReceipt("api-2", { ...handedOver, seconds: 3.2 })];
    expect(receiptText(receipt({ hosts })).split("\n").slice(0, 3)).toEqual([
      "host   action    seconds",
      "api-1  replaced     14.2",
      "api-2  replaced      3.2",
    ]);
  });

  test("shows cut requests and an outage only where there were some", () => {
    const hosts = [hostReceipt("api-1", { cut: 2, outageSeconds: 1.25, drain: null, readmission: null })];
    expect(receiptText(receipt({ hosts })).split("\n").slice(0, 2)).toEqual([
      "host   action    seconds  floor seconds  cut  outage",
      "api-1  replaced     14.2           13.1    2   1.3 s",
    ]);
  });

  test("gives the untouched hosts of a wide fleet one line", () => {
    const hosts = [hostReceipt("api-1", { action: "restored" }), ...names(40).slice(1).map(untouched)];
    expect(receiptText(receipt({ hosts })).split("\n").slice(1, 4)).toEqual([
      "api-1  restored     14.2           13.1   2 (floor 2)         3 (floor 3)",
      "untouched: api-2, api-3, api-4, api-5, api-6 and 34 more",
      "",
    ]);
  });

  test("has no empty table when the run ended before any host was known", () => {
    const error = { code: "CloudFailed" as const, message: "the API answered 500\ntry again" };
    const text = receiptText(receipt({ hosts: [], release: null, error, exitCode: 3 }));
    expect(text).toBe(`witness  96 requests sent, 0 failed
release  none
rollout  k7m2q9 of api, 30.0 s
error    CloudFailed: the API answered 500
         | try again
result   exit code 3: refused before the start; no container and no rotation was changed
`);
  });

  test("says when the balancer could not be asked", () => {
    const lines = summaryLines(receipt({ witness: { sent: 0, failed: 0, reachable: false } }));
    expect(lines[1]).toBe("witness  the balancer cannot be reached from here; waited a fixed number of intervals");
  });

  test("does not claim that a fleet without a release is on target", () => {
    expect(summaryLines(receipt({ release: null })).at(-1)).toBe(
      "result   exit code 0: there is no release to roll out",
    );
  });

  test("has a meaning in words for every exit code, each another one", () => {
    const meanings = Object.values(exitCodes).map((code) => exitMeaning[code]);
    expect(new Set(meanings).size).toBe(9);
  });
});
