/** How a demo ends: what was shown, what was lost, or that this machine was too busy to tell. Pure. */
import type { Receipt } from "../../scripts/rollout/core/receipt.js";
import { grouped, many } from "../../scripts/rollout/output/text.js";
import { isMeasured } from "../load/accounting.js";
import type { LoadReport } from "../load/load.js";

export interface Shown {
  /** The release never becomes healthy, and is to be taken back on the first host. */
  readonly breaks: boolean;
  readonly rollout: { readonly exitCode: number; readonly receipt: Pick<Receipt, "hosts"> | null };
  readonly load: Pick<LoadReport, "sent" | "failed" | "notMeasured" | "byRelease" | "endedEarly">;
  /** Null without an uptime check. */
  readonly uptime: Pick<LoadReport, "sent" | "failed" | "notMeasured"> | null;
}

/** shown: all is as it has to be · failed: it is not · not-measured: this machine was too busy, so that nobody knows */
export interface Verdict {
  readonly end: "shown" | "failed" | "not-measured";
  readonly text: string;
}

export const exitCodes: Readonly<Record<Verdict["end"], number>> = { shown: 0, failed: 1, "not-measured": 3 };

export function verdictOf({ breaks, rollout, load, uptime }: Shown): Verdict {
  const lost = load.failed + (uptime?.failed ?? 0);
  if (lost > 0) return failed(`${many(lost, "request")} that ${lost === 1 ? "was" : "were"} sent got no good answer`);
  const why = breaks ? whyNotTakenBack(rollout) : whyNotReplaced(rollout);
  if (why !== null) return failed(why);
  const gap = gapIn(load);
  if (gap !== null) return { end: "not-measured", text: `${gap}; end other work on this machine and run it again` };
  if (!breaks && Object.keys(load.byRelease).length < 2) return failed("the load did not see both releases");
  const answered = load.notMeasured === 0 ? "not one request failed" : "not one request that was sent failed";
  if (!breaks) return { end: "shown", text: `Both droplets run version 2; ${answered}.` };
  const text = `The bad release was taken back on its first host, and no other one was touched: exit code 5; ${answered}.`;
  return { end: "shown", text };
}

const failed = (text: string): Verdict => ({ end: "failed", text });

function whyNotTakenBack({ exitCode, receipt }: Shown["rollout"]): string | null {
  if (exitCode !== 5) return `the bad release should have been taken back with exit code 5, not ${exitCode}`;
  if (!receipt) return "the rollout left no receipt";
  const [first, ...others] = receipt.hosts.map(({ action }) => action).sort();
  if (first === "restored" && others.every((action) => action === "untouched")) return null;
  const hosts = receipt.hosts.map(({ name, action }) => `${name} is ${action}`).join(", ");
  return `one host should have been restored and none of the others touched: ${hosts}`;
}

function whyNotReplaced({ exitCode, receipt }: Shown["rollout"]): string | null {
  if (exitCode !== 0) return `the rollout ended with exit code ${exitCode}`;
  const left = receipt?.hosts.filter(({ action }) => action !== "replaced").map(({ name }) => name);
  if (left === undefined) return "the rollout left no receipt";
  return left.length === 0 ? null : `these hosts were not replaced: ${left.join(", ")}`;
}

/** What the load did not cover; null: enough was sent all the time. */
function gapIn({ sent, notMeasured, endedEarly }: Shown["load"]): string | null {
  if (endedEarly) return "the load came to its own limits before the rollout ended";
  if (isMeasured({ sent, notMeasured })) return null;
  return `only ${grouped(sent)} of ${many(sent + notMeasured, "request")} could be sent, too few to say that none is lost`;
}
