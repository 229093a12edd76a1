/** One process of `npm run test:schedules`: does its share, and writes one line of JSON. Argument: the share. */
import fc from "fast-check";
import { added, type Coverage } from "./coverage.js";
import { draw, outcomeOf, type Draw } from "./property.js";
import { order, type Order, type Report } from "./share.js";

const share = order.parse(JSON.parse(process.argv[2] ?? ""));
process.stdout.write(`${JSON.stringify(await perform(share))}\n`);

async function perform({ seed, schedules, path }: Order): Promise<Report> {
  let coverage: Coverage = {};
  let sent = 0;
  const property = fc.asyncProperty(draw, async (drawn) => {
    const { broken, struck, sent: requests } = await outcomeOf(drawn);
    sent += requests;
    for (const cell of struck) coverage = added(coverage, { [cell]: 1 });
    return broken.length === 0;
  });
  const result = await fc.check(property, { seed, numRuns: schedules, ...(path ? { path } : {}) });
  const failure = result.failed ? await told(result.counterexample?.[0], result.seed, result.counterexamplePath) : null;
  return { schedules: result.numRuns, sent, coverage, failure };
}

async function told(drawn: Draw | undefined, seed: number, path: string | null): Promise<Report["failure"]> {
  if (!drawn) throw new Error("a failure without a schedule");
  const { broken } = await outcomeOf(drawn);
  return { seed, path: path ?? "", broken: [...broken], drawn: fc.stringify(drawn) };
}
