/** What figures were measured on, and with which state of the project. */
import os from "node:os";
import { execa } from "execa";
import { z } from "zod";

export const machineForm = z.object({
  /** Model of the processor. */
  cpu: z.string(),
  cores: z.int(),
  /** Gigabytes of 2^30 bytes. */
  memoryGb: z.number(),
  node: z.string(),
  kernel: z.string(),
});
export type Machine = z.output<typeof machineForm>;

export function thisMachine(): Machine {
  return {
    cpu: os.cpus()[0]?.model ?? "unknown",
    cores: os.availableParallelism(),
    memoryGb: Math.round(os.totalmem() / 2 ** 30),
    node: process.version,
    kernel: `${os.type()} ${os.release()}`,
  };
}

/** Of the project's folder; `-dirty` at its end tells of changes. "unknown" where the project was not checked out. */
export async function thisCommit(): Promise<string> {
  const project = new URL("../..", import.meta.url);
  const argv = ["describe", "--always", "--dirty", "--abbrev=40"];
  const { exitCode, stdout } = await execa("git", argv, { cwd: project, reject: false });
  return exitCode === 0 ? stdout : "unknown";
}
