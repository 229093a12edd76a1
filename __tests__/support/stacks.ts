/** Synthesized stacks for tests. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { App, TerraformStack } from "cdktf";
import { Testing } from "cdktf";
import type { FleetConfig } from "../../constructs/index.js";
import { ApiStack } from "../../constructs/index.js";
import type { Synthesized } from "./schema-check.js";

/** A file of the project, by its path from the root. */
export const projectFile = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

export const bundleFixture = projectFile("__tests__/fixtures/rollout-bundle.mjs");

/** A public key that belongs to nobody. */
export const publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEvenkeelTestsOnlyNoSuchKeyExistsAnywhere0 tests";

/** The smallest configuration that has all optional resources. */
export const exampleConfig: FleetConfig = { ssh: { publicKey, allowedCidrs: ["203.0.113.7/32"] } };

/** Cdktf makes a folder for every app and leaves it behind; tests read what is synthesized from memory. */
export function testApp(): App {
  const outdir = mkdtempSync(join(tmpdir(), "evenkeel-outdir-"));
  try {
    return Testing.app({ outdir });
  } finally {
    rmSync(outdir, { recursive: true });
  }
}

export function exampleStack(config: FleetConfig = {}, bundlePath = bundleFixture): ApiStack {
  return new ApiStack(testApp(), "api-production", { config: { ...exampleConfig, ...config }, bundlePath });
}

/** Parsed, because the text differs between cdktf and its fork in blanks only. */
export const synthesized = (stack: TerraformStack): Synthesized => JSON.parse(Testing.synth(stack)) as Synthesized;
