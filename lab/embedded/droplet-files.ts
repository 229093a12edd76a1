/** What lies in a droplet's folder: the home folder, the commands that the lab brings, and how far cloud-init is. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { curlProgram, curlrc, type Route } from "./curlrc.js";
import { shimScript } from "./docker/shim.js";
import { NO_RULE } from "./front/sudo.js";
import type { LyingProgram } from "./liar.js";

/** Where this machine's own programs are found on a droplet. */
export const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const NO_DOCKER = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?";

export class DropletFiles {
  readonly home: string;
  readonly containers: string;
  readonly dockerSocket: string;
  readonly sudoSocket: string;
  readonly #programs: string;
  /** Searched first: what an intruder has put before the honest programs. */
  readonly #lies: string;
  readonly #bootState: string;
  readonly #routes: string;

  constructor(folder: string) {
    this.home = path.join(folder, "home");
    this.containers = path.join(folder, "containers");
    this.dockerSocket = path.join(folder, "docker.sock");
    this.sudoSocket = path.join(folder, "sudo.sock");
    this.#programs = path.join(folder, "bin");
    this.#lies = path.join(folder, "lies");
    this.#bootState = path.join(folder, "boot");
    this.#routes = path.join(folder, "routes");
    for (const created of [this.home, this.containers, this.#programs, this.#lies])
      mkdirSync(created, { recursive: true });
    this.writeProgram("docker", shimScript(this.dockerSocket, NO_DOCKER));
    this.writeProgram("sudo", shimScript(this.sudoSocket, NO_RULE));
    this.writeProgram("curl", curlProgram(this.#routes, SYSTEM_PATH));
    this.writeProgram("cloud-init", cloudInit(this.#bootState));
  }

  /** The whole environment of a command over SSH. */
  environment(user: string): Record<string, string> {
    return {
      HOME: this.home,
      PATH: `${this.#lies}:${this.#programs}:${SYSTEM_PATH}`,
      USER: user,
      LOGNAME: user,
      SHELL: "/bin/sh",
      LANG: "C.UTF-8",
    };
  }

  writeBootState(state: "running" | "done"): void {
    writeFileSync(this.#bootState, state);
  }

  /** In one move, because curl may be reading them. */
  writeRoutes(routes: readonly Route[], refusedPort: number): void {
    writeFileSync(`${this.#routes}.new`, curlrc(routes, refusedPort));
    renameSync(`${this.#routes}.new`, this.#routes);
  }

  /** A command that goes before the machine's own of that name. */
  writeProgram(name: string, script: string): void {
    writeFileSync(path.join(this.#programs, name), script, { mode: 0o755 });
  }

  /** One lying program at most; null: none. */
  writeLie(lie: LyingProgram | null): void {
    rmSync(this.#lies, { recursive: true, force: true });
    mkdirSync(this.#lies);
    if (lie) writeFileSync(path.join(this.#lies, lie.name), lie.script, { mode: 0o755 });
  }

  /** The machine's own is found again. */
  removeProgram(name: string): void {
    rmSync(path.join(this.#programs, name), { force: true });
  }
}

/** @see https://docs.cloud-init.io/en/latest/explanation/status.html */
const cloudInit = (bootState: string): string => `#!/bin/sh
if [ "$1" != status ]; then
  echo 'lab: cloud-init knows only status' >&2
  exit 2
fi
printf 'status: %s\\n' "$(cat '${bootState}')"
`;
