/** The bench's page and its picture. */
import { describe, expect, it } from "@jest/globals";
import { withAborted, type BenchFigures } from "../../../lab/bench/figures.js";
import { benchPage } from "../../../lab/bench/page.js";
import { benchSvg } from "../../../lab/bench/plot.js";
import { exampleAttempt, exampleRound, noFigures, withCell } from "./examples.js";

const small = { droplets: 2, interval: 3 };
const measured = withCell(
  withCell(noFigures, small, exampleRound([60, 33, 12])),
  { droplets: 3, interval: 10 },
  exampleRound([240, 34, 21]),
  exampleRound([250, 33, 20], { handoff: { p999Ms: 30, worstMs: 95 } }),
  exampleRound([260, 32, 22]),
);
const failing = withCell(
  measured,
  { droplets: 5, interval: 10 },
  exampleRound([400, 34, 20], { article: { failed: 1508 } }),
);

describe("the bench's page", () => {
  const page = benchPage(failing);

  it("has a line of times for each cell, with the spread where there is one", () => {
    expect(page).toContain("| 2 | 3 s | 1 | 60.0 | 6.0 | 33.0 | 3.3 | 30.0 | 0.55 | 12.0 | 0.20 |\n");
    expect(page).toContain(
      "| 3 | 10 s | 3 | 250.0 (240.0 to 260.0) | 25.0 (24.0 to 26.0) | 33.0 (32.0 to 34.0) | 3.3 (3.2 to 3.4) | 30.0 | 0.13 (0.12 to 0.14) | 21.0 (20.0 to 22.0) | 0.08 (0.08 to 0.09) |\n",
    );
  });

  it("says on the same page which claim its figures do not bear out", () => {
    expect(page).toContain("Every claim on this page holds.");
    const slow = benchPage(withCell(failing, { droplets: 3, interval: 3 }, exampleRound([100, 34, 16])));
    expect(slow).toContain(
      "Claimed and not borne out:\n\n- 3 droplets at 3 s, handoff: it took 16.0 s, more than 15.0 s\n",
    );
    expect(slow).not.toContain("Every claim");
  });

  it("has the phases of either of Evenkeel's rollouts, those outside the hosts added up", () => {
    expect(page).toMatch(/\| outside the hosts s \| hosts s \|\n/);
    expect(page).toContain("| 2 | 3 s | handoff | 0.5 | 0.5 | 0.3 | 0.8 | 1.0 | 0.5 | 0.5 | 0.3 | 0.8 | 5.0 | 7.0 |\n");
    expect(page).toContain("| 5.0 | 28.0 (27.0 to 29.0) |\n");
  });

  it("has the first host that is handed over apart from the others", () => {
    expect(page).toContain("| 3 | 10 s | 6.0 | 2.8 (2.5 to 3.0) | 6.0 |\n");
    expect(page).toContain("Claimed: each after the first one is handed over within 4 s.");
    const atOnce: BenchFigures = { ...measured, settings: { ...measured.settings, atOnce: true } };
    expect(benchPage(atOnce)).toContain("Claimed: those after the first one are handed over at once, all within 8 s.");
  });

  it("compares hosts that are drained with their floor", () => {
    expect(page).toContain("| 3 | 10 s | 9 | 4.0 | 3.5 | 6.0 | 5.5 | 11.0 | 10.0 |\n");
  });

  it("has a line of what clients saw for each rollout, summed over the rounds, and none of stops where there are none", () => {
    expect(page).toContain("| 3 | 10 s | article | 3,000 | 0 | 300 | 0 | 0 | 125.0 (120.0 to 130.0) |\n");
    expect(page).toContain("| 5 | 10 s | article | 1,000 | 1,508 |");
    expect(page).toContain("| 5 | 10 s | handoff | 1,000 | 0 | 100 | 0 | – | 0.0 |\n");
  });

  it("has the latencies during a handoff beside those during the start of an unrelated container", () => {
    expect(page).toContain("| 3 | 10 s | handoff | 2 | 5 | 20 (20 to 30) | 50 (50 to 95) | 0 | 3,000 | 0 |\n");
    expect(page).toContain("| 3 | 10 s | unrelated container | 2 | 5 | 15 | 50 | 0 | 1,200 | 0 |\n");
  });

  it("names the machine, and every day and commit that rounds were measured on", () => {
    expect(page).toContain("Example, 2 cores, 8 GB, Linux 6.1, Node v20.19.0; 2026-01-02; commit `abc`.");
    const later = { ...exampleRound([60, 33, 12]), date: "2026-01-05T00:00:00.000Z", commit: "def" };
    expect(benchPage(withCell(failing, small, later))).toContain("; 2026-01-02, 2026-01-05; commit `abc`, `def`.");
  });

  it("does not keep attempts quiet that did not come to their end", () => {
    expect(benchPage(withAborted(failing, exampleAttempt))).toContain("Attempts that did not come to their end: 1.");
    expect(page).toContain("Attempts that did not come to their end: 0.");
  });
});

describe("the bench's picture", () => {
  const svg = benchSvg(failing);
  const widthsOf = (side: string): number[] =>
    [...svg.matchAll(new RegExp(`<rect class="${side}"[^>]* width="([0-9.]+)"`, "g"))].map(([, width]) =>
      Number(width),
    );

  it("has a bar for each rollout of each cell, as long as it took", () => {
    const [article, handoff] = [widthsOf("article"), widthsOf("handoff")];
    expect([article.length, widthsOf("drain").length, handoff.length]).toEqual([3, 3, 3]);
    const ratios = handoff.map((width, index) => Number((width / (article[index] ?? 1)).toFixed(2)));
    expect(ratios).toEqual([0.2, 0.08, 0.05]);
    expect(svg.match(/class="floor"/g)).toHaveLength(3);
  });

  it("says in words what it shows", () => {
    expect(svg).toContain("3 droplets, a probe every 10 s: the article 250 s, drain 33 s, handoff 21 s.");
    expect(svg).toContain("Evenkeel: 0 of 10,000 requests failed");
    expect(svg).toContain("400 s, 1,508 failed");
  });

  it("is the same for the same figures, and has its own background", () => {
    expect(benchSvg(failing)).toBe(svg);
    expect(svg).toContain('fill="#ffffff"');
  });

  it("can be drawn before anything is measured", () => {
    expect(benchSvg(noFigures)).toContain("</svg>");
  });
});
