import { describe, expect, it, jest } from "@jest/globals";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { appFolder } from "./support.ts";

// A deadline only: the compiler reads all of Fastify's types.
jest.setTimeout(60_000);

const text = (name: string): string => readFileSync(join(appFolder, name), "utf8");
const sources = readdirSync(appFolder).filter((name) => name.endsWith(".ts"));

interface Manifest {
  readonly type?: string;
  readonly private?: boolean;
  readonly engines: { readonly node: string };
  readonly dependencies: Record<string, string>;
  readonly devDependencies: Record<string, string>;
}
interface Lock {
  readonly packages: Record<
    string,
    { readonly version: string; readonly resolved?: string; readonly integrity?: string }
  >;
}
const manifest = JSON.parse(text("package.json")) as Manifest;
const root = JSON.parse(text("../package.json")) as Manifest;
const lock = JSON.parse(text("package-lock.json")) as Lock;

describe("the app's packages", () => {
  it("are Fastify alone, in the version that the tests run with", () => {
    expect(manifest.dependencies).toEqual({ fastify: root.devDependencies["fastify"] });
    expect(lock.packages["node_modules/fastify"]?.version).toBe(manifest.dependencies["fastify"]);
  });

  it("are locked by content, whatever registry they come from", () => {
    const packages = Object.entries(lock.packages).filter(([path]) => path !== "");
    expect(packages.filter(([, { integrity }]) => integrity === undefined)).toEqual([]);
    expect(packages.filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
  });
});

describe("the app's source", () => {
  it("imports nothing from outside its folder", () => {
    const imports = sources.flatMap((name) =>
      ts.preProcessFile(text(name)).importedFiles.map(({ fileName }) => fileName),
    );
    const outside = imports.filter((from) => !/^(node:[a-z_/]+|fastify|\.\/[a-z]+\.ts)$/.test(from));
    expect(outside).toEqual([]);
  });

  it("runs by stripping the types: no syntax that would have to be compiled, types imported as types", () => {
    const program = ts.createProgram(
      sources.map((name) => join(appFolder, name)),
      {
        ...{ target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.NodeNext, skipLibCheck: true, noEmit: true },
        ...{ allowImportingTsExtensions: true, verbatimModuleSyntax: true, erasableSyntaxOnly: true, types: ["node"] },
      },
    );
    const messages = ts
      .getPreEmitDiagnostics(program)
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
    expect(messages).toEqual([]);
  });
});

describe("the image", () => {
  const instructions = text("Dockerfile")
    .replaceAll("\\\n", " ")
    .split("\n")
    .filter((line) => /^[A-Z]/.test(line));
  const all = (name: string): string[] =>
    instructions.filter((line) => line.startsWith(`${name} `)).map((line) => line.slice(name.length + 1));

  it("starts from an exact version of Node that the app's engines allow and that strips types", () => {
    expect(all("FROM")).toEqual(["node:22.23.3-slim"]);
    expect(manifest).toMatchObject({ type: "module", private: true, engines: { node: ">=22.18" } });
  });

  it("installs what the lock says, without development packages and install scripts", () => {
    expect(all("RUN")).toEqual([expect.stringMatching(/^npm ci --omit=dev --ignore-scripts\b/)]);
  });

  it("runs as a user without privileges, on ports that need none", () => {
    expect(all("USER")).toEqual(["node"]);
    expect(all("ENV").join(" ")).toMatch(/NODE_ENV=production.*PORT=8080/);
    expect(all("EXPOSE")).toEqual(["8080"]);
  });

  it("has Node itself as process 1, so that SIGTERM reaches it", () => {
    const [command] = all("CMD");
    expect(JSON.parse(command ?? "")).toEqual(["node", "--disable-warning=ExperimentalWarning", "server.ts"]);
    expect(all("ENTRYPOINT")).toEqual([]);
  });

  it("holds neither repository, packages, logs, tests nor secrets", () => {
    const ignored = text(".dockerignore").split("\n");
    for (const name of [".git", "node_modules", "*.log", "__tests__", "Dockerfile", ".env*"]) {
      expect(ignored).toContain(name);
    }
  });
});
