import { describe, expect, it } from "@jest/globals";
import { ProbeLog } from "../../app/probes.ts";

const HOUR_MS = 3_600_000;

describe("the probe log", () => {
  it("counts consecutive results per source", () => {
    const log = new ProbeLog();
    for (const passed of [true, true, false, false, false]) log.record("10.0.0.1", passed, 1000);
    for (const passed of [false, true, true]) log.record("10.0.0.2", passed, 1250);
    expect(log.list(1500)).toEqual([
      { source: "10.0.0.1", passed: 0, failed: 3, agoMs: 500 },
      { source: "10.0.0.2", passed: 2, failed: 0, agoMs: 250 },
    ]);
  });

  it("forgets a source that has been silent for more than an hour, also when nobody else probes", () => {
    const log = new ProbeLog();
    log.record("10.0.0.1", true, 0);
    expect(log.list(HOUR_MS)).toHaveLength(1);
    expect(log.list(HOUR_MS + 1)).toEqual([]);
  });

  it("keeps the 256 sources that probed last, so that strangers cannot fill the memory", () => {
    const log = new ProbeLog();
    log.record("balancer", true, 0);
    for (let stranger = 0; stranger < 1000; stranger += 1) {
      log.record(`stranger ${stranger}`, true, stranger);
      log.record("balancer", true, stranger);
    }
    const sources = log.list(1000).map(({ source }) => source);
    expect(sources).toHaveLength(256);
    expect(sources).toContain("balancer");
    expect(sources).toContain("stranger 745");
    expect(sources).not.toContain("stranger 744");
  });
});
