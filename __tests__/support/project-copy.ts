/** A copy of the project in a folder of its own, in which main.ts can be run without touching this one. */
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
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

  constructor() {
    for (const name of ["main.ts", "fleet.config.ts", "package.json", "cdktf.json", "tsconfig.json"]) {
      copyFileSync(projectFile(name), this.path(name));
    }
    for (const name of ["node_modules", "contract", "constructs"]) symlinkSync(projectFile(name), this.path(name));
    mkdirSync(this.path("dist"));
    copyFileSync(bundleFixture, this.path("dist/rollout.mjs"));
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
    return spawnSync(process.execPath, ["--import", "tsx", "main.ts"], { cwd: this.folder, env, encoding: "utf8" });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}
