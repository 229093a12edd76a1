/** What lies in a droplet's folder: the home folder, the commands that the lab brings, and how far cloud-init is. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { curlrc, type Route } from "./curlrc.js";
import { shimScript } from "./docker/shim.js";

/** Where this machine's own programs are found on a droplet. */
export const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export class DropletFiles {
  readonly home: string;
  readonly containers: string;
  readonly dockerSocket: string;
  readonly #programs: string;
  readonly #bootState: string;

  constructor(folder: string) {
    this.home = path.join(folder, "home");
    this.containers = path.join(folder, "containers");
    this.dockerSocket = path.join(folder, "docker.sock");
    this.#programs = path.join(folder, "bin");
    this.#bootState = path.join(folder, "boot");
    for (const created of [this.home, this.containers, this.#programs]) mkdirSync(created, { recursive: true });
    this.writeProgram("docker", shimScript(this.dockerSocket));
    this.writeProgram("cloud-init", cloudInit(this.#bootState));
  }

  /** The whole environment of a command over SSH. */
  environment(user: string): Record<string, string> {
    return {
      HOME: this.home,
      CURL_HOME: this.home,
      PATH: `${this.#programs}:${SYSTEM_PATH}`,
      USER: user,
      LOGNAME: user,
      SHELL: "/bin/sh",
      LANG: "C.UTF-8",
    };
  }

  writeBootState(state: "running" | "done"): void {
    writeFileSync(this.#bootState, state);
  }

  /** In one move, because curl may be reading it. */
  writeCurlrc(routes: readonly Route[], refusedPort: number): void {
    const file = path.join(this.home, ".curlrc");
    writeFileSync(`${file}.new`, curlrc(routes, refusedPort));
    renameSync(`${file}.new`, file);
  }

  /** A command that goes before the machine's own of that name. */
  writeProgram(name: string, script: string): void {
    writeFileSync(path.join(this.#programs, name), script, { mode: 0o755 });
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
