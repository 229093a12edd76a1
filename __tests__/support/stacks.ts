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

const DROPLET = "digitalocean_droplet";
/** What stands for the helper's content in the user data: all up to the next file. */
const HELPER = /(- path: \S+\/evenkeel-front\n.*\n +content: )\|[^]*?(?=\n {2}- path: )/;

/** The same for a snapshot, with the name of the front's helper in place of its text a droplet: cloud-init.test.ts looks at those. */
export function pictured(stack: Synthesized): Synthesized {
  const droplets = Object.entries(stack.resource[DROPLET] ?? {}).map(([name, droplet]) => {
    const user_data = String(droplet["user_data"]).replace(HELPER, "$1constructs/front/evenkeel-front");
    return [name, { ...droplet, user_data }] as const;
  });
  return { ...stack, resource: { ...stack.resource, [DROPLET]: Object.fromEntries(droplets) } };
}
