/**
 * Images for the real registry, built by a real `docker build` and kept for later worlds: only the first world that asks for one
 * waits for it. Remove the folder to start afresh.
 */
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { z } from "zod";
import { bundled } from "../embedded/bundle.js";
import type { Break, OtherApp } from "../releases.js";
import { baseFiles, baseOf, baseSettings, PYTHON_BASE, pythonFiles, type Base } from "./base-image.js";
import { Builder, BUILDER_REGISTRY } from "./builder.js";
import { codeOf } from "./error-code.js";
import {
  APP,
  brokenRecipe,
  exampleRecipe,
  gather,
  otherRecipe,
  recipeKey,
  referenceRecipe,
  sha256,
  type RealReferenceOptions,
  type Recipe,
} from "./images-recipes.js";
import type { StoredImage } from "./registry-push.js";

/** Of every image of the lab. */
export const REPOSITORY = "lab/api";

/** Where images are kept between runs. Two runs at once may share it. */
export const cacheFolder = (environment: NodeJS.ProcessEnv = process.env): string =>
  path.join(environment["XDG_CACHE_HOME"] ?? "/var/cache", "evenkeel-lab");

export class Images {
  private constructor(
    private readonly base: Base,
    private readonly dockerfile: string,
    /** Everything that was built on this base. */
    private readonly folder: string,
  ) {}

  static async open(cache: string = cacheFolder()): Promise<Images> {
    const dockerfile = await readFile(path.join(APP, "Dockerfile"), "utf8");
    const base = baseOf(dockerfile);
    return new Images(base, dockerfile, path.join(cache, (await baseKey(base)).slice(0, 16)));
  }

  /** app/Dockerfile as it is; every version has a digest of its own. */
  example(version: string): Promise<StoredImage> {
    return this.#image(exampleRecipe(this.dockerfile, version));
  }

  /** The reference API: the example's image with the lab's own app in it. Every version has a digest of its own. */
  async reference(version: string, options?: RealReferenceOptions): Promise<StoredImage> {
    const server = await bundled("lab/app/server.ts");
    return this.#image(referenceRecipe({ dockerfile: this.dockerfile, server }, version, options));
  }

  /** A release that fails. */
  broken(how: Break): Promise<StoredImage> {
    return this.#image(brokenRecipe(this.base.name, how));
  }

  /** An app that is not Node's. @throws Error where a static one cannot be compiled: that needs gcc and libc6-dev */
  async other(app: OtherApp, version: string): Promise<StoredImage> {
    const program = app === "python" ? await readFile(path.join(OTHER_APPS, "server.py")) : await compiled();
    return this.#image(otherRecipe(app, program, version));
  }

  async #image(recipe: Recipe): Promise<StoredImage> {
    const key = await recipeKey(recipe);
    const digest = (await this.#known(key)) ?? (await this.#built(recipe, key));
    return { digest, file: (part) => this.#file(part) };
  }

  async #built(recipe: Recipe, key: string): Promise<string> {
    const builder = await Builder.start(this.folder);
    try {
      // Another run may have built it while this one waited.
      return (await this.#known(key)) ?? (await this.#build(builder, recipe, key));
    } finally {
      await builder.stop();
    }
  }

  async #build(builder: Builder, recipe: Recipe, key: string): Promise<string> {
    const { dockerfile, version } = recipe;
    if (dockerfile.startsWith(`FROM ${PYTHON_BASE}`)) await this.#have(builder, PYTHON_BASE, [], pythonFiles);
    else if (!dockerfile.startsWith("FROM scratch")) await this.#haveNode(builder);
    const context = await this.#workFolder("context");
    await gather(recipe, context);
    const name = `${BUILDER_REGISTRY}/${REPOSITORY}:${key}`;
    const options = ["--network", "none", "--label", `org.opencontainers.image.version=${version}`, "--tag", name];
    await builder.docker(["build", ...options, "--file", "-", context], { text: dockerfile });
    await rm(context, { recursive: true });
    await builder.docker(["push", name]);
    const found = await builder.docker(["image", "inspect", "--format", "{{json .RepoDigests}}", name]);
    const digest = digestIn(z.array(z.string()).parse(JSON.parse(found)));
    await this.#remember(key, digest);
    return digest;
  }

  #haveNode(builder: Builder): Promise<void> {
    return this.#have(builder, this.base.name, baseSettings(this.base), (work) => baseFiles(this.base, APP, work));
  }

  /** An image to build on. @param files makes an archive of its files in an empty folder */
  async #have(
    builder: Builder,
    name: string,
    settings: readonly string[],
    files: (work: string) => Promise<string>,
  ): Promise<void> {
    if ((await builder.docker(["image", "ls", "--quiet", name])) !== "") return;
    const work = await this.#workFolder("base");
    const archive = await files(work);
    const changes = settings.flatMap((change) => ["--change", change]);
    await builder.docker(["import", ...changes, archive, name]);
    await rm(work, { recursive: true });
  }

  /** Empty: a run that was killed in the middle may have left one. */
  async #workFolder(name: string): Promise<string> {
    const folder = path.join(this.folder, name);
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder);
    return folder;
  }

  async #known(key: string): Promise<string | null> {
    try {
      return await readFile(this.#record(key), "utf8");
    } catch (error) {
      if (codeOf(error) === "ENOENT") return null;
      throw error;
    }
  }

  /** A record is there as a whole or not at all. */
  async #remember(key: string, digest: string): Promise<void> {
    const record = this.#record(key);
    await mkdir(path.dirname(record), { recursive: true });
    await writeFile(`${record}.new`, digest);
    await rename(`${record}.new`, record);
  }

  #record(key: string): string {
    return path.join(this.folder, "images", key);
  }

  /** Where docker-registry keeps a blob. */
  #file(digest: string): string {
    const [, hex = ""] = /^sha256:([0-9a-f]{64})$/.exec(digest) ?? [];
    return path.join(this.folder, "registry/docker/registry/v2/blobs/sha256", hex.slice(0, 2), hex, "data");
  }
}

/** Of server.py and server.c. */
const OTHER_APPS = fileURLToPath(new URL("../app", import.meta.url));

async function compiled(): Promise<Buffer> {
  const folder = await mkdtemp(path.join(tmpdir(), "evenkeel-compile-"));
  try {
    const program = path.join(folder, "server");
    await execa("gcc", ["-O2", "-static", "-Wall", "-Wextra", "-o", program, path.join(OTHER_APPS, "server.c")]);
    return await readFile(program);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function digestIn(names: readonly string[]): string {
  const [digest, ...others] = names.map((name) => name.split("@")[1]);
  if (digest === undefined || others.length > 0) throw new Error(`one digest was expected, not ${names.join(", ")}`);
  return digest;
}

/** Differs as soon as anything does that the base is made of, or how it is made. */
async function baseKey(base: Base): Promise<string> {
  const recipe = fileURLToPath(new URL("base-image.ts", import.meta.url));
  const files = await Promise.all([recipe, path.join(APP, "package-lock.json")].map((file) => readFile(file)));
  return sha256(JSON.stringify([base, process.arch, ...files.map(sha256)]));
}
