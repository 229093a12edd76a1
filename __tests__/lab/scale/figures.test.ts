import { describe, expect, test } from "@jest/globals";
import { scaleTable, totalCommands, totalCpu } from "../../../lab/scale/figures.js";
import { madeUpFigures as figures, madeUpRun as run } from "./support.js";

describe("the figures", () => {
  test("CPU is that of the controller, its clients and its connections", () => {
    expect(totalCpu(run(3, 100, 4))).toBe(6.5);
  });

  test("commands of all kinds count", () => {
    expect(totalCommands(run(3, 100, 4))).toBe(312);
  });
});

describe("the table", () => {
  const lines = scaleTable(figures([run(30, 200, 40), run(3, 100, 4), run(3, 110, 5)])).split("\n");
  const cells = (line: string | undefined): string[] => (line ?? "").split("|").map((cell) => cell.trim());
  const at = (line: string | undefined, title: string): string | undefined =>
    cells(line)[cells(lines[0]).indexOf(title)];

  test("has one line for each size, the smallest first", () => {
    expect(lines.slice(2, -1).map((line) => cells(line)[1])).toEqual(["3", "30"]);
  });

  test("says how many of the runs ended on their target", () => {
    const failed = { ...run(3, 100, 4), exitCode: 6, error: "HostTimeout: no end of a command" };
    const [, , line] = scaleTable(figures([run(3, 100, 4), failed])).split("\n");
    expect(at(line, "on target")).toBe("1 of 2");
  });

  test("shows least and most of several runs, and one number where they agree", () => {
    expect([at(lines[2], "rollout s"), at(lines[2], "CPU s"), at(lines[2], "open files")]).toEqual([
      "100 to 110",
      "6.5 to 7.5",
      "31",
    ]);
  });

  test("shows what a host costs", () => {
    expect([at(lines[3], "CPU s a host"), at(lines[3], "commands a host")]).toEqual(["1.42", "104"]);
  });

  test("is a table as Markdown has it", () => {
    expect(new Set(lines.slice(0, -1).map((line) => cells(line).length)).size).toBe(1);
    expect(lines[1]).toMatch(/^(\| --: )+\|$/);
  });
});
