/** The bench's page and its picture. */
import { describe, expect, it } from "@jest/globals";
import { benchPage } from "../../../lab/bench/page.js";
import { benchSvg } from "../../../lab/bench/plot.js";
import { exampleAttempt, examplePair, exampleHost, exampleSide, noFigures, withCell } from "./examples.js";
import { withAborted, withPair } from "../../../lab/bench/figures.js";

const measured = withCell(
  withCell(noFigures, { droplets: 2, interval: 3 }, [[60, 30]]),
  { droplets: 3, interval: 10 },
  [
    [240, 130],
    [250, 125],
    [260, 120],
  ],
);
const failing = withPair(
  measured,
  { droplets: 5, interval: 10 },
  { ...examplePair(400, 200), article: exampleSide(400, { failed: 1508 }) },
  [exampleHost("api-1")],
);

describe("the bench's page", () => {
  const page = benchPage(failing);

  it("has a line of times for each cell, with the spread where there is one", () => {
    expect(page).toContain("| 2 | 3 s | 1 | 60.0 | 6.0 | 30.0 | 3.0 | 20.0 | 0.50 |\n");
    expect(page).toContain(
      "| 3 | 10 s | 3 | 250.0 (240.0 to 260.0) | 25.0 (24.0 to 26.0) | 125.0 (120.0 to 130.0) | 12.5 (12.0 to 13.0) | 20.0 | 0.50 (0.46 to 0.54) |\n",
    );
  });

  it("says on the same page which claim its figures do not bear out", () => {
    expect(page).toContain("Every claim on this page holds.");
    const slow = withPair(failing, { droplets: 2, interval: 10 }, examplePair(100, 61), [exampleHost("api-1")]);
    expect(benchPage(slow)).toContain(
      "Claimed and not borne out:\n\n- 2 droplets at 10 s: Evenkeel took 0.61 of the article's time, more than 0.6\n",
    );
    expect(benchPage(slow)).not.toContain("Every claim");
  });

  it("has a line of what clients saw for each side, summed over the pairs", () => {
    expect(page).toContain("| 3 | 10 s | article | 3,000 | 0 | 300 | 0 | 5 | 0 | 50 | 0 | 125.0 (120.0 to 130.0) |\n");
    expect(page).toContain("| 5 | 10 s | article | 1,000 | 1,508 |");
    expect(page).toContain("| 5 | 10 s | Evenkeel | 1,000 | 0 |");
  });

  it("compares hosts with their floor", () => {
    expect(page).toContain("| 3 | 10 s | 6 | 4.0 | 3.5 | 6.0 | 5.5 | 11.0 | 10.0 | 0.10 |\n");
  });

  it("names the machine, and every day and commit that pairs were measured on", () => {
    expect(page).toContain("Example, 2 cores, 8 GB, Linux 6.1, Node v20.19.0; 2026-01-02; commit `abc`.");
    const later = { ...examplePair(60, 30), date: "2026-01-05T00:00:00.000Z", commit: "def" };
    expect(benchPage(withPair(failing, { droplets: 2, interval: 3 }, later, [exampleHost("api-1")]))).toContain(
      "; 2026-01-02, 2026-01-05; commit `abc`, `def`.",
    );
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

  it("has a bar for each side of each cell, as long as it took", () => {
    const [article, evenkeel] = [widthsOf("article"), widthsOf("evenkeel")];
    expect([article.length, evenkeel.length]).toEqual([3, 3]);
    const ratios = evenkeel.map((width, index) => Number((width / (article[index] ?? 1)).toFixed(2)));
    expect(ratios).toEqual([0.5, 0.5, 0.5]);
    expect(svg.match(/class="floor"/g)).toHaveLength(3);
  });

  it("says in words what it shows", () => {
    expect(svg).toContain("3 droplets, a probe every 10 s: the article 250 s, Evenkeel 125 s.");
    expect(svg).toContain("Evenkeel: 0 of 5,000 requests failed");
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
