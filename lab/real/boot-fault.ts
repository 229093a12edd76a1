/** What went wrong at a droplet's boot. */
import { existsSync, readFileSync } from "node:fs";
import { z } from "zod";
import type { Machine } from "./machine.js";

/** @see https://cloudinit.readthedocs.io/en/22.4.2/topics/debugging.html result.json: what is left of a boot */
const resultFile = z.object({ v1: z.object({ errors: z.array(z.string()) }) });

const RESULT = "/run/cloud-init/result.json";
const OUTPUT_LINES = 10;

/** Null when cloud-init reports no error and nothing was asked of the lab's systemctl that it does not know. */
export function bootFault(machine: Machine): string | null {
  const read = (file: string): string => readFileSync(machine.path(file), "utf8");
  if (existsSync(machine.path("/lab/faults"))) return read("/lab/faults").trim();
  if (!existsSync(machine.path(RESULT))) return `cloud-init left no ${RESULT}`;
  const { errors } = resultFile.parse(JSON.parse(read(RESULT))).v1;
  if (errors.length === 0) return null;
  const output = read("/var/log/cloud-init-output.log").trim().split("\n").slice(-OUTPUT_LINES);
  return [...errors, ...output].join("\n");
}
