/** Images as they are really built: the first run on a machine makes everything, later ones find it. */
import { existsSync, readFileSync } from "node:fs";
import { expect, it, jest } from "@jest/globals";
import { Images } from "../../lab/real/images.js";
import type { StoredImage } from "../../lab/real/registry-push.js";

/** A first build downloads, compiles nothing and compresses 160 MB. */
jest.setTimeout(600_000);

interface Manifest {
  readonly config: { readonly digest: string };
  readonly layers: readonly { readonly digest: string }[];
}
interface Configuration {
  readonly config: {
    readonly Env: readonly string[];
    readonly Cmd: readonly string[];
    readonly User: string;
    readonly Labels: Readonly<Record<string, string>>;
  };
}

const part = (image: StoredImage, digest: string): unknown => JSON.parse(readFileSync(image.file(digest), "utf8"));
const manifestOf = (image: StoredImage) => part(image, image.digest) as Manifest;
const configOf = (image: StoredImage) => (part(image, manifestOf(image).config.digest) as Configuration).config;

it("builds the app's Dockerfile, every version with a digest of its own and the same files", async () => {
  const images = await Images.open();
  const [first, second] = [await images.example("v1"), await images.example("v2")];
  expect(first.digest).not.toBe(second.digest);
  expect(manifestOf(first).layers).toEqual(manifestOf(second).layers);
  for (const { digest } of manifestOf(first).layers) expect(existsSync(first.file(digest))).toBe(true);
  const { Cmd, User, Env, Labels } = configOf(first);
  expect(Cmd).toEqual(["node", "--disable-warning=ExperimentalWarning", "server.ts"]);
  expect({ User, Labels }).toEqual({ User: "node", Labels: { "org.opencontainers.image.version": "v1" } });
  expect(Env).toEqual(expect.arrayContaining(["NODE_ENV=production", "PORT=8080"]));
});

it("gives the same image to whoever asks for it again, or at the same time", async () => {
  const ask = async (): Promise<string> => (await (await Images.open()).broken("never-healthy")).digest;
  const [one, other] = await Promise.all([ask(), ask()]);
  expect(other).toBe(one);
  expect(await ask()).toBe(one);
});

it("builds the reference on the example's layers, and variants of it on the same as the reference", async () => {
  const images = await Images.open();
  const example = await images.example("v1");
  const plain = await images.reference("v1");
  expect(configOf(plain).Cmd).toEqual(["node", "lab-server.mjs"]);
  expect(manifestOf(plain).layers.slice(0, -1)).toEqual(manifestOf(example).layers);
  const article = await images.reference("v1", { contract: "article" });
  expect(configOf(article).Env).toContain("CONTRACT=article");
  expect(manifestOf(article).layers).toEqual(manifestOf(plain).layers);
});
