import { describe, expect, test } from "@jest/globals";
import type { HostStatus } from "../../../scripts/rollout/core/events.js";
import { type TimelineInput, timelineSvg } from "../../../scripts/rollout/output/timeline/timeline.js";
import { statusStyles } from "../../../scripts/rollout/output/timeline/palette.js";
import { contrast, elements, numberOf, wellFormed } from "./support/markup.js";
import { event, failure, names, Stream, steadyLoad, success } from "./support/streams.js";

const EDGES = { left: 88, right: 1176 };

/** What the picture must be for every input. */
const inputs: Record<string, TimelineInput> = {
  "no event at all": { events: [], title: "nothing" },
  "one host": { events: success(names(1)), title: "one" },
  "two hosts under load": { events: success(), load: steadyLoad(38, { startedAtMs: -3000 }), title: "two" },
  "three hosts over seven minutes": { events: success(names(3), 10), load: steadyLoad(420), title: "long" },
  "twelve hosts": { events: success(names(12)), load: steadyLoad(170, { failures: { 3: 200 } }), title: "twelve" },
  "a hundred hosts": { events: success(names(100)), title: "hundred" },
  "a failed rollout": { events: failure(), load: steadyLoad(20, { failures: { 8: 1 } }), title: "failed" },
  "a rollout refused at once": {
    events: [event("failed", { code: "LockHeld", message: "held" }, { at: 0.02 })],
    title: "refused",
  },
  "a load without any answer": {
    events: success(),
    load: { startedAtMs: 0, sent: 0, failed: 0, perSecond: [{ second: 0, sent: 0, failed: 0, p50: null, p99: null }] },
    title: "idle",
  },
};

describe.each(Object.entries(inputs))("the picture of %s", (_, input) => {
  test("is well-formed, finite and the same every time", () => {
    const svg = timelineSvg(input);
    expect(wellFormed(svg)).toBe("svg");
    expect(svg).not.toMatch(/NaN|undefined|Infinity|null/);
    expect(timelineSvg(input)).toBe(svg);
  });

  test("keeps all it draws within its frame", () => {
    const svg = timelineSvg(input);
    const [root = {}] = elements(svg, "svg");
    const { width, height } = { width: numberOf(root, "width"), height: numberOf(root, "height") };
    for (const box of elements(svg, "rect")) {
      expect(numberOf(box, "x")).toBeGreaterThanOrEqual(0);
      expect(numberOf(box, "y")).toBeGreaterThanOrEqual(0);
      expect(numberOf(box, "height")).toBeGreaterThanOrEqual(0);
      expect(numberOf(box, "x") + numberOf(box, "width")).toBeLessThanOrEqual(width);
      expect(numberOf(box, "y") + numberOf(box, "height")).toBeLessThanOrEqual(height);
    }
    for (const text of elements(svg, "text")) expect(numberOf(text, "y")).toBeLessThan(height);
  });
});

describe("a host's row", () => {
  const stream = new Stream()
    .emit("started", { runId: "r", fleet: "api", hosts: ["api-1"], wanted: "keep the serving release" })
    .status("api-1", "serving")
    .wait(10)
    .status("api-1", "draining")
    .wait(20)
    .status("api-1", "starting")
    .status("api-1", "starting", "with more detail")
    .wait(10)
    .status("api-1", "ready")
    .wait(60);
  // 100 s of load make the axis exactly 100 s long.
  const svg = timelineSvg({ events: stream.events, load: steadyLoad(100), title: "exact" });
  const at = (seconds: number): number => EDGES.left + ((EDGES.right - EDGES.left) * seconds) / 100;

  test("has a segment for each status, as long as the status lasted", () => {
    const segments = elements(svg, "rect").filter((box) => "data-status" in box);
    const seen = segments.map((box) => [box["data-status"], numberOf(box, "x"), numberOf(box, "width")]);
    const exact = (from: number, to: number) => [at(from), expect.closeTo(at(to) - at(from), 6)];
    expect(seen).toEqual([
      ["serving", ...exact(0, 10)],
      ["draining", ...exact(10, 30)],
      ["starting", ...exact(30, 40)],
      ["ready", ...exact(40, 100)],
    ]);
  });

  test("marks when the new release begins to answer", () => {
    const pins = elements(svg, "path").filter((path) => path["class"] === "switch");
    expect(pins.map(({ d = "" }) => d.startsWith(`M${at(40) - 5} `))).toEqual([true]);
    expect(svg).toContain("<title>api-1: new release from 40.0 s</title>");
  });

  test("tells each status and its seconds to a pointer and to a screen reader", () => {
    expect(svg).toContain("<title>api-1: draining from 10.0 s to 30.0 s</title>");
    expect(svg).toContain(
      "api-1: serving from 0.0 s, draining from 10.0 s, starting from 30.0 s, ready from 40.0 s.</desc>",
    );
    expect(svg).toContain('role="img" aria-labelledby="timeline-title timeline-desc"');
  });

  test("keeps a status in sight that lasted no time one could see", () => {
    const blink = new Stream().status("api-1", "ejected").wait(0.001).status("api-1", "serving").wait(1000);
    blink.emit("locked", { hosts: 1 });
    const out = elements(timelineSvg({ events: blink.events, title: "" }), "rect").find(
      (box) => box["data-status"] === "ejected",
    );
    expect(numberOf(out ?? {}, "width")).toBe(1);
  });

  test("shows no switch for a host that went back to its old release", () => {
    expect(timelineSvg({ events: failure(), title: "" })).not.toContain('class="switch"');
  });
});

describe("the load below", () => {
  const load = steadyLoad(40, { startedAtMs: -5000, failures: { 8: 1, 9: 200 } });
  const svg = timelineSvg({ events: success(), load, title: "load" });

  test("has a bar a second, in place on the rollout's own axis", () => {
    const bars = elements(svg, "rect").filter((box) => box["class"] === "ok");
    const second = (EDGES.right - EDGES.left) / 40;
    expect(bars).toHaveLength(40);
    expect(numberOf(bars[0] ?? {}, "x")).toBe(EDGES.left);
    expect(numberOf(bars[5] ?? {}, "x")).toBe(EDGES.left + 5 * second);
  });

  test("shows one failure among 200 answers as plainly as a second of failures only", () => {
    const failed = elements(svg, "rect").filter((box) => box["class"] === "failed");
    expect(failed.map((box) => numberOf(box, "height") >= 3)).toEqual([true, true]);
    expect(elements(svg, "path").filter((path) => path["class"] === "failure-mark")).toHaveLength(2);
    expect(svg).toContain("<title>1 request of 200 failed in this second</title>");
  });

  test("is summed up in the heading, in red when anything failed", () => {
    expect(svg).toContain('fill="#c62828" font-size="13">2 hosts  ·  29.9 s  ·  8,000 requests sent, 201 failed');
    const fine = timelineSvg({ events: success(), load: steadyLoad(40), title: "load" });
    expect(fine).toContain('fill="#59636e" font-size="13">2 hosts  ·  29.9 s  ·  8,000 requests sent, 0 failed');
  });

  test("leaves a gap where nothing was answered", () => {
    const [first, second] = steadyLoad(2).perSecond;
    const silent = { second: 1, sent: 5, failed: 5, p50: null, p99: null };
    const perSecond = [first, silent, { ...second, second: 2 }] as (typeof silent)[];
    const drawn = timelineSvg({ events: [], load: { startedAtMs: 0, sent: 0, failed: 0, perSecond }, title: "" });
    const line = elements(drawn, "path").find((path) => path["stroke"] === "#1f6fc4")?.["d"] ?? "";
    expect(line.match(/M/g)).toHaveLength(3);
    expect(line).not.toContain("L");
  });
});

describe("the picture", () => {
  test("escapes titles and names, and drops what XML cannot hold", () => {
    const evil = `<script>alert("1")</script> & 'x'\u0007\ud800`;
    const svg = timelineSvg({ events: success([evil, "api-2"]), title: evil });
    expect(wellFormed(svg)).toBe("svg");
    expect(svg).not.toContain("<script");
    expect(svg).not.toContain("\u0007");
    expect(svg).not.toMatch(/\p{Surrogate}/u);
    expect(svg).toContain("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#39;x&#39;");
  });

  test("needs nothing from elsewhere: no script, link, font or style sheet", () => {
    const svg = timelineSvg({ events: success(), title: "x" });
    expect(svg).not.toMatch(/<script|<link|<image|@import|@font-face|href=|url\(/);
    expect(svg.replace("http://www.w3.org/2000/svg", "")).not.toContain("://");
  });

  test("names in its legend the statuses it shows and no others", () => {
    const svg = timelineSvg({ events: failure(), title: "x" });
    const words = [...svg.matchAll(/font-size="11">([a-z]+)<\/text>/g)].map(([, word]) => word);
    expect(words).toEqual(
      expect.arrayContaining(["waiting", "serving", "draining", "out", "starting", "failed", "restored"]),
    );
    expect(words).not.toContain("retired");
  });

  test("says where and why a rollout gave up", () => {
    expect(timelineSvg({ events: failure(), title: "x" })).toContain(">StepFailed at 15.8 s</text>");
  });

  test("keeps the number of a host whose name is too long for its column", () => {
    const svg = timelineSvg({ events: success(names(2, "a-very-long-name-of-a-production-host-")), title: "x" });
    expect(svg).toMatch(/>a-very-.*…[a-z-]*-1<\/text>/);
    expect(svg).toMatch(/>a-very-.*…[a-z-]*-2<\/text>/);
  });

  test.each(Object.keys(statusStyles) as HostStatus[])("has readable words on the colour of %s", (status) => {
    const { fill, text } = statusStyles[status];
    expect(contrast(fill, text)).toBeGreaterThanOrEqual(4.5);
  });
});
