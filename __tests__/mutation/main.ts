/**
 * `npm run test:mutation`: puts each bug of mutations.ts into the code, one at a time, and runs the tests that have to find it. Nothing is
 * written to the tree: the bug is put in while Jest reads the file (support/esbuild-transform.mjs).
 */
import { execa } from "execa";
import { mutations, type Mutation } from "./mutations.js";

/** Simulation and decisions: what runs in seconds. */
const SUITES = ["__tests__/sim", "__tests__/rollout/core"];
/** Schedules of the property suite for each bug. */
const RUNS = "120";

/** Whether a test failed. That the bug fits the code is tested in every run: mutations.test.ts. */
const found = ({ file, find, replace, suites = SUITES }: Mutation): Promise<boolean> =>
  fails(suites, { EVENKEEL_MUTATION: JSON.stringify({ file, find, replace }) });

/** @throws Error when no test ran */
async function fails(suites: readonly string[], environment: Readonly<Record<string, string>>): Promise<boolean> {
  const jest = ["--experimental-vm-modules", "node_modules/jest/bin/jest.js", "--selectProjects", "unit", "--bail"];
  const { exitCode, stderr } = await execa("node", [...jest, ...suites], {
    reject: false,
    env: { ...environment, EVENKEEL_SCHEDULES: RUNS },
  });
  if (!/^Tests: .* total$/m.test(stderr)) throw new Error(`no test ran\n${stderr}`);
  return exitCode !== 0;
}

const only = process.argv.slice(2);
let missed = 0;
for (const suites of [
  SUITES,
  ["__tests__/mutation"],
  ...mutations.flatMap((mutation) => (mutation.suites ? [mutation.suites] : [])),
])
  if (await fails(suites, {})) throw new Error(`${suites.join(" ")} fails without any bug: nothing could be concluded`);
const chosen = mutations.filter(({ title }) => only.every((word) => title.includes(word)));
for (const mutation of chosen) {
  const ok = await found(mutation);
  if (!ok) missed += 1;
  process.stdout.write(`${ok ? "found" : "NOT FOUND"}: ${mutation.title}\n`);
}
process.stdout.write(`${missed} of ${chosen.length} bugs were not found\n`);
process.exitCode = missed === 0 ? 0 : 1;
