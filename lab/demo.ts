/**
 * `npm run demo`: the stack is synthesized, a fleet and a balancer start as that JSON declares, version 1 is deployed, and
 * version 2 is rolled out under load by the very command that Terraform would run. `-- --break` rolls out a release that never
 * becomes healthy instead.
 */
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { execa } from "execa";
import { timelineSvg } from "../scripts/rollout/output/timeline/timeline.js";
import { embedded } from "./embedded/site.js";
import { startLoad, startUptimeCheck, type LoadReport } from "./load/load.js";
import { deploy, synthesize, type Deployment } from "./rehearsal.js";
import { startWorld, type World } from "./world.js";

/** Requests a second, and the share of them that takes a second and a half. */
const RATE_PER_SECOND = 250;
const SLOW_SHARE = 0.05;
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
  say(
    `\n4/4  ${options.breaks ? "a release that never becomes healthy" : "version 2"} under ${RATE_PER_SECOND} requests a second\n`,
  );
  const url = world.balancer.url();
  const load = await startLoad({ url, ratePerSecond: RATE_PER_SECOND, slowShare: SLOW_SHARE });
  const uptime = options.uptimeCheck ? await startUptimeCheck({ url, path: "/health" }) : null;
  const second = await deploy(world, { image, stackFolder, show: true });
  const report = await load.stop();
  const uptimeReport = await uptime?.stop();
  leaveBehind(options.out, second, report);
  say(`\n${second.stdout}`);
  tellLoad(report);
  if (uptimeReport)
    say(`uptime  ${uptimeReport.sent} checks of the health path through the balancer, ${uptimeReport.failed} failed`);
  return verdict(options, second, report);
}

function tellLoad(report: LoadReport): void {
  const rate = Math.round(report.sent / (report.durationMs / 1000));
  say(
    `load    ${report.sent} requests, ${rate} a second: ${report.failed} failed, slowest ordinary one ${Math.round(report.worstMs)} ms`,
  );
  for (const [kind, count] of Object.entries(report.failedByKind)) {
    const first = report.failures.find((failure) => failure.kind === kind);
    say(
      `        ${count} by ${kind}${first ? `, the first ${Math.round(first.atMs)} ms after the load began: ${JSON.stringify(first)}` : ""}`,
    );
  }
  say(
    `seen    ${Object.entries(report.byRelease)
      .map(([release, count]) => `${count} answers of release ${release}`)
      .join(", ")}`,
  );
  say("left    timeline.svg, receipt.json");
}

/** The picture and the receipt. */
function leaveBehind(out: string, { events, receipt }: Deployment, report: LoadReport): void {
  const [first] = events;
  const startedAtMs = first ? report.startedAtMs - (Date.parse(first.time) - first.elapsedMs) : 0;
  const title = "Evenkeel demo: two droplets, one rollout under load";
  writeFileSync(path.join(out, "timeline.svg"), timelineSvg({ events, load: { ...report, startedAtMs }, title }));
  writeFileSync(path.join(out, "receipt.json"), `${JSON.stringify(receipt, null, 2)}\n`);
}

function verdict(options: Options, { exitCode, receipt }: Deployment, report: LoadReport): number {
  const releases = Object.keys(report.byRelease).length;
  if (report.failed > 0) return failed(`${report.failed} requests failed`);
  if (options.breaks) {
    if (exitCode !== 3) return failed(`the bad release should have been refused with exit code 3, not ${exitCode}`);
    say("\nThe bad release was stopped before it touched a host that serves: exit code 3, 0 failed requests.");
    return 0;
  }
  if (exitCode !== 0) return failed(`the rollout ended with exit code ${exitCode}`);
  if (releases < 2) return failed("the load did not see both releases");
  if (receipt?.hosts.some((host) => host.action !== "replaced")) return failed("not every host was replaced");
  say("\nBoth droplets run version 2; not one request failed.");
  return 0;
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
