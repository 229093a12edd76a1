import { describe, expect, test } from "@jest/globals";
import {
  cells,
  cleanLines,
  cut,
  cutStart,
  fit,
  grouped,
  many,
  oneLine,
  textTable,
} from "../../../scripts/rollout/output/text.js";

describe("text on its way to people", () => {
  test("loses colours, cursor moves, window titles and other control characters", () => {
    expect(cleanLines("\u001b[31mred\u001b[0m \u001b]0;title\u0007\u001b[2Jx\u0000\u0008y")).toEqual(["red xy"]);
  });

  test("loses characters that turn the writing direction around", () => {
    expect(oneLine("safe\u202egnp.exe")).toBe("safegnp.exe");
  });

  test("ends a line at a carriage return, so that a progress bar leaves lines", () => {
    expect(cleanLines("10 %\r20 %\r\ndone\n")).toEqual(["10 %", "20 %", "done", ""]);
  });

  test("measures wide and combining characters in cells", () => {
    expect([cells("api-1"), cells("容器"), cells("e\u0301"), cells("🚀")]).toEqual([5, 4, 1, 2]);
  });

  test("is never cut to more than the width, also within wide characters", () => {
    expect(cut("容器容器", 4)).toBe("容…");
    expect(cut("abc", 3)).toBe("abc");
    expect(cut("abcd", 3)).toBe("ab…");
    expect(cut("abcd", 0)).toBe("");
  });

  test("keeps the end of a host's name, where names differ", () => {
    expect([cutStart("production-api-12", 8), cutStart("api-1", 8)]).toEqual(["…-api-12", "api-1"]);
  });

  test("is filled on the side that its alignment says", () => {
    expect([fit("ab", 4), fit("ab", 4, "right"), fit("abcde", 4)]).toEqual(["ab  ", "  ab", "abc…"]);
  });

  test("writes counts the same in every locale", () => {
    expect([grouped(1234567), many(1, "host"), many(2000, "host")]).toEqual(["1,234,567", "1 host", "2,000 hosts"]);
  });

  test("makes a table whose columns are as wide as their widest value", () => {
    const table = textTable([
      { title: "host", align: "left", values: ["api-1", "a"] },
      { title: "s", align: "right", values: ["1.0", "12.5"] },
    ]);
    expect(table).toEqual(["host      s", "api-1   1.0", "a      12.5"]);
  });
});
