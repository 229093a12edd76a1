import { readStats } from "../../../lab/real/haproxy-stats.js";

const csv = (...rows: readonly string[]): string => ["# pxname,svname,scur,stot,status,", ...rows, ""].join("\n");

test.each([
  ["UP", true],
  ["UP 1/2", true],
  ["DOWN", false],
  ["DOWN 1/2", false],
  ["MAINT", false],
  ["DRAIN", false],
])("a server that is %s gets new requests: %s", (status, inRotation) => {
  expect(readStats(csv(`fleet,17,2,4,${status},`))).toEqual([{ name: "17", inRotation, requests: 4, inFlight: 2 }]);
});

test("every server is listed, in any order of columns", () => {
  const text = "# svname,status,stot,scur,\n17,UP,1,0,\n18,DOWN,0,0,\n\n";
  expect(readStats(text).map(({ name }) => name)).toEqual(["17", "18"]);
});

test("a backend without servers has none", () => {
  expect(readStats(csv())).toEqual([]);
});

test("fails for anything but statistics", () => {
  expect(() => readStats("Unknown command: 'show stat'\nhelp\n")).toThrow();
  expect(() => readStats(csv("fleet,17,0,many,UP,"))).toThrow();
});
