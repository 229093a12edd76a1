/**
 * Runs a synthesized stack through the real terraform binary without any provider: each resource becomes a `terraform_data`,
 * built into Terraform, that answers the references to it. So expressions, variables, backend and provisioner are the real ones.
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "@jest/globals";
import type { Synthesized } from "./schema-check.js";

type Value = Record<string, unknown>;

const DROPLET = "digitalocean_droplet";
/** A change of these makes the provider replace a resource instead of changing it. */
const REPLACING: Readonly<Record<string, readonly string[]>> = {
  [DROPLET]: ["image", "name", "region", "user_data", "ssh_keys", "vpc_uuid"],
  digitalocean_loadbalancer: ["region", "type", "network", "network_stack", "vpc_uuid"],
  digitalocean_certificate: ["name", "type", "domains"],
  digitalocean_domain: ["name"],
  digitalocean_record: ["domain", "type"],
};
/** What is replaced gets another id. */
const OWN_ID = [DROPLET, "null_resource"];

export const hasTerraform = spawnSync("terraform", ["version"]).status === 0;

/** In a gate they are not skipped for want of the binary: what nobody looked at would pass. GitHub sets `CI`, and so does .ci/run. */
const terraformIsDue = hasTerraform || Boolean(process.env["CI"]);
/** For tests that need the binary; their titles say so. */
export const describeWithTerraform = terraformIsDue ? describe : describe.skip;
export const testWithTerraform = terraformIsDue ? test : test.skip;

const MOVED = ["depends_on", "lifecycle", "provisioner"];
/** What the stand-ins answer for attributes that only the provider would know. */
const COMPUTED = {
  id: "1234",
  ip: "203.0.113.1",
  ipv4_address: "192.0.2.1",
  ipv4_address_private: "198.51.100.1",
  fingerprint: "12",
};

/** The stack with stand-ins for all resources. */
export function withoutProviders(stack: Synthesized): Value {
  const names = Object.entries(stack.resource).flatMap(([type, byName]) =>
    Object.keys(byName).map((name) => `${type}.${name}`),
  );
  const standIns = Object.entries(stack.resource).flatMap(([type, byName]) =>
    Object.entries(byName).map(([name, value]) => [name, standIn(type, name, value)] as const),
  );
  const { required_version, backend } = stack.terraform;
  const terraform = { required_version, backend };
  const { output, variable } = stack;
  const text = JSON.stringify({
    terraform,
    output,
    variable,
    resource: { terraform_data: Object.fromEntries(standIns) },
  });
  return JSON.parse(names.reduce(renamed, text)) as Value;
}

function standIn(type: string, name: string, value: Value): Value {
  const entries = Object.entries(value);
  const own = Object.fromEntries(entries.filter(([key]) => !MOVED.includes(key)));
  const moved = Object.fromEntries(entries.filter(([key]) => MOVED.includes(key)));
  const { triggers, ...attributes } = own;
  if (triggers) return { ...moved, triggers_replace: triggers };
  const replacing = REPLACING[type];
  const replaced = Object.fromEntries(Object.entries(attributes).filter(([key]) => replacing?.includes(key)));
  return {
    ...moved,
    ...(replacing ? { triggers_replace: replaced } : {}),
    input: { ...COMPUTED, ...addressOf(name), id: `id-of-${name.replaceAll("_", "-")}`, ...attributes },
  };
}

/** Of a droplet that ends in a number: no two have one. */
function addressOf(name: string): Value {
  const [, number] = /-(\d+)_[0-9A-F]+$/.exec(name) ?? [];
  return number === undefined
    ? {}
    : { ipv4_address: `192.0.2.${number}`, ipv4_address_private: `198.51.100.${number}` };
}

/**
 * `digitalocean_droplet.x.ipv4_address` becomes `terraform_data.x.output.ipv4_address`; within depends_on nothing follows the name. The id of
 * a droplet or of a null_resource is the stand-in's own: another one after it was replaced.
 */
function renamed(before: string, address: string): string {
  const name = address.slice(address.indexOf(".") + 1);
  const text = OWN_ID.some((type) => address.startsWith(`${type}.`))
    ? before.replaceAll(`${address}.id`, `terraform_data.${name}.id`)
    : before;
  return text.replaceAll(`${address}.`, `terraform_data.${name}.output.`).replaceAll(address, `terraform_data.${name}`);
}

export interface TerraformRun {
  readonly status: number | null;
  readonly output: string;
}

export function terraform(folder: string, ...args: string[]): TerraformRun {
  return terraformWith({}, folder, ...args);
}

/** @param variables for its environment, which provisioners inherit */
export function terraformWith(
  variables: Readonly<Record<string, string>>,
  folder: string,
  ...args: string[]
): TerraformRun {
  const env = { PATH: process.env["PATH"], HOME: folder, CHECKPOINT_DISABLE: "1", TF_IN_AUTOMATION: "1", ...variables };
  const { status, stdout, stderr } = spawnSync("terraform", [...args, "-no-color"], {
    cwd: folder,
    env,
    encoding: "utf8",
  });
  return { status, output: stdout + stderr };
}

/** Writes a stack where its bundle is found, as `cdktf.out` has it. @param root holds the state as well */
export function writeStandIns(root: string, stack: Synthesized, bundle: string): string {
  const folder = join(root, "cdktf.out", "stacks", "api-production");
  const text = JSON.stringify(withoutProviders(stack));
  for (const [, asset = ""] of text.matchAll(/\$\{path\.module\}\/(assets[^"]+)/g)) {
    mkdirSync(dirname(join(folder, asset)), { recursive: true });
    copyFileSync(bundle, join(folder, asset));
  }
  writeFileSync(join(folder, "cdk.tf.json"), text);
  return folder;
}
