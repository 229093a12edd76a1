/**
 * Runs the steps of a job in a clean copy of the project, with the shell, the files and the conditions that GitHub's runner has.
 * Actions are stand-ins, and so are the programs that the caller names; every other command is the machine's own.
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { projectFile } from "../stacks.js";
import { type Contexts, filled, holds } from "./expressions.js";
import { type Job, type Step, titleOf, type Variables, workflow, type Workflow } from "./read.js";

export interface JobOptions {
  readonly file: string;
  readonly job: string;
  readonly secrets: Variables;
  readonly vars: Variables;
  /** Given by hand; empty for a push. */
  readonly inputs?: Variables;
  /** name -> module that stands for the program. */
  readonly programs: Readonly<Record<string, string>>;
  /** For those, and for what they lead to. */
  readonly environment: Variables;
  /** Changes the copy of the project, as a user does before the first deploy. */
  readonly prepare?: (folder: string) => void;
}

export interface StepRun {
  readonly title: string;
  readonly outcome: "success" | "failure" | "skipped";
  /** What it printed. */
  readonly output: string;
}

/** One command of a job may take so long here. */
const LIMIT_MS = 240_000;
/** What no clone of the project has. */
const NOT_CLONED = /^(node_modules|dist|cdktf\.out|coverage|\.git|\.evenkeel|.*\.tfstate.*)$/;

export class JobRun {
  readonly #root = mkdtempSync(path.join(tmpdir(), "evenkeel-job-"));
  readonly workspace = path.join(this.#root, "workspace");
  readonly temp = path.join(this.#root, "temp");
  readonly home = path.join(this.#root, "home");
  readonly steps: StepRun[] = [];
  /** Files that were kept, by the artifact's name. */
  readonly artifacts = new Map<string, string>();
  summary = "";
  readonly #workflow: Workflow;
  readonly #job: Job;
  readonly #outcomes: Record<string, { outcome: string; outputs: Record<string, string> }> = {};
  #environment: Variables = {};
  #failed = false;

  constructor(private readonly options: JobOptions) {
    this.#workflow = workflow(options.file);
    const job = this.#workflow.jobs[options.job];
    if (!job?.steps) throw new Error(`${options.file} has no job ${options.job} with steps`);
    this.#job = job;
  }

  async run(): Promise<this> {
    for (const folder of ["workspace", "temp", "home", "bin", "artifacts"]) mkdirSync(path.join(this.#root, folder));
    for (const [name, module] of Object.entries(this.options.programs)) this.#standIn(name, module);
    for (const step of this.#job.steps ?? []) await this.#take(step);
    return this;
  }

  get failed(): boolean {
    return this.#failed;
  }

  /** Titles of the steps with that outcome. */
  titles(outcome: StepRun["outcome"]): string[] {
    return this.steps.filter((step) => step.outcome === outcome).map(({ title }) => title);
  }

  /** Everything that was printed, as GitHub's log has it. */
  get log(): string {
    return this.steps.map(({ title, outcome, output }) => `== ${title}: ${outcome}\n${output}`).join("\n");
  }

  /** Of the steps that come, as the runner hands it on from one to the next. */
  get environment(): Variables {
    return this.#environment;
  }

  end(): void {
    rmSync(this.#root, { recursive: true, force: true });
  }

  async #take(step: Step): Promise<void> {
    const title = titleOf(step);
    if (!holds(step.if, this.#contexts({}), { failed: this.#failed })) {
      this.#note(step, { title, outcome: "skipped", output: "" }, {});
      return;
    }
    const files = this.#files();
    const { output, ok } = step.run === undefined ? this.#act(step) : await this.#command(step, step.run, files);
    const read = (name: keyof typeof files): string => readFileSync(files[name], "utf8");
    this.#environment = { ...this.#environment, ...assigned(read("GITHUB_ENV")) };
    this.summary += read("GITHUB_STEP_SUMMARY");
    this.#failed ||= !ok;
    this.#note(step, { title, outcome: ok ? "success" : "failure", output }, assigned(read("GITHUB_OUTPUT")));
  }

  #note({ id }: Step, run: StepRun, outputs: Record<string, string>): void {
    this.steps.push(run);
    if (id !== undefined) this.#outcomes[id] = { outcome: run.outcome, outputs };
  }

  async #command(step: Step, run: string, files: Variables): Promise<{ output: string; ok: boolean }> {
    const { shell } = this.#workflow.defaults?.run ?? { shell: "" };
    if (shell !== "bash") throw new Error(`the shell is ${JSON.stringify(shell)}, not bash`);
    const script = path.join(this.temp, `step-${this.steps.length}.sh`);
    writeFileSync(script, filled(run, this.#contexts({}), { failed: this.#failed }));
    const { all, exitCode } = await execa("bash", ["--noprofile", "--norc", "-e", "-o", "pipefail", script], {
      ...{ cwd: this.workspace, env: { ...this.#variables(step), ...files }, extendEnv: false },
      ...{ all: true, reject: false, stdin: "ignore", timeout: LIMIT_MS },
    });
    return { output: all, ok: exitCode === 0 };
  }

  #act(step: Step): { output: string; ok: boolean } {
    const action = step.uses?.split("@")[0] ?? "";
    const given = (name: string): string =>
      filled(step.with?.[name] ?? "", this.#contexts({}), { failed: this.#failed });
    if (action === "actions/checkout") this.#checkOut();
    else if (action === "actions/upload-artifact") this.#keep(given("name"), given("path"));
    else if (!NOTHING_TO_DO.has(action)) throw new Error(`no stand-in for the action ${action}`);
    return { output: "", ok: true };
  }

  #checkOut(): void {
    const root = projectFile(".");
    cpSync(root, this.workspace, {
      recursive: true,
      filter: (source) =>
        !path
          .relative(root, source)
          .split(path.sep)
          .some((part) => NOT_CLONED.test(part)),
    });
    this.options.prepare?.(this.workspace);
  }

  #keep(name: string, source: string): void {
    if (!existsSync(source)) return;
    const folder = path.join(this.#root, "artifacts", name);
    cpSync(source, folder, { recursive: true });
    this.artifacts.set(name, folder);
  }

  #variables({ env = {} }: Step): Variables {
    const shared = { ...this.#workflow.env, ...this.#job.env };
    const jobs = mapped(shared, (value) => filled(value, this.#contexts({}), { failed: false }));
    const own = mapped(env, (value) => filled(value, this.#contexts(jobs), { failed: false }));
    return { ...this.#runnersOwn(), ...jobs, ...this.#environment, ...own };
  }

  #runnersOwn(): Variables {
    return {
      PATH: `${path.join(this.#root, "bin")}:${process.env["PATH"] ?? ""}`,
      HOME: this.home,
      CI: "true",
      GITHUB_ACTIONS: "true",
      GITHUB_SHA: SHA,
      GITHUB_WORKSPACE: this.workspace,
      RUNNER_TEMP: this.temp,
      ...this.options.environment,
    };
  }

  #files() {
    const file = (name: string): string => {
      const place = path.join(this.temp, `${name}-${this.steps.length}`);
      writeFileSync(place, "");
      return place;
    };
    return {
      GITHUB_ENV: file("GITHUB_ENV"),
      GITHUB_OUTPUT: file("GITHUB_OUTPUT"),
      GITHUB_STEP_SUMMARY: file("GITHUB_STEP_SUMMARY"),
    };
  }

  #contexts(env: Variables): Contexts {
    const { secrets, vars, inputs = {} } = this.options;
    return {
      github: { ref: "refs/heads/main", sha: SHA, run_id: "4711", run_attempt: "1", event: {} },
      runner: { temp: this.temp },
      ...{ inputs, secrets, vars, needs: {}, steps: this.#outcomes },
      env: { ...this.#environment, ...env },
    };
  }

  #standIn(name: string, module: string): void {
    const file = path.join(this.#root, "bin", name);
    const words = [process.execPath, projectFile(module)].map((word) => `'${word}'`).join(" ");
    writeFileSync(file, `#!/bin/sh\nexec ${words} "$@"\n`, { mode: 0o755 });
  }
}

/** The commit that it runs for. */
export const SHA = "0123456789abcdef0123456789abcdef01234567";
/** Actions that bring what is here already, or that only make the next run better. */
const NOTHING_TO_DO = new Set(["actions/setup-node", "hashicorp/setup-terraform", "actions/cache"]);

const mapped = (variables: Variables, change: (value: string) => string): Record<string, string> =>
  Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, change(value)]));

/** `NAME=value` lines of a file that a step wrote to. */
function assigned(text: string): Record<string, string> {
  const lines = text.split("\n").filter(Boolean);
  return Object.fromEntries(
    lines.map((line) => {
      const [, name = "", value = ""] = /^([A-Za-z_]\w*)=(.*)$/.exec(line) ?? [];
      if (name === "") throw new Error(`a step wrote ${JSON.stringify(line)}, which is no NAME=value`);
      return [name, value];
    }),
  );
}
