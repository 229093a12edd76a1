/** The receipt for people: a table a host a row, and what became of the rollout. */
import { exitCodes, type ExitCode } from "../core/errors.js";
import type { HostReceipt, ProbeCount, Receipt } from "../core/receipt.js";
import { type Column, cleanLines, many, oneLine, seconds, textTable } from "./text.js";

/** Above this many hosts, those with nothing to tell share one line. */
const LISTED_HOSTS = 12;
const NAMES_SHOWN = 5;

/** What each exit code says about the fleet. */
export const exitMeaning: Readonly<Record<ExitCode, string>> = {
  [exitCodes.onTarget]: "the fleet is on its target",
  [exitCodes.bug]: "a bug in the rollout; run `rollout status` before anything else",
  [exitCodes.badInput]: "the input cannot be used; no container and no rotation was changed",
  [exitCodes.preflightRefused]: "refused before the start; no container and no rotation was changed",
  [exitCodes.locked]: "another rollout holds the lock; no container and no rotation was changed",
  [exitCodes.failedRestored]: "failed; each changed host is as before, or on the release that served before",
  [exitCodes.failedMixed]: "failed; a host is not as before, or nobody knows what it runs: look at the hosts above",
  [exitCodes.preDeployFailed]: "the pre-deploy command failed; no container and no rotation was changed",
  [exitCodes.interrupted]: "interrupted; run it again to converge",
};

/** In a column that says nothing of a host. */
const NONE = "-";

/** `3 (floor 2)`: probes taken, and the least possible. */
export const probeText = (count: ProbeCount | null): string => (count ? `${count.taken} (floor ${count.floor})` : NONE);

/** The receipt as lines of text; the outcome comes last, where Terraform and CI cut least. */
export function receiptText(receipt: Receipt): string {
  const { listed, grouped } = listedHosts(receipt.hosts);
  const table = listed.length > 0 ? textTable(hostColumns(listed)) : [];
  const blocks = [
    [...table, ...grouped],
    [...factLines(receipt), ...errorLines(receipt), outcomeLine(receipt)],
  ];
  const lines = blocks.filter((block) => block.length > 0).map((block) => block.join("\n"));
  return `${lines.join("\n\n")}\n`;
}

/** The same without the table, for the end of a log. */
export function summaryLines(receipt: Receipt): string[] {
  return [
    `hosts    ${actionCounts(receipt.hosts)}`,
    ...factLines(receipt),
    ...errorLines(receipt),
    outcomeLine(receipt),
  ];
}

/** Actions after which somebody wants to know which hosts it was. */
const NAMED: ReadonlySet<HostReceipt["action"]> = new Set(["restored", "skipped", "unknown"]);

/** How many hosts were replaced, kept, …, such as `2 replaced, 1 kept`; names where something went wrong. */
export function actionCounts(hosts: readonly HostReceipt[]): string {
  const groups = byAction(hosts).map(([action, names]) =>
    NAMED.has(action) ? `${action} ${nameList(names)}` : `${names.length} ${action}`,
  );
  return groups.join(", ") || "none";
}

/** A table's columns; those of drains, cuts and outages only where there was one. */
export function hostColumns(hosts: readonly HostReceipt[]): Column[] {
  const column = (title: string, text: (host: HostReceipt) => string): Column => ({
    title,
    align: title === "host" || title === "action" ? "left" : "right",
    values: hosts.map(text),
  });
  const always = [
    column("host", ({ name }) => oneLine(name)),
    column("action", ({ action }) => action),
    column("seconds", (host) => host.seconds.toFixed(1)),
  ];
  const sometimes = [
    column("floor seconds", ({ floorSeconds }) => floorSeconds?.toFixed(1) ?? NONE),
    column("drain probes", ({ drain }) => probeText(drain)),
    column("readmission probes", ({ readmission }) => probeText(readmission)),
    column("cut", ({ cut }) => (cut > 0 ? String(cut) : NONE)),
    column("outage", ({ outageSeconds }) => (outageSeconds === null ? NONE : seconds(outageSeconds))),
  ];
  return [...always, ...sometimes.filter(({ values }) => values.some((value) => value !== NONE))];
}

/** What was sent through the balancer by the rollout itself, and how it ended. */
export function witnessText({ witness }: Receipt): string {
  if (witness.reachable === null) return "nothing was sent";
  if (!witness.reachable) return "the balancer cannot be reached from here; waited a fixed number of intervals";
  return `${many(witness.sent, "request")} sent, ${witness.failed} failed`;
}

/** The exit code with its meaning. */
export function outcomeText({ exitCode, release }: Receipt): string {
  const nothingToDo = exitCode === exitCodes.onTarget && release === null;
  return `exit code ${exitCode}: ${nothingToDo ? "there is no release to roll out" : exitMeaning[exitCode]}`;
}

function factLines(receipt: Receipt): string[] {
  const { release } = receipt;
  return [
    `witness  ${witnessText(receipt)}`,
    `release  ${release ? `${oneLine(release.id)} (${oneLine(release.image)})` : "none"}`,
    `rollout  ${receipt.runId} of ${oneLine(receipt.fleet)}, ${seconds(receipt.seconds)}`,
  ];
}

function errorLines({ error }: Receipt): string[] {
  if (!error) return [];
  return cleanLines(`${error.code}: ${error.message}`).map((line, index) =>
    index ? `         | ${line}` : `error    ${line}`,
  );
}

const outcomeLine = (receipt: Receipt): string => `result   ${outcomeText(receipt)}`;

function listedHosts(hosts: readonly HostReceipt[]): { listed: HostReceipt[]; grouped: string[] } {
  if (hosts.length <= LISTED_HOSTS) return { listed: [...hosts], grouped: [] };
  const quiet = ({ action }: HostReceipt): boolean => action === "kept" || action === "untouched";
  const grouped = byAction(hosts.filter(quiet)).map(([action, names]) => `${action}: ${nameList(names)}`);
  return { listed: hosts.filter((host) => !quiet(host)), grouped };
}

function byAction(hosts: readonly HostReceipt[]): [HostReceipt["action"], string[]][] {
  const groups = new Map<HostReceipt["action"], string[]>();
  for (const { action, name } of hosts) groups.set(action, [...(groups.get(action) ?? []), oneLine(name)]);
  return [...groups];
}

function nameList(names: readonly string[]): string {
  const more = names.length - NAMES_SHOWN;
  return names.slice(0, NAMES_SHOWN).join(", ") + (more > 0 ? ` and ${more} more` : "");
}
