import { describe, expect, test } from "@jest/globals";
import { block, code, plain, table } from "../../../scripts/rollout/output/summary/markdown.js";
import { gantt } from "../../../scripts/rollout/output/summary/gantt.js";
import { type LastRun, summaryMarkdown } from "../../../scripts/rollout/output/summary/summary.js";
import { receiptOf } from "../../../scripts/rollout/output/timeline/model.js";
import type { RolloutEvent } from "../../../scripts/rollout/core/events.js";
import { failure, names, receipt, Stream, success } from "./support/streams.js";

const run = (events: readonly RolloutEvent[]): LastRun => ({ runId: "k7m2q9", events, receipt: receiptOf(events) });

describe("the summary of a rollout", () => {
  test("begins with the outcome, then what was rolled out, the picture, and a row a host", () => {
    const text = summaryMarkdown(run(success()));
    const [heading, ...rest] = text.split("\n");
    expect(heading).toBe("### api: exit code 0: the fleet is on its target");
    expect(rest.slice(1, 5)).toEqual([
      "- release: `3f2a`, `registry.example.com/api@sha256:feed`",
      "- hosts: 2 replaced",
      "- witness: 96 requests sent, 0 failed",
      "- took: 29.9 s, run k7m2q9",
    ]);
    const order = [
      "```mermaid",
      "  section api-1",
      "  section api-2",
      "| host | action | seconds |",
      "| api-1 | replaced |",
    ];
    const places = order.map((part) => text.indexOf(part));
    expect(places).not.toContain(-1);
    expect([...places].sort((one, other) => one - other)).toEqual(places);
    expect(text).not.toContain("runbook");
  });

  test("of one that failed says why, shows the container's last lines folded, and where to read on", () => {
    const text = summaryMarkdown(run(failure()));
    expect(text).toContain(
      "### api: exit code 5: failed; each changed host is as before, or on the release that served before",
    );
    expect(text).toContain("```text\nStepFailed: new-ready on api-1: not ready within 5 s\n```");
    expect(text).toContain("<summary>last lines of the failed container on api-1</summary>");
    expect(text).toContain("```text\nError: DATABASE_URL is not set\n    at start (/app/server.js:12:9)\n```");
    expect(text).toContain("docs/runbook.md");
  });

  test("of one that was ended before its end says so, with what is known", () => {
    const text = summaryMarkdown({ runId: "k7m2q9", events: success().slice(0, 20), receipt: null });
    expect(text).toMatch(/^### Rollout k7m2q9 left no receipt\n/);
    expect(text).toContain("section api-1");
  });

  test("says that there was none", () => expect(summaryMarkdown(null)).toMatch(/^### No rollout ran\n/));

  test("has neither picture nor table when it was refused before any host was known", () => {
    const error = { code: "CloudFailed" as const, message: "the API answered 500" };
    const refused = receipt({ hosts: [], release: null, error, exitCode: 3 });
    const text = summaryMarkdown({ runId: "k7m2q9", events: [], receipt: refused });
    expect(text).toContain("- release: none\n- hosts: none\n");
    expect(text).not.toContain("mermaid");
    expect(text).not.toContain("|");
  });
});

describe("the picture in Mermaid's words", () => {
  test("has a bar for each status, from when to when, and names those that have room for a name", () => {
    const { events } = new Stream()
      .emit("started", { runId: "r", fleet: "api", hosts: ["api-1"], wanted: "v2" })
      .status("api-1", "waiting")
      .wait(10)
      .status("api-1", "serving")
      .wait(30)
      .status("api-1", "draining")
      .wait(60)
      .status("api-1", "ejected")
      .wait(1)
      .status("api-1", "starting")
      .wait(3500)
      .status("api-1", "failed")
      .wait(398.5)
      .emit("finished", { receipt: receipt() });
    expect(gantt(events).lines.slice(4)).toEqual([
      "  dateFormat YYYY-MM-DD HH:mm:ss.SSS",
      "  axisFormat %H:%M:%S",
      "  section api-1",
      "  · :done, 2001-01-01 00:00:10.000, 2001-01-01 00:00:40.000",
      "  · :2001-01-01 00:00:40.000, 2001-01-01 00:01:40.000",
      "  · :active, 2001-01-01 00:01:40.000, 2001-01-01 00:01:41.000",
      "  starting :active, 2001-01-01 00:01:41.000, 2001-01-01 01:00:01.000",
      "  failed :crit, 2001-01-01 01:00:01.000, 2001-01-01 01:08:39.485",
    ]);
  });

  test("stays within what Mermaid draws, and leaves out those to which least happened", () => {
    const events = success(names(300));
    const { lines, left } = gantt(events);
    expect(lines.join("\n").length).toBeLessThan(50_000);
    expect(left).toBeGreaterThan(0);
    expect(lines.filter((line) => line.startsWith("  section")).length + left).toBe(300);
    expect(summaryMarkdown(run(events))).toContain(`${left} hosts not drawn: there is no room.`);
    const quiet = failure(names(1000));
    expect(gantt(quiet).lines).toContain("  section api-1");
    expect(gantt(quiet).left).toBeGreaterThan(0);
  });

  test("takes no host's name for words of its own", () => {
    const { events } = new Stream()
      .status("a:b\nsection x; %%", "serving")
      .wait(2)
      .emit("failed", { code: "Bug", message: "" });
    expect(gantt(events).lines[6]).toBe("  section a_b_section_x____");
  });

  test("is nothing where no host has a status", () => expect(gantt([])).toEqual({ lines: [], left: 0 }));
});

describe("text in Markdown", () => {
  test.each([
    ["a heading", "# x", "\\# x"],
    ["HTML", "<img src=x>", "\\<img src=x\\>"],
    ["a cell's end", "a|b", "a\\|b"],
    ["two lines", "a\nb", "a b"],
    ["a link", "[a](b)", "\\[a\\](b)"],
  ])("stays text: %s", (_name, text, shown) => expect(plain(text)).toBe(shown));

  test("does not end its fence", () => {
    expect(block(["a", "```", "b"])).toBe("````text\na\n```\nb\n````");
    expect(code("a`b")).toBe("``a`b``");
    expect(code("`")).toBe("`` ` ``");
  });

  test("does not end its cell, and lines numbers up to the right", () =>
    expect(
      table([
        { title: "host", align: "left", values: ["a|b"] },
        { title: "s", align: "right", values: ["1"] },
      ]),
    ).toBe("| host | s |\n| --- | ---: |\n| a\\|b | 1 |"));
});
