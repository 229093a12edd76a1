/** One measured rollout: a simulated fleet, and the bundled rollout as the process that Terraform's provisioner starts. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { environmentNames } from "../../contract/manifest.js";
import { Watchdog } from "../embedded/watchdog.js";
import { LabFault } from "../fault.js";
import { noCommands, type Kind } from "./asked.js";
import type { ScaleRun } from "./figures.js";
import { SimFleet } from "./fleet.js";
import { Lateness } from "./lateness.js";
import { outcomeIn } from "./outcome.js";
import { readCpuTime } from "./proc.js";
import { manifestOf, releaseNumber, type ScaleSettings } from "./settings.js";
import { UsageWatch, type Usage } from "./usage.js";

/** No rollout may take longer; one that does is told to stop, and ended a minute later. */
const LIMIT_MS = 3_600_000;
const STOP_MS = 60_000;
/** Names every process of one run, for the watchdog. */
const MARK = "EVENKEEL_SCALE";

export interface RunOrder {
  readonly hosts: number;
  readonly settings: ScaleSettings;
  /** Path of the bundled rollout. */
  readonly bundle: string;
  /** Tells the rollout to stop. */
  readonly signal: AbortSignal;
  /** Folder in which the run makes its own and removes it. @default - the system's for such */
  readonly under?: string;
}

/**
 * Rolls release 2 out over a fleet that serves release 1. Nothing is left of it, however this process ends.
 * @throws LabFault when the fleet was asked something that it does not stand for
 */
export async function measuredRun(order: RunOrder): Promise<ScaleRun> {
  const folder = mkdtempSync(path.join(order.under ?? tmpdir(), "eks-"));
  const watchdog = new Watchdog(`${MARK}=${path.basename(folder)}`, folder);
  try {
    return await overFleet(order, folder);
  } finally {
    await watchdog.finish();
  }
}

async function overFleet(order: RunOrder, folder: string): Promise<ScaleRun> {
  const manifest = manifestOf(order.hosts, order.settings);
  const fleet = await SimFleet.start(manifest, order.settings, folder);
  try {
    // Nothing of the caller's: a token of DigitalOcean's would lead out of the lab.
    const environment = {
      PATH: process.env["PATH"] ?? "",
      [MARK]: path.basename(folder),
      ...fleet.environment(),
      [environmentNames.image]: releaseNumber(2, manifest).image,
      [environmentNames.startedBy]: "terraform",
    };
    return await measure(order, fleet, environment);
  } finally {
    await fleet.close();
  }
}

async function measure(order: RunOrder, fleet: SimFleet, environment: Record<string, string>): Promise<ScaleRun> {
  const lateness = new Lateness();
  const before = childrenCpu();
  const began = performance.now();
  const controller = start(order, fleet.stateFolder, environment);
  const watch = new UsageWatch(controller.pid ?? 0, fleet.stateFolder);
  const { exitCode = -1, stderr } = await controller;
  const seconds = (performance.now() - began) / 1000;
  const used = usedBy(watch.stop(), childrenCpu() - before);
  if (fleet.faults.length > 0) throw new LabFault(fleet.faults.join("\n"));
  const outcome = outcomeIn(fleet.stateFolder);
  if (!outcome) throw new Error(`the rollout left no receipt; its last words: ${stderr.slice(-1000)}`);
  const { hosts } = order;
  return { hosts, exitCode, ...outcome, seconds, ...used, ...seenBy(fleet), fleetLateMs: lateness.stop() };
}

/** In a folder of its own, by which its ssh processes are found. */
const start = ({ bundle, signal }: RunOrder, cwd: string, env: Record<string, string>) =>
  execa(process.execPath, [path.resolve(bundle), "deploy"], {
    ...{ cwd, env, extendEnv: false, stdin: "ignore", stdout: "ignore", reject: false },
    ...{ timeout: LIMIT_MS, forceKillAfterDelay: STOP_MS, cancelSignal: signal },
  });

/** Of this process's children that have ended, and of theirs: here the controller and all that it waited for. */
const childrenCpu = (): number => readCpuTime("self")?.children ?? 0;

/** @param waitedFor exact seconds of controller and clients together; what the last look missed is the controller's last work */
function usedBy({ controller, connectionsCpu, ...most }: Usage, waitedFor: number) {
  const clients = controller.children;
  return { cpu: { controller: waitedFor - clients, clients, connections: connectionsCpu }, ...most };
}

function seenBy(fleet: SimFleet) {
  const commands = noCommands();
  for (const host of fleet.hosts) {
    for (const kind of Object.keys(commands) as Kind[]) commands[kind] += host.commands[kind];
  }
  const connections = fleet.connections.map((tally) => tally.connections);
  return {
    commands,
    connections: connections.reduce((sum, count) => sum + count, 0),
    connectionsToOneHost: Math.max(...connections),
    refusedSessions: fleet.connections.reduce((sum, tally) => sum + tally.refusedSessions, 0),
  };
}
