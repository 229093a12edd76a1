/** The job that deploys, run command by command in a clean copy of the project. What is a stand-in is said in its title. */
import { execFileSync, spawnSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { environmentNames as names } from "../../contract/manifest.js";
import type { Login } from "../../lab/api/logins.js";
import { LAB_TOKEN } from "../../lab/cloud.js";
import { Scenario } from "../support/scenario.js";
import { projectFile } from "../support/stacks.js";
import { JobRun, type JobOptions, SHA } from "../support/workflow/job-run.js";

jest.setTimeout(600_000);

const BASTION = "bastion.example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEvenkeelTestsOnlyNoSuchBastionIsThere";
const REGISTRY = "registry.digitalocean.com/lab/api";
const folder = mkdtempSync(path.join(tmpdir(), "evenkeel-workflow-"));
const key = path.join(folder, "key");

const PROGRAMS = {
  npm: "__tests__/support/workflow/programs/npm.mjs",
  docker: "__tests__/support/workflow/programs/docker.mjs",
};

describe("main-deploy on a fleet of the lab (stand-ins: actions, npm ci, docker, and cdktf deploy but for synth and rollout)", () => {
  let scenario: Scenario;
  let first: string;
  let second: string;
  const runs: JobRun[] = [];

  beforeAll(async () => {
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "tests", "-f", key]);
    scenario = await Scenario.start();
    first = await scenario.begin();
    second = await scenario.world.pushReference("v2");
  });
  afterAll(async () => {
    for (const run of runs) run.end();
    rmSync(folder, { recursive: true, force: true });
    await scenario.end();
  });

  const job = async (options: Partial<JobOptions> = {}): Promise<JobRun> => {
    const run = new JobRun({
      ...{ file: "main-deploy.yml", job: "deploy", programs: PROGRAMS, prepare: declared() },
      secrets: { DIGITALOCEAN_ACCESS_TOKEN: LAB_TOKEN, DO_API_KEY: readFileSync(key, "utf8") },
      vars: {
        DO_REGISTRY: "lab",
        EVENKEEL_SSH_PUBLIC_KEY: readFileSync(`${key}.pub`, "utf8").trim(),
        EVENKEEL_SSH_ALLOWED_CIDRS: "203.0.113.7/32",
        EVENKEEL_BASTION_KNOWN_HOSTS: BASTION,
      },
      environment: standIns(scenario, { push: second, run: runs.length }),
      ...options,
    });
    runs.push(run);
    return run.run();
  };
  /** Of docker, during the last run. */
  const calls = (): string[] => {
    const file = path.join(folder, `docker-${runs.length - 1}`, "calls");
    const lines = existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
    return lines.map((line) => line.split(" ")[0] ?? "");
  };
  const succeeded = (run: JobRun): void =>
    expect({ failed: run.failed, log: run.log }).toEqual({ failed: false, log: run.log });

  describe("after a push", () => {
    let run: JobRun;
    let built: string[];
    let serving: (string | null)[];
    const logins = (): Login[] => scenario.world.api.logins.minted.filter(({ readWrite }) => readWrite);
    let minted: Login[];

    beforeAll(async () => {
      const before = logins().length;
      run = await job();
      serving = await scenario.running();
      built = calls();
      minted = logins().slice(before);
    });

    it("takes every step", () => {
      succeeded(run);
      expect(run.titles("skipped")).toEqual(["Let a rollout that was told to stop put its host back"]);
    });

    it("builds once and pushes, with a login that soon expires", () => {
      expect(built).toEqual(["pull", "build", "push", "image"]);
      expect(minted).toHaveLength(1);
      expect(minted[0]?.expiresAtMs).toBeLessThan(Date.now() + 1_900_000);
    });

    it("knows the bastion", () =>
      expect(readFileSync(path.join(run.home, ".ssh/known_hosts"), "utf8")).toBe(`${BASTION}\n`));

    it("rolls out by digest", () => expect(serving).toEqual([second, second]));

    it("shows the receipt and its picture, and keeps the record", () => {
      expect(run.summary).toMatch(/^### api: exit code 0: the fleet is on its target\n/);
      expect(run.summary).toContain(second);
      expect(run.summary).toMatch(/- witness: [1-9]\d* requests sent, 0 failed\n/);
      expect(run.summary).toContain("```mermaid");
      const kept = run.artifacts.get("rollout-4711-1") ?? "none";
      const [record = ""] = readdirSync(kept);
      expect(readdirSync(path.join(kept, record)).sort()).toEqual(["events.jsonl", "receipt.json", "timeline.svg"]);
    });

    it("shows no secret, and leaves no key and no agent", () => {
      const secret = readFileSync(key, "utf8").split("\n")[2] ?? "";
      const shown = [run.log, run.summary, JSON.stringify(run.environment)].join("\n");
      expect(secret.length).toBeGreaterThan(40);
      expect(shown).not.toContain(secret);
      expect(shown).not.toContain(LAB_TOKEN);
      expect(spawnSync("grep", ["-rlF", secret, run.temp, run.workspace]).stdout.toString()).toBe("");
      const socket = run.environment["SSH_AUTH_SOCK"] ?? "";
      expect(socket).not.toBe("");
      expect(existsSync(socket)).toBe(false);
    });
  });

  it("goes back to an older image by hand without building anything", async () => {
    const run = await job({ inputs: { image: first } });
    succeeded(run);
    expect(calls()).toEqual([]);
    expect(await scenario.running()).toEqual([first, first]);
    expect(run.summary).toContain(first);
  });

  it("fails with the rollout, and shows why all the same", async () => {
    const before = await scenario.running();
    const run = await job({ inputs: { image: `${REGISTRY}@sha256:${"0".repeat(64)}` } });
    expect(run.titles("failure")).toEqual(["Deploy by digest"]);
    expect(run.summary).toMatch(/^### api: exit code 3: refused before the start/);
    expect(run.artifacts.size).toBe(1);
    expect(await scenario.running()).toEqual(before);
  });

  it("does not build again what an earlier attempt has pushed", async () => {
    const [serving] = await scenario.running();
    const environment = standIns(scenario, { push: serving ?? "", run: runs.length });
    writeFileSync(path.join(environment["STAND_IN_DOCKER"] ?? "", "pushed"), `${REGISTRY}:sha-${SHA}`);
    succeeded(await job({ environment }));
    expect(calls()).toEqual(["pull", "image"]);
  });

  describe("stops before anything is built", () => {
    const stopped = async (title: string, message: string, options: Partial<JobOptions>): Promise<void> => {
      const run = await job(options);
      expect(run.titles("failure")).toEqual([title]);
      expect(run.log).toContain(message);
      expect(calls()).toEqual([]);
      expect(run.summary).toBe("");
    };

    it("when the state would be a file on the runner, as it is until a backend is chosen", () =>
      stopped("Check the configuration", "fleet.config.ts: backend: got none, so that the state would be a file", {
        prepare: () => undefined,
      }));

    it.each(["DIGITALOCEAN_ACCESS_TOKEN", "DO_API_KEY"])("without the secret %s", (name) => {
      const secrets = { DIGITALOCEAN_ACCESS_TOKEN: LAB_TOKEN, DO_API_KEY: "x", [name]: "" };
      return stopped("Check what has to be set, before anything is built", `${name}: is empty; set this secret`, {
        secrets,
      });
    });

    it.each(["DO_REGISTRY", "EVENKEEL_SSH_ALLOWED_CIDRS"])("without the variable %s", (name) => {
      const vars = { DO_REGISTRY: "lab", EVENKEEL_SSH_ALLOWED_CIDRS: "203.0.113.7/32", [name]: "" };
      return stopped("Check what has to be set, before anything is built", `${name}: is empty`, { vars });
    });

    const ASKED = "Ask account, token and hosts, and whether the app's secrets are here";

    it("without a secret of the app", () =>
      stopped(ASKED, "DATABASE_URL: got nothing; needs the value of the secret", {
        prepare: declared(["service: {", `service: {\n    secrets: ["DATABASE_URL"],`]),
      }));

    it("when hosts do not answer where the balancer is to ask", () =>
      stopped(ASKED, "NotAnsweredYet", { prepare: declared([`path: "/health"`, `path: "/up-9b1c"`]) }));

    it("with another key than the droplets know", () => {
      const { privateKey } = generateKeyPairSync("rsa", {
        modulusLength: 2048,
        publicKeyEncoding: { type: "spki", format: "pem" },
        privateKeyEncoding: { type: "pkcs1", format: "pem" },
      });
      const secrets = { DIGITALOCEAN_ACCESS_TOKEN: LAB_TOKEN, DO_API_KEY: privateKey };
      return stopped("Hand the key to an agent", "Agent signature failed", { secrets });
    });
  });
});

/** What a user does once (docs/github.md), and the lab's fleet by the name of its environment. @param more replaces one text by another */
const declared =
  (...more: [before: string, after: string][]) =>
  (workspace: string): void => {
    const file = path.join(workspace, "fleet.config.ts");
    const once: [string, string][] = [
      [`environment: "production",`, `environment: "e2e",`],
      [`region: "sfo3",`, `region: "sfo3",\n  backend: { spaces: { bucket: "tf-state", region: "nyc3" } },`],
    ];
    const text = [...once, ...more].reduce(
      (sofar, [before, after]) => {
        if (!sofar.includes(before)) throw new Error(`fleet.config.ts has no ${before}`);
        return sofar.replace(before, () => after);
      },
      readFileSync(file, "utf8"),
    );
    writeFileSync(file, text);
  };

/** Where the stand-ins find what they stand for. */
function standIns(
  { world, stackFolder }: Scenario,
  { push, run }: { readonly push: string; readonly run: number },
): Record<string, string> {
  const docker = path.join(folder, `docker-${run}`);
  mkdirSync(docker, { recursive: true });
  const { environment } = world.rolloutCommand({ image: "", stackFolder });
  const fleet = path.join(folder, "fleet.json");
  const { [names.manifest]: manifest, [names.sshConfig]: ssh, [names.balancerUrl]: balancer } = environment;
  writeFileSync(
    fleet,
    JSON.stringify({ [names.manifest]: manifest, [names.sshConfig]: ssh, [names.balancerUrl]: balancer }),
  );
  return {
    [names.digitaloceanApi]: world.api.url,
    // Where the lab's droplets are reached; on a runner their addresses do.
    [names.sshConfig]: ssh ?? "",
    STAND_IN_NPM: execFileSync("which", ["npm"], { encoding: "utf8" }).trim(),
    STAND_IN_PACKAGES: projectFile("node_modules"),
    STAND_IN_CDKTF: projectFile("__tests__/support/workflow/programs/cdktf.mjs"),
    STAND_IN_DOCKER: docker,
    STAND_IN_DIGEST: push,
    STAND_IN_FLEET: fleet,
  };
}
