import { readWorkers } from "../../../lab/real/haproxy-processes.js";

/** As HAProxy 2.6.12 printed it. */
const printed = (failed: number, ...lines: readonly string[]): string =>
  [
    "#<PID>          <type>          <reloads>       <uptime>        <version>      ",
    `24458           master          ${failed + 1} [failed: ${failed}]   0d00h00m06s     2.6.12-1+deb12u4`,
    "# workers",
    ...lines,
    "# programs",
    "",
    "",
  ].join("\n");

const CURRENT = "29099           worker          0               0d00h00m00s     2.6.12-1+deb12u4";
const OLD = "24563           worker          1               0d00h00m06s     2.6.12-1+deb12u4";

test("the worker that serves, and those that only end what they have", () => {
  expect(readWorkers(printed(0, CURRENT))).toEqual({ current: 29099, old: [], refused: 0 });
  expect(readWorkers(printed(0, CURRENT, "# old workers", OLD))).toEqual({ current: 29099, old: [24563], refused: 0 });
});

test("configurations that were refused in a row", () => {
  expect(readWorkers(printed(2, CURRENT)).refused).toBe(2);
});

test("none while the master begins anew", () => {
  expect(readWorkers(printed(0, "# old workers", OLD))).toEqual({ current: null, old: [24563], refused: 0 });
  expect(readWorkers("")).toEqual({ current: null, old: [], refused: 0 });
});
