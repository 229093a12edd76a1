import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { check } from "prettier";
import { registry } from "../../../scripts/rollout/core/events.js";
import { eventsPage } from "../../../scripts/rollout/output/events-page.js";

describe("the page of events", () => {
  const page = eventsPage();

  test("has every code once in its table and once as a section, ordered by number", () => {
    const rows = [...page.matchAll(/^\| `(ROLLOUT_[IWE]\d{4})` \| (\w+) +\| (\w+) +\|$/gm)].map((match) =>
      match.slice(1),
    );
    const expected = Object.entries(registry).map(([name, { code, level }]) => [code, level, name]);
    expect(rows).toHaveLength(expected.length);
    expect(rows).toEqual(expect.arrayContaining(expected));
    const numbers = rows.map(([code = ""]) => Number(code.slice(-4)));
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    for (const [name, { code }] of Object.entries(registry)) expect(page).toContain(`\n### ${code} ${name}\n`);
  });

  test("shows an example of message and data", () => {
    expect(page).toContain(
      "- message: `out of rotation after 6.2 s, 2 probes (floor 2); 20 witness requests went elsewhere`\n" +
        '- data: `{"seconds":6.2,"probes":{"taken":2,"floor":2},"witness":20}`',
    );
  });

  test("is the committed docs/events.md", () => {
    expect(readFileSync("docs/events.md", "utf8")).toBe(page);
  });

  test("is formatted as the formatter would, so that the committed file stays equal to it", async () => {
    expect(await check(page, { parser: "markdown", printWidth: 120 })).toBe(true);
  });
});
