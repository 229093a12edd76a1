/**
 * Runs a synthesized stack through the real terraform binary without any provider: each resource becomes a `terraform_data`,
 * built into Terraform, that answers the references to it. So expressions, variables, backend and provisioner are the real ones.
 */
import { spawnSync } from "node:child_process";
import type { Synthesized } from "./schema-check.js";

type Value = Record<string, unknown>;

export const hasTerraform = spawnSync("terraform", ["version"]).status === 0;

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
  const standIns = Object.values(stack.resource).flatMap((byName) =>
    Object.entries(byName).map(([name, value]) => [name, standIn(name, value)] as const),
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

function standIn(name: string, value: Value): Value {
  const entries = Object.entries(value);
  const own = Object.fromEntries(entries.filter(([key]) => !MOVED.includes(key)));
  const moved = Object.fromEntries(entries.filter(([key]) => MOVED.includes(key)));
  const { triggers, ...attributes } = own;
  return triggers
    ? { ...moved, triggers_replace: triggers }
    : { ...moved, input: { ...COMPUTED, id: `id-of-${name.replaceAll("_", "-")}`, ...attributes } };
}

/** `digitalocean_droplet.x.id` becomes `terraform_data.x.output.id`; within depends_on nothing follows the name. */
function renamed(text: string, address: string): string {
  const name = address.slice(address.indexOf(".") + 1);
  return text.replaceAll(`${address}.`, `terraform_data.${name}.output.`).replaceAll(address, `terraform_data.${name}`);
}

export interface TerraformRun {
  readonly status: number | null;
  readonly output: string;
}

export function terraform(folder: string, ...args: string[]): TerraformRun {
  const env = { PATH: process.env["PATH"], HOME: folder, CHECKPOINT_DISABLE: "1", TF_IN_AUTOMATION: "1" };
  const { status, stdout, stderr } = spawnSync("terraform", [...args, "-no-color"], {
    cwd: folder,
    env,
    encoding: "utf8",
  });
  return { status, output: stdout + stderr };
}
