/** The workflows of this project, as GitHub reads them. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { projectFile } from "../stacks.js";

export type Variables = Readonly<Record<string, string>>;

export interface Step {
  readonly name?: string;
  readonly id?: string;
  readonly if?: string;
  readonly run?: string;
  readonly uses?: string;
  readonly with?: Readonly<Record<string, string | number | boolean>>;
  readonly env?: Variables;
}

export interface Job {
  readonly uses?: string;
  readonly needs?: string;
  readonly if?: string;
  readonly environment?: string;
  readonly permissions?: unknown;
  readonly env?: Variables;
  readonly steps?: readonly Step[];
}

export interface Workflow {
  readonly name: string;
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions?: unknown;
  readonly concurrency?: { readonly group: string; readonly "cancel-in-progress": unknown };
  readonly defaults?: { readonly run: { readonly shell: string } };
  readonly env?: Variables;
  readonly jobs: Readonly<Record<string, Job>>;
}

export const workflowFolder = projectFile(".github/workflows");
export const workflowFiles = readdirSync(workflowFolder).sort();

export const workflowText = (file: string): string => readFileSync(path.join(workflowFolder, file), "utf8");
export const workflow = (file: string): Workflow => parse(workflowText(file)) as Workflow;

/** A step for people. */
export const titleOf = ({ name, uses, run }: Step): string => name ?? uses?.split("@")[0] ?? run ?? "";

/** Every step of every job, with where it stands. */
export const allSteps = workflowFiles.flatMap((file) =>
  Object.entries(workflow(file).jobs).flatMap(([job, { steps = [] }]) =>
    steps.map((step) => ({ where: `${file}, ${job}: ${titleOf(step)}`, step })),
  ),
);
