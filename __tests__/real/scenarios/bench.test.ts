/** One pair of the bench: the article's procedure and Evenkeel's, on the same droplets under the same load. */
import { afterAll, beforeAll, expect, it, jest } from "@jest/globals";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { parseJson } from "../../../contract/problems.js";
import { benchFigures } from "../../../lab/bench/figures.js";
import { LIMIT_MS } from "../../support/real.js";

jest.setTimeout(LIMIT_MS);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "evenkeel-bench-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

it("one pair is measured: Evenkeel loses no request and takes less time than the article's procedure", async () => {
  const { exitCode, stderr } = await execa("npm", ["run", "--silent", "bench", "--", "--quick", "--out", folder], {
    reject: false,
    stdin: "ignore",
  });
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr });
  const { cells } = parseJson("bench.json", benchFigures, readFileSync(path.join(folder, "bench.json"), "utf8"));
  const pairs = cells.flatMap((cell) => cell.pairs);
  expect(pairs).toHaveLength(1);
  for (const { article, evenkeel } of pairs) {
    for (const { sent } of [article, evenkeel, evenkeel.secondTool]) expect(sent).toBeGreaterThan(0);
    expect([evenkeel.failed, evenkeel.secondTool.failed]).toEqual([0, 0]);
    expect(evenkeel.seconds).toBeLessThan(article.seconds);
  }
  expect(readFileSync(path.join(folder, "bench.svg"), "utf8")).toMatch(/^<svg /);
});
