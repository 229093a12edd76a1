/** A host in a temporary home: real shells run the real scripts, with docker, curl, date and the clock exchanged for strict fakes. */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { recovery } from "../../../constructs/host-files.js";
import { parseJournal, type JournalEntry } from "../../../contract/host.js";
import type { Manifest } from "../../../contract/manifest.js";
import type { Release } from "../../../contract/release.js";
import { environmentFile } from "../../../scripts/rollout/commands/docker.js";
import { framed, LOGIN_COMMAND, newFrame, readAnswer, type Parts } from "../../../scripts/rollout/commands/frame.js";
import * as commands from "../../../scripts/rollout/commands/host.js";
import { engine, environmentOf, placeOf, stages, type Place } from "../../../scripts/rollout/commands/steward.js";
import { hostSteps, type HostPlan, type OrderName } from "../../../scripts/rollout/host-steps.js";
import { testManifest, testRelease } from "../../support/fleet.js";

/** Nothing that a test waits for takes nearly as long; it only ends a test that would wait for ever. */
const PATIENCE_MS = 60_000;
const POLL_MS = 20;
const FAKES = fileURLToPath(new URL("fakes", import.meta.url));

/** Path of a program, or undefined where it is not installed. */
export function installed(program: string): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(path.delimiter);
  return folders.map((folder) => path.join(folder, program)).find((file) => existsSync(file));
}

/** Address of the container that serves at first, in the containers' network. */
export const OLD_ADDRESS = "172.31.255.242";
/** That container and its process. */
export const OLD_INSTANCE = "id-api:4242";

interface HostOptions {
  /** Path of the program that `sh` is on this host. */
  readonly shell: string;
  readonly manifest?: Manifest;
}

export class StewardHost {
  readonly home = mkdtempSync(path.join(tmpdir(), "evenkeel-steward-"));
  readonly manifest: Manifest;
  readonly place: Place;
  readonly old: Release;
  readonly next: Release;
  #orders = 0;
  #beats = 0;

  constructor({ shell, manifest = testManifest() }: HostOptions) {
    this.manifest = manifest;
    const [first] = manifest.hosts;
    if (!first) throw new Error("the manifest lists no host");
    this.place = placeOf(manifest, first);
    this.old = testRelease(manifest, 1);
    this.next = testRelease(manifest, 2);
    for (const folder of ["bin", "containers", "break"]) mkdirSync(path.join(this.home, folder));
    for (const fake of readdirSync(FAKES)) {
      copyFileSync(path.join(FAKES, fake), path.join(this.home, "bin", fake));
      chmodSync(path.join(this.home, "bin", fake), 0o755);
    }
    symlinkSync(shell, path.join(this.home, "bin/sh"));
    // Ticks are short here, so that many orders take little time; no test counts on their length.
    const nap = `#!/bin/sh\n{ [ "$*" = 0.1 ] || [ "$*" = 0.2 ]; } && exec ${installed("sleep") ?? "sleep"} 0.04\n`;
    writeFileSync(path.join(this.home, "bin/sleep"), nap, { mode: 0o755 });
    writeFileSync(path.join(this.home, "calls"), "");
    writeFileSync(path.join(this.home, "asked"), "");
    this.setClock(1000);
  }

  file(...parts: string[]): string {
    return path.join(this.home, ".evenkeel/api", ...parts);
  }

  sh(script: string, input = ""): string {
    const env = { HOME: this.home, PATH: `${path.join(this.home, "bin")}:${process.env["PATH"] ?? ""}` };
    const { status, stdout, stderr } = spawnSync(path.join(this.home, "bin/sh"), ["-c", script], {
      input,
      env,
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(`sh ended with ${status}: ${stderr}`);
    return stdout;
  }

  /** As over SSH, with the parts of the answer. */
  ask(script: string): Parts {
    const frame = newFrame();
    const answer = readAnswer(Buffer.from(this.sh(LOGIN_COMMAND, framed(script, frame))), frame, "api-1");
    if (answer?.code !== 0) throw new Error(`the script ended with ${answer?.code}: ${answer?.text}`);
    return answer.parts;
  }

  give({ script, input }: commands.Given): string {
    return this.sh(script, input);
  }

  /** Starts a steward as the rollout does. */
  start(runId = "run1", { leaseSeconds = 120, owner = "me@here" } = {}): void {
    this.give(commands.startSteward("api", { runId, owner, leaseSeconds }, engine("api")));
  }

  /** Starts a steward, and waits until it holds the lock. */
  async hold(runId = "run1", leaseSeconds = 120): Promise<void> {
    this.start(runId, { leaseSeconds });
    await this.until(() => this.journal(runId).some((entry) => entry.state === "held"), "the lock to be held");
  }

  /** Brings the steward its steps and the files of the release. */
  prepare(plan: Partial<Parameters<typeof hostSteps>[0]> = {}, runId = "run1"): HostPlan {
    const policy = this.manifest.rollout;
    const check = this.manifest.healthCheck;
    const steps = hostSteps({
      release: this.next,
      policy,
      check,
      standing: "in-rotation",
      goesBack: false,
      isWarm: false,
      letsGo: false,
      ...plan,
    });
    for (const release of [this.old, this.next]) {
      this.give(commands.writeFile("api", environmentFile(release), environmentOf(release, {})));
    }
    this.give(commands.writeFile("api", `runs/${runId}/stages.sh`, stages(this.place, steps)));
    return steps;
  }

  /** The old release serves, as an earlier rollout left it. */
  occupy(): void {
    const folder = path.join(this.home, "containers/api");
    mkdirSync(folder);
    const { privateAddress, services, checks } = this.place;
    const { port } = this.manifest.service;
    writeFileSync(path.join(this.home, "network"), "");
    const lead = `${privateAddress} ${services.join(",")} ${checks.join(",") || "-"} ${OLD_ADDRESS} ${port} open\n`;
    for (const state of ["front", "front-kept"]) {
      mkdirSync(path.join(this.home, state), { recursive: true });
      writeFileSync(path.join(this.home, state, "api"), lead);
    }
    const values = {
      id: "id-api",
      image: this.old.image,
      release: this.old.id,
      publish: ` 127.0.0.1::${port}`,
      address: OLD_ADDRESS,
      restart: "always",
      running: "true",
      restarts: "0",
      process: "4242",
    };
    for (const [name, value] of Object.entries(values)) writeFileSync(path.join(folder, name), value);
  }

  /** An earlier rollout kept the container before the one that serves. */
  keepOneBefore(): void {
    this.sh('cp -R "$HOME/containers/api" "$HOME/containers/api-previous"');
    this.sh(
      'cd "$HOME/containers/api-previous" && printf id-before >id && printf false >running && printf no >restart',
    );
  }

  /** An order that never arrives. */
  loseOrder(): void {
    this.#orders += 1;
  }

  /** Gives an order, waits for its end, and gives back the journal lines of it, those of single steps that were taken back left out. */
  async order(name: OrderName | "dance", argument = "", runId = "run1"): Promise<string[]> {
    this.#orders += 1;
    const sequence = this.#orders;
    this.give(commands.writeOrder("api", runId, sequence, `${name} ${argument}`));
    const own = (): JournalEntry[] => this.journal(runId).filter((entry) => entry.sequence === sequence);
    await this.until(
      () => own().some((entry) => entry.state === "done" || entry.state === "failed"),
      `the end of the order "${name}"`,
    );
    const lines = own().filter(({ state }) => state !== "back");
    return lines.map(({ state, detail }) => `${state} ${detail}`.trim());
  }

  /** Until a replacement waits for its new container, and has looked at it. */
  async untilAwaited(): Promise<void> {
    await this.until(() => this.journal().some((entry) => entry.detail === "new-ready"), "the new container");
    await this.round();
  }

  beat(runId = "run1"): void {
    this.#beats += 1;
    writeFileSync(this.file("runs", runId, "beat.new"), String(this.#beats));
    renameSync(this.file("runs", runId, "beat.new"), this.file("runs", runId, "beat"));
  }

  journal(runId = "run1"): JournalEntry[] {
    const file = this.file("runs", runId, "journal");
    return existsSync(file) ? parseJournal(readFileSync(file, "utf8")) : [];
  }

  /** Journal lines of the steward's own life. */
  life(runId = "run1"): string[] {
    return this.journal(runId)
      .filter(({ sequence, state }) => sequence === 0 && ["held", "refused", "lapsed", "left"].includes(state))
      .map(({ state, detail }) => `${state} ${detail}`);
  }

  /** Commands given to docker and curl since the last look; looking at Docker and its containers left out. */
  calls(): string[] {
    const lines = readFileSync(path.join(this.home, "calls"), "utf8").split("\n").slice(0, -1);
    writeFileSync(path.join(this.home, "calls"), "");
    return lines.filter((line) => !/^docker (inspect|version|network inspect|ps) /.test(line));
  }

  /** Argument list of the last `docker run`, as it arrived. */
  runArguments(): string[] {
    return readFileSync(path.join(this.home, "run-arguments"), "utf8").split("\0").slice(0, -1);
  }

  /** The container that serves, and its process. */
  instance(): string {
    const [id, process] = ["id", "process"].map((field) =>
      readFileSync(path.join(this.home, "containers/api", field), "utf8"),
    );
    return `${id}:${process}`;
  }

  /** Each container as `name release state restart-policy`. One that the front leads to is draining while its health ports are dropped. */
  containers(): string[] {
    const folder = path.join(this.home, "containers");
    const of = (name: string, field: string): string =>
      existsSync(path.join(folder, name, field)) ? readFileSync(path.join(folder, name, field), "utf8") : "none";
    const { now: led, state: frontState } = this.front();
    const stateOf = (name: string): string => {
      if (of(name, "running") !== "true") return "stopped";
      return frontState === "dropped" && led?.startsWith(`${of(name, "address")} `) ? "draining" : "serving";
    };
    const releases = new Map([
      [this.old.id, "old"],
      [this.next.id, "new"],
    ]);
    return readdirSync(folder)
      .sort()
      .map((name) => [name, releases.get(of(name, "release")), stateOf(name), of(name, "restart")].join(" "));
  }

  /** Where the front leads now and after a reboot, as `address port`, and whether its health ports are dropped; null for nowhere. */
  front(): { now: string | null; kept: string | null; state: string | null } {
    const of = (folder: string): string[] | null => {
      const file = path.join(this.home, folder, "api");
      return existsSync(file) ? readFileSync(file, "utf8").trim().split(" ") : null;
    };
    const leadOf = (words: string[] | null): string | null => words?.slice(3, 5).join(" ") ?? null;
    const [live, kept] = [of("front"), of("front-kept")];
    return { now: leadOf(live), kept: leadOf(kept), state: live?.[5] ?? null };
  }

  /** What is to go wrong on this host from now on. */
  break(...what: string[]): void {
    for (const name of what) writeFileSync(path.join(this.home, "break", name), "");
  }
  mend(what: string): void {
    rmSync(path.join(this.home, "break", what));
  }

  /** Gives an order that hangs in a command of docker. */
  async hang(name: OrderName, argument: string, command: string): Promise<void> {
    this.break(`hang-${command}`);
    this.#orders += 1;
    this.give(commands.writeOrder("api", "run1", this.#orders, `${name} ${argument}`));
    await this.until(() => existsSync(path.join(this.home, "hangs")), `docker ${command}`);
    this.mend(`hang-${command}`);
  }

  /** Everything ends at once; at the next start Docker starts what it is to start, and then the declared unit runs. */
  async powerCycle(): Promise<void> {
    await this.fail();
    this.sh(recovery("deploy")[0]?.content ?? "");
  }

  /** The same without the unit. */
  async fail(): Promise<void> {
    await this.#end();
    this.sh(`rm -rf "$HOME/front" && mkdir -p "$HOME/front-kept" && cp -R "$HOME/front-kept" "$HOME/front"
    cd "$HOME/containers" && for name in *; do
      printf false >"$name/running"
      if [ "$(cat "$name/restart")" = always ]; then docker start "$name"; fi
    done`);
  }

  /** What is left on the disk from now on. */
  leaveDiskFree(megabytes: number): void {
    writeFileSync(path.join(this.home, "free"), String(megabytes));
  }

  setClock(seconds: number): void {
    writeFileSync(path.join(this.home, "clock.new"), `${seconds}\n`);
    renameSync(path.join(this.home, "clock.new"), path.join(this.home, "clock"));
  }

  /** Waits until the steward has gone round at least once more: it asks the time once or twice a round. */
  async round(): Promise<void> {
    const asked = (): number => readFileSync(path.join(this.home, "asked")).length;
    const before = asked();
    await this.until(() => asked() >= before + 4, "another round of the steward");
  }

  /** No heartbeat for so long: sets the clock once the steward has nothing to do, and waits until it has left. */
  async silence(seconds: number, runId = "run1"): Promise<void> {
    await this.round();
    this.setClock(Number(readFileSync(path.join(this.home, "clock"), "utf8")) + seconds);
    await this.until(() => !this.lives(runId), "the steward to leave");
  }

  /** The same as {@link until} while time passes on the host: a second at each look. */
  async whileTimePasses(condition: () => boolean, what: string): Promise<void> {
    let seconds = Number(readFileSync(path.join(this.home, "clock"), "utf8"));
    await this.until(() => {
      this.setClock((seconds += 1));
      return condition();
    }, what);
  }

  /** An order, while time passes on the host until it has ended. */
  async orderInTime(name: OrderName, argument = "", runId = "run1"): Promise<string[]> {
    let hasEnded = false;
    const told = this.order(name, argument, runId).finally(() => (hasEnded = true));
    await this.whileTimePasses(() => hasEnded, `the end of "${name}"`);
    return told;
  }

  locks(): string[] {
    return readdirSync(this.file()).filter((name) => name.startsWith("lock."));
  }
  holder(): string {
    const [lock] = this.locks();
    return lock === undefined ? "nobody" : readlinkSync(this.file(lock)).replace(/^\d+:/, "");
  }

  pid(runId = "run1"): number {
    return Number(readFileSync(this.file("runs", runId, "pid"), "utf8"));
  }

  /** Whether the steward of that run still lives. */
  lives(runId = "run1"): boolean {
    return this.stewards(runId).length > 0;
  }

  /** Stewards of that run; a shell that one of them has forked for a command is none. */
  stewards(runId: string): { pid: number }[] {
    const all = this.processes().filter(({ args }) => args.includes(`/runs/${runId}/steward.sh`));
    return all.filter(({ parent }) => !all.some(({ pid }) => pid === parent));
  }

  /** Processes of this host: every steward names its home. */
  processes(): { pid: number; parent: number; args: string }[] {
    const { stdout } = spawnSync("ps", ["-ww", "-A", "-o", "pid=,ppid=,args="], { encoding: "utf8" });
    return stdout
      .split("\n")
      .map((text) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(text))
      .flatMap((match) =>
        match?.[3]?.includes(`${this.home}/`)
          ? [{ pid: Number(match[1]), parent: Number(match[2]), args: match[3] }]
          : [],
      );
  }

  async until(condition: () => boolean, what: string): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    while (!condition()) {
      if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`);
      await sleep(POLL_MS);
    }
  }

  async dispose(): Promise<void> {
    await this.#end();
    rmSync(this.home, { recursive: true, force: true });
  }

  async #end(): Promise<void> {
    for (const { pid } of this.processes()) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It ended by itself in between.
      }
    }
    await this.until(() => this.processes().length === 0, "the end of all processes");
  }
}
