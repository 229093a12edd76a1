import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach } from "@jest/globals";
import { baseOf } from "../../../lab/real/base-image.js";
import {
  APP,
  brokenRecipe,
  exampleRecipe,
  gather,
  otherRecipe,
  recipeKey,
  referenceRecipe,
} from "../../../lab/real/images-recipes.js";

const dockerfile = readFileSync(path.join(APP, "Dockerfile"), "utf8");
const source = { dockerfile, server: "// the lab's app" };
const ADDED = 'COPY lab-server.mjs ./\nCMD ["node", "lab-server.mjs"]\n';

describe("the base", () => {
  it("is the one that the app's Dockerfile starts from", () => {
    const [, version] = /^FROM node:(.*)-slim$/m.exec(dockerfile) ?? [];
    expect(baseOf(dockerfile)).toEqual({ name: `node:${version}-slim`, nodeVersion: version });
  });

  it("fails for one that the lab cannot make", () => {
    expect(() => baseOf("# syntax\nFROM alpine:3\n")).toThrow(
      'the lab can make node:<version>-slim to build on, not "alpine:3"',
    );
    expect(() => baseOf("FROM node:22-slim\n")).toThrow('not "node:22-slim"');
  });
});

describe("a recipe", () => {
  it("for the example is the app's Dockerfile as it is", () => {
    expect(exampleRecipe(dockerfile, "v1")).toEqual({ context: APP, dockerfile, version: "v1" });
  });

  it("for the reference puts the lab's app into the example's image, and runs that", () => {
    expect(referenceRecipe(source, "v1")).toEqual({
      context: APP,
      added: { "lab-server.mjs": source.server },
      dockerfile: dockerfile + ADDED,
      version: "v1",
    });
  });

  it("for a variant adds to it only what is asked for", () => {
    const { dockerfile: article } = referenceRecipe(source, "v1", { contract: "article" });
    expect(article).toBe(`${dockerfile}${ADDED}ENV CONTRACT="article"\n`);
    const environment = { KEEP_ALIVE_SECONDS: "5", TEXT: 'a "$b" \\' };
    const { dockerfile: changed } = referenceRecipe(source, "v1", { environment });
    expect(changed).toBe(`${dockerfile}${ADDED}ENV KEEP_ALIVE_SECONDS="5"\nENV TEXT="a \\"\\$b\\" \\\\"\n`);
  });

  it("for an app that takes long to start sleeps first, and leaves process 1 to the app", () => {
    const { dockerfile: slow } = referenceRecipe(source, "v1", { startDelaySeconds: 4 });
    const [, entrypoint = ""] = /^ENTRYPOINT (.*)\n$/m.exec(slow) ?? [];
    expect(JSON.parse(entrypoint)).toEqual(["sh", "-c", 'sleep 4 && exec docker-entrypoint.sh "$@"', "sh"]);
  });

  it("for a release that fails builds on the same base", () => {
    expect(brokenRecipe("node:1.2.3-slim", "crash-loop").dockerfile).toMatch(
      /^FROM node:1\.2\.3-slim\n[^]*\nCMD \["node", "crash-loop\.mjs"\]\n$/,
    );
  });
});

describe("a recipe for an app that is not Node's", () => {
  it("puts Python's beside Python, and a static one alone into its image", async () => {
    const program = Buffer.from([0, 255]);
    const python = otherRecipe("python", program, "v1");
    const alone = otherRecipe("static", program, "v1");
    expect(python.dockerfile).toMatch(/^FROM lab-python:3\nCOPY server \/server\.py\n/);
    expect(alone.dockerfile).toBe('FROM scratch\nCOPY server /server\nCMD ["/server"]\n');
    const folder = path.join(mkdtempSync(path.join(tmpdir(), "recipe-")), "context");
    await gather(alone, folder);
    expect(readdirSync(folder)).toEqual(["server"]);
    expect(readFileSync(path.join(folder, "server"))).toEqual(program);
    expect(statSync(path.join(folder, "server")).mode & 0o111).toBe(0o111);
    rmSync(path.dirname(folder), { recursive: true });
  });
});

describe("a recipe's key", () => {
  let context: string;
  beforeEach(() => {
    context = mkdtempSync(path.join(tmpdir(), "recipe-"));
    copyFileSync(path.join(APP, "package.json"), path.join(context, "package.json"));
  });
  afterEach(() => rmSync(context, { recursive: true }));

  it("stays as long as nothing changes that the build reads", async () => {
    const recipe = { context, dockerfile, version: "v1" };
    const key = await recipeKey(recipe);
    expect(await recipeKey({ ...recipe })).toBe(key);
    expect(await recipeKey({ ...recipe, version: "v2" })).not.toBe(key);
    expect(await recipeKey({ ...recipe, dockerfile: `${dockerfile}ENV A=1\n` })).not.toBe(key);
    const added = { "a.mjs": "1" };
    expect(await recipeKey({ ...recipe, added })).not.toBe(key);
    expect(await recipeKey({ ...recipe, added })).not.toBe(await recipeKey({ ...recipe, added: { "a.mjs": "2" } }));
    writeFileSync(path.join(context, "package.json"), "{}");
    expect(await recipeKey(recipe)).not.toBe(key);
  });

  it("counts every file that the build is given, and none from further down", async () => {
    mkdirSync(path.join(context, "deeper"));
    writeFileSync(path.join(context, ".dockerignore"), "");
    const gathered = path.join(context, "deeper", "gathered");
    await gather({ context, added: { "a.mjs": "1" }, dockerfile, version: "v1" }, gathered);
    expect(readdirSync(gathered).sort()).toEqual([".dockerignore", "a.mjs", "package.json"]);
    expect(readFileSync(path.join(gathered, "a.mjs"), "utf8")).toBe("1");
  });
});
