/** What a synthesized stack would ask and need, read from its JSON before Terraform sees it. Pure. */
import { z } from "zod";
import { guardInput, type GuardInput } from "../../contract/guard.js";
import { environmentNames as names } from "../../contract/manifest.js";
import { service, type Service } from "../../contract/policy.js";
import { InvalidInput, parse, parseJson } from "../../contract/problems.js";
import type { Source } from "./input.js";

/** File of a stack's folder, as `cdktf synth` writes it. */
export const STACK_FILE = "cdk.tf.json";

export interface SynthesizedStack {
  readonly guard: GuardInput;
  /** What will run on the hosts: its secrets are whoever deploys'. */
  readonly service: Service;
}

const provisioned = z.object({
  provisioner: z
    .array(z.object({ "local-exec": z.object({ environment: z.record(z.string(), z.string()).default({}) }) }))
    .default([]),
});
/** Resources of the user's own may have any form. */
const stackJson = z.object({ resource: z.object({ null_resource: z.record(z.string(), z.unknown()) }) });
/** Of the manifest only what is no reference to a resource. */
const declared = z.object({ service });

/** @throws InvalidInput for a file that is no stack with a guard and a rollout */
export function readSynthesized({ name, text }: Source): SynthesizedStack {
  const commands = environmentsIn(text);
  const given = (variable: string): string => {
    const found = commands.find((environment) => variable in environment)?.[variable];
    if (found !== undefined) return found;
    throw new InvalidInput(name, [
      `is no stack of Evenkeel: nothing in it is given ${variable}; needs the ${STACK_FILE} that npm run synth writes`,
    ]);
  };
  const guard = parseJson(`${name}, ${names.guard}`, guardInput, given(names.guard));
  const manifest = JSON.parse(given(names.manifest)) as unknown;
  return { guard, service: parse(`${name}, ${names.manifest}`, declared, manifest).service };
}

function environmentsIn(text: string): Record<string, string>[] {
  try {
    const { resource } = stackJson.parse(JSON.parse(text));
    return Object.values(resource.null_resource).flatMap((block) => {
      const read = provisioned.safeParse(block);
      return read.success ? read.data.provisioner.map((one) => one["local-exec"].environment) : [];
    });
  } catch {
    return [];
  }
}
