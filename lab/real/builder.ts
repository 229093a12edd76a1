/** A private Docker daemon for building images. Its folder outlives it, so that what was built once is there the next time. */
import { execa } from "execa";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { registryConfig } from "./registry.js";

const SCRIPT = fileURLToPath(new URL("builder.sh", import.meta.url));
/** Where builds push to: only the builder's own network leads there. */
export const BUILDER_REGISTRY = "127.0.0.1:5000";
/** Debian's own tools, whatever else is installed: a newer client may refuse the daemon. */
const PATH = "/usr/sbin:/usr/bin:/sbin:/bin";
const NAMESPACES = ["--mount", "--mount-proc", "--net", "--pid", "--fork", "--kill-child"];

export class Builder {
  private constructor(
    private readonly folder: string,
    private readonly keeper: ReturnType<typeof keep>,
  ) {}

  /** Waits as long as another process builds in the same folder. @throws Error with the last lines of the log */
  static async start(folder: string): Promise<Builder> {
    await mkdir(folder, { recursive: true });
    const builder = new Builder(folder, keep(folder));
    const ready = once(builder.keeper.stdout, "data").then(() => true);
    if (await Promise.race([ready, builder.keeper.then(() => false)])) return builder;
    throw new Error(await builder.#lastWords());
  }

  /** Runs the Docker client. Gives back what it printed. */
  async docker(args: readonly string[], { text }: { readonly text?: string } = {}): Promise<string> {
    const { stdout } = await execa("docker", ["--host", `unix://${path.join(this.folder, "docker.sock")}`, ...args], {
      input: text ?? "",
      env: { PATH, DOCKER_BUILDKIT: "0", DOCKER_CONFIG: path.join(this.folder, "client") },
      extendEnv: false,
    });
    return stdout;
  }

  async stop(): Promise<void> {
    this.keeper.stdin.end();
    const { exitCode } = await this.keeper;
    if (exitCode !== 0) throw new Error(await this.#lastWords());
  }

  async #lastWords(): Promise<string> {
    const { stderr } = await this.keeper;
    return ["the builder of images ended by itself:", ...stderr.split("\n").slice(-10)].join("\n");
  }
}

/** Holds the folder's lock. In a process group of its own, so that an interrupt at the terminal lets it end in order. */
function keep(folder: string) {
  const registry = registryConfig({ storage: path.join(folder, "registry"), net: "tcp", addr: BUILDER_REGISTRY });
  const command = ["unshare", ...NAMESPACES, "/bin/sh", SCRIPT, folder, registry, `evenkeel-builder-${process.pid}`];
  return execa("flock", ["--close", path.join(folder, "lock"), ...command], {
    ...({ stdin: "pipe", stdout: "pipe", buffer: { stdout: false }, reject: false } as const),
    ...{ detached: true, cleanup: false, env: { PATH }, extendEnv: false },
  });
}
