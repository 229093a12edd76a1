/** Where secrets may not turn up: command lines, output, records, hosts, containers, the synthesized stack. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { RECORD_KEY_VARIABLE } from "../../contract/history.js";
import { environmentNames as names } from "../../contract/manifest.js";
import { SECRETS_KEY_VARIABLE } from "../../contract/secrets.js";
import type { EmbeddedDroplet } from "../../lab/embedded/droplet.js";
import { referenceImage } from "../../lab/embedded/images.js";
import { embedded } from "../../lab/embedded/site.js";
import type { Deployment } from "../../lab/rehearsal.js";
import { REDACTED } from "../../scripts/rollout/output/redact.js";
import { closeSsh, ssh } from "../lab/support/ssh.js";
import { Scenario } from "../support/scenario.js";
import { core, filesIn, found, type Place } from "../support/secrets.js";

jest.setTimeout(600_000);

const REGISTRY = "registry.example.com";

/** In a thread of its own, so that it goes on while the world is busy. Linux only. */
const WATCHER = `
  const { parentPort } = require("node:worker_threads");
  const { readdirSync, readFileSync } = require("node:fs");
  const seen = new Set();
  const read = (file) => { try { return readFileSync(file, "latin1"); } catch { return ""; } };
  const tell = (where, text) => {
    if (text === "" || seen.has(where + text)) return;
    seen.add(where + text);
    parentPort.postMessage({ where, text });
  };
  const look = () => {
    for (const pid of readdirSync("/proc")) {
      if (!/^[0-9]+$/.test(pid)) continue;
      tell("a command line", read("/proc/" + pid + "/cmdline"));
      const environment = read("/proc/" + pid + "/environ");
      if (environment.includes("LAB_DROPLET=")) tell("the environment of a droplet's process", environment);
    }
    setTimeout(look, 1);
  };
  look();
`;

/** Collects the command lines of all processes, and the environments of those that run on a droplet. */
class ProcessWatcher {
  readonly places: Place[] = [];
  readonly #worker = new Worker(WATCHER, { eval: true });

  constructor() {
    this.#worker.on("message", (place: Place) => this.places.push(place));
  }

  async until(condition: (places: readonly Place[]) => boolean): Promise<void> {
    const deadline = Date.now() + 60_000;
    while (!condition(this.places)) {
      if (Date.now() > deadline) throw new Error("the watcher has not seen it within a minute");
      await sleep(20);
    }
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}

const isLinux = process.platform === "linux";
const onLinux = isLinux ? it : it.skip;
const linuxOnly = (title: string): string =>
  isLinux ? title : `${title} (skipped: command lines are read from /proc)`;

describe("the search itself", () => {
  const control = new Map([["control", core()]]);
  const value = control.get("control") ?? "";

  onLinux(linuxOnly("sees a value, plain or in base64, among the arguments of a process"), async () => {
    const watcher = new ProcessWatcher();
    const hidden = new Map([["hidden", core()]]);
    const base64 = Buffer.from(`robot:${hidden.get("hidden") ?? ""}`).toString("base64");
    const children = [value, base64].map((argument) =>
      spawn(process.execPath, ["-e", "setInterval(() => undefined, 1000)", argument], { stdio: "ignore" }),
    );
    try {
      await watcher.until((places) => found(new Map([...control, ...hidden]), places).length === 2);
    } finally {
      for (const child of children) child.kill("SIGKILL");
      await watcher.stop();
    }
    expect(found(control, watcher.places)).toEqual(["control in a command line"]);
    expect(found(new Map([["other", core()]]), watcher.places)).toEqual([]);
  });

  it("finds a value in a file, plain, in base64 from any offset, and as the target of a link", () => {
    const folder = mkdtempSync(path.join(tmpdir(), "evenkeel-secrets-"));
    const base64 = ["", "a", "ab"].map((before) => Buffer.from(`${before}${value}:x`).toString("base64"));
    try {
      for (const text of [`{"password":"${value}"}`, ...base64, base64.join("").replaceAll("=", "")]) {
        writeFileSync(path.join(folder, "file"), text);
        expect(found(control, filesIn(folder))).toEqual([`control in ${path.join(folder, "file")}`]);
      }
      writeFileSync(path.join(folder, "file"), "nothing of that kind");
      expect(found(control, filesIn(folder))).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("four rollouts with secrets in their environment", () => {
  const passwordCore = core();
  /** Of characters that JSON, XML, a shell and a URL each write in another way. */
  const password = `p"w&'+<${passwordCore}>/ %x`;
  /** The app's own, beside which the key of its fingerprint is kept. */
  const app = { core: core(), key: `${core()}${core()}` };
  const databaseUrl = `postgres://u:p"w&'+<${app.core}>@db/x %y`;
  /** Signs the record of what the fleet served. */
  const recordKey = `${core()}${core()}`;
  const secrets = new Map<string, string>([
    [names.registryPassword, passwordCore],
    [RECORD_KEY_VARIABLE, recordKey],
    ["DATABASE_URL", app.core],
    [SECRETS_KEY_VARIABLE, app.key],
  ]);
  let scenario: Scenario;
  let watcher: ProcessWatcher | null = null;
  let plain: Deployment;
  let jsonl: Deployment;
  let leaking: Deployment;
  let refused: Deployment;

  beforeAll(async () => {
    const registries = { [REGISTRY]: { user: "robot", password } };
    const fleet = { service: { secrets: ["DATABASE_URL"] } };
    scenario = await Scenario.start({ fleet, site: embedded({ registries }) });
    const { world } = scenario;
    const token = world.environment()[names.digitaloceanToken] ?? "";
    secrets.set(names.digitaloceanToken, token);
    if (isLinux) watcher = new ProcessWatcher();
    plain = await scenario.deploy(await world.pushReference("v1"), login("plain"));
    const source = await referenceImage(world.folder, "v2");
    jsonl = await scenario.deploy(world.site.push({ ...source, repository: `${REGISTRY}/team/api` }), login("jsonl"));
    leaking = await scenario.deploy(world.site.push(tellingImage(password)), login("plain"));
    refused = await againstTellingApi((url) =>
      scenario.deploy("", { ...login("jsonl"), [names.digitaloceanApi]: url }),
    );
    world.api.logins.minted.forEach(({ token: minted }, index) => secrets.set(`minted login ${index + 1}`, minted));
  });
  afterAll(async () => {
    await watcher?.stop();
    if (!(scenario as Scenario | undefined)) return;
    await closeSsh(scenario.world);
    await scenario.end();
  });

  const login = (output: string): Record<string, string> => ({
    [names.registryUser]: "robot",
    [names.registryPassword]: password,
    [names.output]: output,
    DATABASE_URL: databaseUrl,
    [SECRETS_KEY_VARIABLE]: app.key,
    [RECORD_KEY_VARIABLE]: recordKey,
  });

  it("ended as they should, with every secret in use", async () => {
    const shown = ({ exitCode, receipt }: Deployment) => [exitCode, receipt?.error?.code ?? null];
    expect([plain, jsonl, leaking, refused].map(shown)).toEqual([
      [0, null],
      [0, null],
      [5, "StepFailed"],
      [3, "CloudRefused"],
    ]);
    expect(secrets.size).toBeGreaterThanOrEqual(5);
    expect((await scenario.running()).every((image) => image?.startsWith(`${REGISTRY}/team/api@`))).toBe(true);
  });

  onLinux(linuxOnly("show none on a command line, and hand none to a process on a droplet"), () => {
    const places = watcher?.places ?? [];
    const seen = (part: string): boolean => places.some(({ text }) => text.includes(part));
    // The rollout itself, its ssh, the steward and the pull were all seen.
    expect([".mjs\0deploy", "ControlPath=", "steward.sh\0", "docker\0--config\0", "LAB_DROPLET="].map(seen)).toEqual(
      Array.from({ length: 5 }, () => true),
    );
    expect(found(secrets, places)).toEqual([]);
  });

  it("send none over SSH but on stdin", () => {
    const places = scenario.world.droplets.flatMap(({ name, commands }) =>
      commands.map((text) => ({ where: `a command to ${name}`, text })),
    );
    expect(places.length).toBeGreaterThan(0);
    expect(found(secrets, places)).toEqual([]);
  });

  it("print none", () => {
    const all = { plain, jsonl, leaking, refused };
    const places = Object.entries(all).flatMap(([name, { stdout, stderr }]) => [
      { where: `stdout of ${name}`, text: stdout },
      { where: `stderr of ${name}`, text: stderr },
    ]);
    for (const { text } of places) expect(text).not.toBe("");
    for (const line of jsonl.stderr.trim().split("\n")) expect(() => JSON.parse(line) as unknown).not.toThrow();
    expect(found(secrets, places)).toEqual([]);
  });

  it("take them out of what a container and the API say", async () => {
    // A drain begins with the host that the balancer asks next: which one it is, differs.
    const { droplets } = scenario.world;
    const isCanary = await Promise.all(
      droplets.map(async (each) => (await each.containers()).some(({ name }) => name === "api-failed")),
    );
    const [canary, ...others] = droplets.filter((_, index) => isCanary[index]);
    expect(others).toEqual([]);
    const said = (await canary?.logs("api-failed"))?.join("\n");
    expect(said).toContain(passwordCore);
    expect(said).toContain(app.core);
    expect(leaking.stderr).toContain(`fatal: cannot log in with ${REDACTED} at ${REDACTED}`);
    expect(refused.stderr).toContain(`Bearer ${REDACTED} is not valid`);
    expect(JSON.stringify(refused.receipt)).toContain(`Bearer ${REDACTED} is not valid`);
  });

  it("leave none in a file: records, known hosts, droplets, the synthesized stack; but the app's own where the app reads it", () => {
    const all = [...filesIn(scenario.world.folder), ...filesIn(scenario.stackFolder)];
    const forApp = all.filter(({ where }) => APPS_OWN.test(where));
    const places = all.filter((place) => !forApp.includes(place));
    expect(forApp.length).toBeGreaterThanOrEqual(scenario.world.droplets.length);
    for (const { text } of forApp) expect(text).toContain(databaseUrl);
    expect(found(new Map([...secrets].filter(([name]) => name !== "DATABASE_URL")), forApp)).toEqual([]);
    for (const name of [
      "events.jsonl",
      "receipt.json",
      "timeline.svg",
      "known_hosts",
      "journal",
      "stages.sh",
      "history.json",
    ])
      expect(places.map(({ where }) => path.basename(where))).toContain(name);
    expect(places.filter(({ where }) => /\/home\/\.evenkeel\/api\/releases\/.+\.env$/.test(where))).not.toEqual([]);
    expect(places.filter(({ text }) => text.includes('"user_data"'))).not.toEqual([]);
    expect(found(secrets, places)).toEqual([]);
  });

  it("leave none in containers and outputs", async () => {
    const { world } = scenario;
    const inspected = await Promise.all(
      world.droplets.map(async (droplet) => ({
        where: `docker inspect on ${droplet.name}`,
        text: (await ssh(world, droplet, "docker inspect $(docker ps -a -q)")).stdout,
      })),
    );
    for (const { text } of inspected) expect(text).toContain('"Env"');
    const logs = (await Promise.all(world.droplets.map(logsOf))).flat();
    expect(logs.some(({ text }) => text !== "")).toBe(true);
    const outputs = { where: "the output", text: JSON.stringify(world.output("manifest")) };
    expect(found(secrets, [...inspected, ...logs, outputs])).toEqual([]);
  });
});

/** Where a release's secrets are for the app. */
const APPS_OWN = /\/home\/\.evenkeel\/api\/releases\/[0-9a-f]{16}\.secrets\/DATABASE_URL$/;

/** What the containers of a droplet wrote, all but the failed one. */
async function logsOf(droplet: EmbeddedDroplet): Promise<Place[]> {
  const containers = await droplet.containers();
  const names = containers.map(({ name }) => name).filter((name) => name !== "api-failed");
  return Promise.all(
    names.map(async (name) => ({ where: `log of ${name}`, text: (await droplet.logs(name, 1000)).join("\n") })),
  );
}

/**
 * An image that cannot start and says with which password, and with which secret of the app. The password is backwards in its environment, so that it is found
 * only where it was written.
 */
const tellingImage = (password: string) => ({
  repository: "lab/api",
  tag: "telling",
  command: [
    process.execPath,
    "-e",
    `const { BACKWARDS, DATABASE_URL_FILE } = process.env;
    const url = require("fs").readFileSync(DATABASE_URL_FILE, "utf8");
    console.error("fatal: cannot log in with " + [...BACKWARDS].reverse().join("") + " at " + url);
    process.exit(1);`,
  ],
  environment: { BACKWARDS: Array.from(password).reverse().join("") },
});

/** An API that refuses every call and repeats the token that it was given. */
async function againstTellingApi<Result>(work: (url: string) => Promise<Result>): Promise<Result> {
  const server = createServer(({ headers }, response) => {
    const message = `${headers.authorization ?? ""} is not valid`;
    response
      .writeHead(401, { "content-type": "application/json" })
      .end(JSON.stringify({ id: "unauthorized", message }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    return await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}
