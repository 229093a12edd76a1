/**
 * `npm run demo`: the stack is synthesized, a fleet and a balancer start as that JSON declares, version 1 is deployed, and
 * version 2 is rolled out under load by the very command that Terraform would run. A load before it finds the rate that this machine can
 * send and answer. `-- --break` rolls out a release that never becomes healthy instead. Exit codes: 0 shown · 1 a request was lost, or the
 * rollout did not end as it has to · 2 bad options · 3 not measured, as this machine is too busy · 128 and more: ended by a signal.
 */
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { execa } from "execa";
import { timelineSvg } from "../scripts/rollout/output/timeline/timeline.js";
import { inRotation } from "./bench/fleet.js";
import { lossLines } from "./demo/losses.js";
import { baselineLines, loadLines, uptimeLine } from "./demo/told.js";
import { exitCodes, verdictOf } from "./demo/verdict.js";
import { embedded } from "./embedded/site.js";
import { atRate, baseline, type Sent } from "./load/baseline.js";
import { startLoad, startUptimeCheck, type LoadReport } from "./load/load.js";
import { margin } from "./load/margin.js";
import { deploy, synthesize, type Deployment } from "./rehearsal.js";
import { startWorld, type World } from "./world.js";

/**
 * What clients send: one in twenty requests takes a second and a half. They wait for two minutes, so that an answer that comes late on
 * a busy machine is a slow one; one that never comes is lost.
 */
const SENT = { slowShare: 0.05, slowMs: 1500, timeoutMs: 120_000 };
/** Droplets answer SSH this late, and are done with cloud-init that much later. */
const BOOT = { sshDelayMs: 2000, cloudInitDelayMs: 2000 };

const usage = "usage: npm run demo -- [--break] [--nodes 1|2] [--uptime-check] [--out <folder that is there>]";

interface Options {
  readonly breaks: boolean;
  readonly nodes: number;
  readonly uptimeCheck: boolean;
  /** Folder for the picture and the receipt. */
  readonly out: string;
}

function readOptions(argv: string[]): Options | null {
  try {
    const { values } = parseArgs({
      args: argv,
      options: {
        break: { type: "boolean" },
        nodes: { type: "string" },
        "uptime-check": { type: "boolean" },
        out: { type: "string" },
      },
    });
    const nodes = Number(values.nodes ?? "1");
    if (nodes !== 1 && nodes !== 2) return null;
    accessSync(values.out ?? ".", constants.W_OK);
    return {
      breaks: values.break ?? false,
      nodes,
      uptimeCheck: values["uptime-check"] ?? false,
      out: values.out ?? ".",
    };
  } catch {
    return null;
  }
}

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const tell = (lines: readonly string[]): void => lines.forEach(say);

/** What the demo cannot do without; both are on every desktop Linux and macOS. */
async function missingPrograms(): Promise<string[]> {
  const found = await Promise.all(
    [
      ["ssh", "-V"],
      ["curl", "--version"],
    ].map(async ([program = "", option = ""]) =>
      (await execa(program, [option], { reject: false })).exitCode === 0 ? [] : [program],
    ),
  );
  return found.flat();
}

async function main(options: Options): Promise<number> {
  const folder = mkdtempSync(path.join(tmpdir(), "evenkeel-demo-"));
  let world: World | undefined;
  try {
    say("1/4  synthesizing the stack of lab/demo.config.ts");
    const stack = await synthesize("lab/demo.config.ts", folder);
    say("2/4  starting two droplets and a load balancer as the JSON declares them");
    world = await startWorld({
      stackJson: stack.json,
      site: embedded(BOOT),
      options: { balancer: { nodes: options.nodes } },
    });
    stopOnSignals(world, folder);
    say("3/4  first deploy, onto empty droplets that still boot\n");
    const first = await deploy(world, {
      image: await world.pushReference("v1"),
      stackFolder: stack.folder,
      show: true,
    });
    if (first.exitCode !== 0) return failed("the first deploy failed", first);
    return await underLoad(world, stack.folder, options);
  } finally {
    await world?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function underLoad(world: World, stackFolder: string, options: Options): Promise<number> {
  const image = await (options.breaks ? world.pushBroken("never-healthy") : world.pushReference("v2"));
  const url = world.balancer.url();
  const ratePerSecond = await findRate(world, { ...SENT, url });
  if (ratePerSecond === null) return notMeasured();
  say(`\n4/4  ${options.breaks ? "a release that never becomes healthy" : "version 2"} under that load\n`);
  const load = await startLoad(atRate({ ...SENT, url }, ratePerSecond));
  const uptime = options.uptimeCheck ? await startUptimeCheck({ url, path: "/health" }) : null;
  await margin(load, ratePerSecond);
  const second = await deploy(world, { image, stackFolder, show: true });
  await margin(load, ratePerSecond);
  const reports = { load: await load.stop(), uptime: (await uptime?.stop()) ?? null };
  leaveBehind(options.out, second, reports.load);
  return conclude(options, second, reports, world);
}

/** Null when this machine is too busy for any. Overload may have cost a host its place: it is waited for. */
async function findRate(world: World, sent: Sent): Promise<number | null> {
  say("\n     looking for the rate that this machine can send and answer");
  const signal = new AbortController().signal;
  await inRotation(world, signal);
  const found = await baseline(sent);
  tell(baselineLines(found));
  if (found.ratePerSecond !== null) await inRotation(world, signal);
  return found.ratePerSecond;
}

function notMeasured(): number {
  say("\nNot measured: this machine is too busy for even the lowest rate; end other work on it and run it again.");
  return exitCodes["not-measured"];
}

interface Reports {
  readonly load: LoadReport;
  /** Null without an uptime check. */
  readonly uptime: LoadReport | null;
}

function conclude(options: Options, rollout: Deployment, { load, uptime }: Reports, world: World): number {
  const surroundings = {
    ...{ nodes: world.balancer.settings.nodes, changes: world.balancer.changes },
    events: rollout.events,
  };
  say(`\n${rollout.stdout}`);
  tell(loadLines(load));
  if (uptime) tell([uptimeLine(uptime)]);
  tell(["left     timeline.svg, receipt.json", ""]);
  for (const report of [load, ...(uptime ? [uptime] : [])]) tell(lossLines(report, surroundings));
  const { end, text } = verdictOf({ breaks: options.breaks, rollout, load, uptime });
  if (end === "failed") failed(text);
  else say(end === "shown" ? text : `Not measured: ${text}.`);
  return exitCodes[end];
}

/** The picture and the receipt. */
function leaveBehind(out: string, { events, receipt }: Deployment, report: LoadReport): void {
  const [first] = events;
  const startedAtMs = first ? report.startedAtMs - (Date.parse(first.time) - first.elapsedMs) : 0;
  const title = "Evenkeel demo: two droplets, one rollout under load";
  writeFileSync(path.join(out, "timeline.svg"), timelineSvg({ events, load: { ...report, startedAtMs }, title }));
  writeFileSync(path.join(out, "receipt.json"), `${JSON.stringify(receipt, null, 2)}\n`);
}

function failed(why: string, deployment?: Deployment): number {
  process.stderr.write(`demo failed: ${why}\n${deployment?.stdout ?? ""}\n`);
  return 1;
}

function stopOnSignals(world: World, folder: string): void {
  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const) {
    process.once(signal, () => {
      void world.stop().finally(() => {
        rmSync(folder, { recursive: true, force: true });
        process.exit(code);
      });
    });
  }
}

const options = readOptions(process.argv.slice(2));
const missing = await missingPrograms();
if (!options) {
  process.stderr.write(`${usage}\n`);
  process.exitCode = 2;
} else if (missing.length > 0) {
  process.stderr.write(`the demo needs ${missing.join(" and ")}: install openssh-client and curl\n`);
  process.exitCode = 2;
} else {
  process.exitCode = await main(options);
}
