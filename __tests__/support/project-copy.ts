/** A copy of the project in a folder of its own, in which main.ts can be run without touching this one. */
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundleFixture, projectFile, publicKey } from "./stacks.js";

export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class ProjectCopy {
  readonly folder = mkdtempSync(join(tmpdir(), "evenkeel-project-"));

  /**
   * @param packages npm packages in place of others, such as `{ cdktf: "cdktn" }`
   * @param bundle path of the bundled rollout @default - one that does nothing
   */
  constructor(
    private readonly packages: Readonly<Record<string, string>> = {},
    bundle = bundleFixture,
  ) {
    for (const name of ["main.ts", "fleet.config.ts", "package.json", "cdktf.json", "tsconfig.json"]) {
      copyFileSync(projectFile(name), this.path(name));
    }
    for (const name of ["contract", "constructs"]) symlinkSync(projectFile(name), this.path(name));
    mkdirSync(this.path("node_modules"));
    for (const name of readdirSync(projectFile("node_modules"))) {
      symlinkSync(projectFile(`node_modules/${packages[name] ?? name}`), this.path(`node_modules/${name}`));
    }
    mkdirSync(this.path("dist"));
    copyFileSync(bundle, this.path("dist/rollout.mjs"));
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  has(name: string): boolean {
    return existsSync(this.path(name));
  }

  /** Runs main.ts; of the environment only PATH, a key and `environment` are there. */
  synth(environment: NodeJS.ProcessEnv = {}): Finished {
    const env = { PATH: process.env["PATH"], EVENKEEL_SSH_PUBLIC_KEY: publicKey, ...environment };
    // Whatever is linked finds the packages of the copy, not those of the project.
    const links = Object.keys(this.packages).length > 0 ? ["--preserve-symlinks", "--preserve-symlinks-main"] : [];
    const argv = [...links, "--import", "tsx", "main.ts"];
    return spawnSync(process.execPath, argv, { cwd: this.folder, env, encoding: "utf8" });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}
