/** Everything that is needed to understand a failed soak, in a folder of its own. */
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Measured } from "../bench/measure.js";
import type { SiteDroplet } from "../site.js";
import type { World } from "../world.js";
import type { Rollouts } from "./run.js";

/** Of each container's log. */
const LOG_LINES = 1000;

/** Gives back the folder. The world must still stand. */
export async function keepEvidence(world: World, { result, load, span }: Measured<Rollouts>): Promise<string> {
  const folder = mkdtempSync(path.join(tmpdir(), "evenkeel-soak-"));
  const write = (name: string, text: string): void => writeFileSync(path.join(folder, name), text);
  const json = (name: string, value: unknown): void => write(name, `${JSON.stringify(value, null, 2)}\n`);
  json("load.json", load);
  json("span.json", span);
  json("balancer.json", { settings: world.balancer.settings, changes: world.balancer.changes });
  json("receipt.json", result.last?.receipt ?? null);
  write("events.jsonl", (result.last?.events ?? []).map((event) => `${JSON.stringify(event)}\n`).join(""));
  write("stdout.txt", result.last?.stdout ?? "");
  write("stderr.txt", result.last?.stderr ?? "");
  await Promise.all(world.droplets.map((droplet) => keepDroplet(droplet, path.join(folder, droplet.name))));
  return folder;
}

async function keepDroplet(droplet: SiteDroplet, folder: string): Promise<void> {
  mkdirSync(folder);
  const containers = await droplet.containers();
  writeFileSync(path.join(folder, "containers.json"), `${JSON.stringify(containers, null, 2)}\n`);
  for (const { name } of containers) {
    const lines = await droplet.logs(name, LOG_LINES);
    writeFileSync(path.join(folder, `${name}.log`), lines.map((line) => `${line}\n`).join(""));
  }
}
