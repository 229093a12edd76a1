/** Whether this machine can get the real providers, from wherever the user's own Terraform settings lead. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { exampleStack, synthesized } from "./stacks.js";
import { hasTerraform } from "./terraform.js";

/** A provider that has to be downloaded is large. */
const LIMIT_MS = 120_000;

/** Of every run of Terraform here: no look for newer versions, no hints, no questions. */
export const UNATTENDED = { CHECKPOINT_DISABLE: "1", TF_IN_AUTOMATION: "1", TF_INPUT: "0" };

/** Tries `terraform init` with the stack's providers and nothing else. Gives back why it fails; null when it does not. */
export function whyNoProvider(): string | null {
  if (!hasTerraform) return "there is no terraform command";
  const folder = mkdtempSync(path.join(tmpdir(), "evenkeel-provider-"));
  try {
    const { required_providers } = synthesized(exampleStack()).terraform;
    writeFileSync(path.join(folder, "main.tf.json"), JSON.stringify({ terraform: { required_providers } }));
    return whyInitFails(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function whyInitFails(folder: string): string | null {
  const { status, stderr } = spawnSync("terraform", ["init", "-no-color"], {
    ...{ cwd: folder, encoding: "utf8", timeout: LIMIT_MS },
    // Where nothing is to be had, that shows at once.
    env: { ...process.env, ...UNATTENDED, TF_REGISTRY_DISCOVERY_RETRY: "0" },
  });
  if (status === 0) return null;
  if (status === null) return `terraform init takes longer than ${LIMIT_MS / 1000} s`;
  return `terraform init: ${/Error: (.+)/.exec(stderr)?.[1] ?? `exit code ${status}`}`;
}
