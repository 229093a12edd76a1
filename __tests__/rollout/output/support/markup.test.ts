import { expect, test } from "@jest/globals";
import { contrast, wellFormed } from "./markup.js";

test.each([
  "<a>",
  "<a></b>",
  "<a/><b/>",
  "<a>&</a>",
  '<a b="1" b="2"/>',
  "<a b='1'/>",
  "<a b=1/>",
  "<a><</a>",
  "x<a/>",
  "",
])("the reader of markup refuses %s", (markup) => {
  expect(() => wellFormed(markup)).toThrow();
});

test("the reader of markup takes what is well-formed", () => {
  expect(wellFormed('<a x1="&quot;"><b/>text &amp; more<c></c></a>\n')).toBe("a");
});

test("black on white has the highest contrast there is", () => {
  expect(contrast("#000000", "#ffffff")).toBeCloseTo(21);
});
