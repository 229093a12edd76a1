/** Every command of ours and of cdktf that the documentation names is there, with the options that it is given. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "@jest/globals";
import { execa } from "execa";
import { main } from "../../scripts/rollout/cli.js";
import { projectFile } from "../support/stacks.js";
import { describeWithTerraform, terraform } from "../support/terraform.js";

const pages = [
  "README.md",
  ...readdirSync(projectFile("docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];

/** In code blocks and in `code`, up to a comment or a command that follows. */
function commandsOf(start: string): { page: string; words: string[] }[] {
  const form = new RegExp(`(?:^|[\`' ])${start} ?([^\`\\n#|;&]*)`, "gm");
  return pages.flatMap((page) =>
    [...readFileSync(projectFile(page), "utf8").matchAll(form)].map(([, rest = ""]) => ({
      page,
      words: rest.trim().split(/\s+/).filter(Boolean),
    })),
  );
}

const optionsOf = (words: readonly string[]): string[] =>
  words.filter((word) => /^--[a-z]/.test(word)).map((word) => word.split("=")[0] ?? "");
const verbsOf = (commands: readonly { words: string[] }[]): string[] => [
  ...new Set(commands.flatMap(({ words: [verb] }) => (verb && /^[a-z]+$/.test(verb) ? [verb] : []))),
];

describe("scripts of package.json", () => {
  const { scripts } = JSON.parse(readFileSync(projectFile("package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  const named = new Set(commandsOf("npm run").flatMap(({ words: [name] }) => name ?? []));

  it("are those that are named", () => {
    expect(named.size).toBeGreaterThan(5);
    expect([...named].filter((name) => !(name in scripts))).toEqual([]);
  });
});

describe("the rollout's command line", () => {
  const commands = commandsOf("npm run rollout --");

  it.each(verbsOf(commands))("%s takes every option that it is shown with", async (verb) => {
    let help = "";
    const stream = { write: (text: string) => ((help += text), true), on: () => undefined };
    expect(await main([verb, "--help"], {}, { stdout: stream, stderr: stream })).toBe(0);
    const shown = commands.filter(({ words }) => words[0] === verb).flatMap(({ words }) => optionsOf(words));
    expect(shown.filter((option) => !help.includes(`${option} `))).toEqual([]);
  });

  it("is shown with all its commands", () =>
    expect(verbsOf(commands).sort()).toEqual(expect.arrayContaining(["deploy", "rollback", "status", "verify"])));
});

describe("terraform", () => {
  const commands = commandsOf("terraform -chdir=").map(({ page, words: [folder, verb] }) => ({ page, folder, verb }));

  it("is initialized before it applies: synthesis alone does not", () => {
    const applied = commands.filter(({ verb }) => verb === "apply");
    expect(applied.length).toBeGreaterThan(0);
    for (const { page, folder } of applied) {
      const verbs = commands.filter((one) => one.page === page && one.folder === folder).map(({ verb }) => verb);
      expect(verbs.indexOf("init")).toBeGreaterThanOrEqual(0);
      expect(verbs.indexOf("init")).toBeLessThan(verbs.indexOf("apply"));
    }
  });

  describeWithTerraform("its own help", () => {
    it.each(verbsOf(commands.map(({ verb }) => ({ words: [verb ?? ""] }))))("knows %s", (verb) =>
      expect(terraform(projectFile("."), verb, "-help").status).toBe(0),
    );
  });
});

const [major] = process.versions.node.split(".").map(Number);
const whereItRuns = (major ?? 0) < 24 ? describe : describe.skip;
whereItRuns(`cdktf${(major ?? 0) < 24 ? "" : " (skipped: its command line does not start on Node 24)"}`, () => {
  const commands = commandsOf("npx cdktf");
  /** It keeps an id of its user there. */
  const home = mkdtempSync(path.join(tmpdir(), "evenkeel-docs-"));
  afterAll(() => rmSync(home, { recursive: true }));

  it.each(verbsOf(commands))("%s takes every option that it is shown with", async (verb) => {
    const environment = { PATH: process.env["PATH"], CHECKPOINT_DISABLE: "1", HOME: home };
    const { stdout } = await execa(projectFile("node_modules/.bin/cdktf"), [verb, "--help"], {
      ...{ cwd: projectFile("."), env: environment, extendEnv: false, reject: false, stdin: "ignore" },
    });
    expect(stdout).toContain(`cdktf ${verb}`);
    const shown = commands.filter(({ words }) => words[0] === verb).flatMap(({ words }) => optionsOf(words));
    expect(shown.filter((option) => !new RegExp(`${option}\\b`).test(stdout))).toEqual([]);
  });
});
