import { describe, expect, test } from "@jest/globals";
import { jsonLine, jsonLinesSink } from "../../../scripts/rollout/output/json-lines.js";
import { event, failure } from "./support/streams.js";

describe("JSON lines", () => {
  test("carry everything a program needs of an event, in a fixed order", () => {
    const line = jsonLine(event("step", { step: "old-stop" }, { host: "api-1", at: 7.6 }));
    expect(line).toBe(
      '{"time":"2026-01-15T09:30:07.600Z","elapsedMs":7600,"code":"ROLLOUT_I2100","level":"info","name":"step",' +
        '"host":"api-1","message":"old-stop","data":{"step":"old-stop"}}',
    );
  });

  test("are one object a line for every event, also for messages of many lines", () => {
    let text = "";
    const events = failure();
    const sink = jsonLinesSink((part) => (text += part));
    for (const one of events) sink.emit(one);
    const lines = text.trimEnd().split("\n");
    expect(lines.map((line) => (JSON.parse(line) as { name: string }).name)).toEqual(events.map(({ name }) => name));
  });
});
