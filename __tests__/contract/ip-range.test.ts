import { expect, test } from "@jest/globals";
import { overlap, prefixLength, range } from "../../contract/ip-range.js";

test.each([
  ["10.110.0.0/20", "10.110.16.0/20", false],
  ["10.110.0.0/20", "10.110.15.0/24", true],
  ["10.110.0.0/16", "10.110.240.0/20", true],
  ["10.110.0.0/20", "192.168.0.0/16", false],
  ["128.0.0.0/16", "128.0.255.0/24", true],
])("%s and %s overlap: %s", (one, other, expected) => {
  expect([overlap(one, other), overlap(other, one)]).toEqual([expected, expected]);
});

test("a range has an address and the length of its prefix", () => {
  expect(prefixLength("10.0.0.0/20")).toBe(20);
  expect(range.safeParse("10.0.0.0").success).toBe(false);
  expect(range.safeParse("10.0.0.300/20").success).toBe(false);
});
