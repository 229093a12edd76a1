import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { RunRecord } from "../../scripts/rollout/adapters/record.js";
import { main } from "../../scripts/rollout/cli.js";
import type { RolloutEvent } from "../../scripts/rollout/core/events.js";
import { jsonLine } from "../../scripts/rollout/output/json-lines.js";
import type { FleetConfig } from "../../constructs/index.js";
import { testImage, testManifest } from "../support/fleet.js";
import { exampleStack, synthesized } from "../support/stacks.js";
import { event, receipt, success } from "./output/support/streams.js";
import { TestServer } from "./adapters/server.js";

const manifest = JSON.stringify(testManifest());
const root = fileURLToPath(new URL("../..", import.meta.url));
const CHILD_LIMIT_MS = 60_000;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "evenkeel-cli-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A stream that keeps what it is given, as text. */
function captured(): { text: string; write(text: string): boolean; on(): void } {
  return {
    text: "",
    write(text) {
      this.text += text;
      return true;
    },
    on() {
      // It never breaks.
    },
  };
}

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Names in the folder of this test, which holds the state folder. */
  readonly left: string[];
}

async function run(argv: string[], environment: Record<string, string> = {}): Promise<Ended> {
  const [stdout, stderr] = [captured(), captured()];
  const code = await main(argv, { EVENKEEL_STATE_DIR: path.join(folder, "state"), ...environment }, { stdout, stderr });
  return { code, stdout: stdout.text, stderr: stderr.text, left: readdirSync(folder) };
}

/** Refused with this one line and nothing else. */
const refused = (line: unknown): Ended => ({ code: 2, stdout: "", stderr: line as string, left: [] });
/** Within jest, errors of Node's own are of another realm, and the code stands within their message. */
const unreadable = (code: string): RegExp =>
  new RegExp(
    `^[^\\n]*: cannot be read \\([^\\n]*${code}[^\\n]*\\); write it with: npx cdktf output --outputs-file [^\\n]*\\n$`,
  );
const outputs = (content: string): string => {
  const file = path.join(folder, "outputs.json");
  writeFileSync(file, content);
  return file;
};

describe.each(["deploy", "rollback", "status", "verify"])("%s", (command) => {
  it.each<[string, string, RegExp]>([
    ["is not JSON", "v2", /^EVENKEEL_MANIFEST: is not JSON; needs a manifest or the file that .* writes\n$/],
    ["is of another version", '{"version":9}', /^EVENKEEL_MANIFEST: version: got 9; needs 1, the version/],
    [
      "has a bad field",
      manifest.replace('"fleet":"api"', '"fleet":7'),
      /^EVENKEEL_MANIFEST: fleet: got 7; needs 1 to 255 letters, digits, :, \., - and _\n$/,
    ],
  ])("refuses a manifest in the environment that %s", async (_name, text, line) =>
    expect(await run([command], { EVENKEEL_MANIFEST: text })).toEqual({
      ...refused(expect.stringMatching(line)),
    }),
  );

  it("refuses an outputs file that is not there, and says how to write it", async () => {
    const file = path.join(folder, "none.json");
    const ended = await run([command, "--outputs", file]);
    expect(ended).toEqual(refused(expect.stringMatching(unreadable("ENOENT"))));
    expect(ended.stderr.startsWith(`${file}: `)).toBe(true);
    expect(ended.stderr.endsWith(`--outputs-file ${file}\n`)).toBe(true);
  });

  it("refuses a folder for an outputs file", async () =>
    expect(await run([command, "--outputs", folder])).toEqual(refused(expect.stringMatching(unreadable("EISDIR")))));

  it("refuses several stacks in an outputs file, and takes the one that is named", async () => {
    const file = outputs(JSON.stringify({ a: { manifest }, b: { manifest: "{}" } }));
    const several = await run([command, "--outputs", file]);
    expect([several.code, several.stderr]).toEqual([
      2,
      `${file}: got stacks with a manifest: a, b; needs one stack with an output manifest; name one with --stack\n`,
    ]);
    const named = await run([command, "--outputs", file, "--stack", "b"]);
    expect([named.code, named.stderr.split("\n")[0]]).toEqual([
      2,
      `${file}, stack b: version: got nothing; needs 1, the version that this rollout reads`,
    ]);
    expect(named.left).toEqual(["outputs.json"]);
  });

  it("refuses a token of the API that cannot be one, which is not shown", async () => {
    const { code, stdout, stderr, left } = await run([command], {
      EVENKEEL_MANIFEST: manifest,
      DIGITALOCEAN_TOKEN: "s3cret\ntoken",
    });
    expect([code, stdout, left]).toEqual([2, "", []]);
    expect(stderr).toMatch(/^environment: DIGITALOCEAN_TOKEN: got a value with [^\n]*\n$/);
    expect(stderr).not.toContain("s3cret");
  });

  it("refuses the name of a stack beside one manifest", async () => {
    const file = outputs(manifest);
    const ended = await run([command, "--outputs", file, "--stack", "a"]);
    expect([ended.code, ended.stderr]).toEqual([
      2,
      `${file}: is one manifest, not an outputs file, yet --stack names "a"; leave --stack out\n`,
    ]);
  });

  it("takes an outputs file rather than the environment", async () => {
    const file = outputs("nothing");
    expect((await run([command, "--outputs", file], { EVENKEEL_MANIFEST: manifest })).stderr).toMatch(
      `${file}: is not JSON`,
    );
  });

  it("refuses an unknown option", async () =>
    expect(await run([command, "--force"], { EVENKEEL_MANIFEST: manifest })).toEqual(
      refused("error: unknown option '--force'\n"),
    ));

  it("refuses an option without its value", async () =>
    expect(await run([command, "--stack"], { EVENKEEL_MANIFEST: manifest })).toEqual(
      refused("error: option '--stack <name>' argument missing\n"),
    ));

  it("refuses an OpenSSH configuration that is not there", async () => {
    const ended = await run([command], {
      EVENKEEL_MANIFEST: manifest,
      DIGITALOCEAN_TOKEN: "token",
      EVENKEEL_SSH_CONFIG: "/no/such/config",
    });
    expect(ended).toEqual(
      refused(
        expect.stringMatching(
          /^environment: EVENKEEL_SSH_CONFIG: got "\/no\/such\/config", which is no file; needs [^\n]*\n$/,
        ),
      ),
    );
  });

  it.each(["EVENKEEL_SSH_CONFIG", "EVENKEEL_STATE_DIR"])(
    "refuses a relative path in %s: Terraform runs the rollout in another folder",
    async (name) => {
      const ended = await run([command], { EVENKEEL_MANIFEST: manifest, DIGITALOCEAN_TOKEN: "token", [name]: "here" });
      expect(ended).toEqual(
        refused(
          `environment: ${name}: got "here", which is another place in each folder that a rollout is run in; needs a path from /\n`,
        ),
      );
    },
  );

  it("refuses a state folder that OpenSSH would take for another, before anything is made", async () => {
    const ended = await run([command], {
      EVENKEEL_MANIFEST: manifest,
      DIGITALOCEAN_TOKEN: "token",
      EVENKEEL_STATE_DIR: path.join(folder, 'a "state"'),
    });
    expect(ended).toEqual(
      refused(
        expect.stringMatching(
          /^environment: EVENKEEL_STATE_DIR: got "[^\n]* \\"state\\""; needs a folder whose path has no ", [^\n]*\n$/,
        ),
      ),
    );
  });

  it("refuses a state folder that cannot be one", async () => {
    const file = outputs("a file");
    const ended = await run([command], {
      EVENKEEL_MANIFEST: manifest,
      DIGITALOCEAN_TOKEN: "token",
      EVENKEEL_STATE_DIR: file,
    });
    expect(ended).toEqual({
      ...refused(
        expect.stringMatching(
          /^environment: EVENKEEL_STATE_DIR: got "[^\n]*outputs\.json", which is no folder [^\n]*\n$/,
        ),
      ),
      left: ["outputs.json"],
    });
  });

  it("refuses words that it does not take", async () =>
    expect((await run([command, "api-1"], { EVENKEEL_MANIFEST: manifest })).code).toBe(2));
});

describe.each(["deploy", "verify"])("%s", (command) => {
  it.each<[string, string[], Record<string, string>]>([
    ["by option", ["--image", "API v2"], {}],
    ["by environment", [], { EVENKEEL_IMAGE: "API v2" }],
    ["by option, also when the environment has a good one", ["--image", "API v2"], { EVENKEEL_IMAGE: testImage(1) }],
  ])("refuses a bad image, %s", async (_name, argv, environment) =>
    expect(await run([command, ...argv], { EVENKEEL_MANIFEST: manifest, ...environment })).toEqual(
      refused(expect.stringMatching(/^image: .*got "API v2"; needs an image (such as|by digest, such as) [^\n]*\n$/)),
    ),
  );
});

describe.each(["deploy", "rollback"])("%s", (command) => {
  it("refuses a wait that is no number of seconds, also from the environment", async () => {
    const line = (name: string): string => `${name}: got "a while"; needs a whole number of seconds from 0 to 86400\n`;
    const environment = { EVENKEEL_MANIFEST: manifest, DIGITALOCEAN_TOKEN: "token" };
    expect(await run([command, "--wait", "a while"], environment)).toEqual(refused(line("--wait")));
    expect(await run([command], { ...environment, EVENKEEL_WAIT: "a while" })).toEqual(refused(line("EVENKEEL_WAIT")));
  });
});

describe("deploy", () => {
  it.each<[string, Record<string, string>, string]>([
    [
      "who started it",
      { EVENKEEL_STARTED_BY: "me" },
      'environment: EVENKEEL_STARTED_BY: got "me"; needs "terraform" or nothing\n',
    ],
    [
      "a balancer that is no URL",
      { EVENKEEL_BALANCER_URL: "203.0.113.250" },
      'environment: EVENKEEL_BALANCER_URL: got "203.0.113.250"; needs an http or https URL\n',
    ],
    [
      "an API that is no URL",
      { DIGITALOCEAN_API_URL: "localhost" },
      'environment: DIGITALOCEAN_API_URL: got "localhost"; needs an http or https URL\n',
    ],
    [
      "a registry user without password",
      { EVENKEEL_REGISTRY_USER: "me" },
      "environment: EVENKEEL_REGISTRY_USER is set and EVENKEEL_REGISTRY_PASSWORD is not; set both or none\n",
    ],
    [
      "a registry password without user",
      { EVENKEEL_REGISTRY_PASSWORD: "s3cret" },
      "environment: EVENKEEL_REGISTRY_PASSWORD is set and EVENKEEL_REGISTRY_USER is not; set both or none\n",
    ],
    [
      "no token of DigitalOcean's API: droplets that the manifest does not list would be missed",
      {},
      "environment: DIGITALOCEAN_TOKEN: got nothing; needs the token of DigitalOcean's API, so that droplets are found that the manifest does not list\n",
    ],
    [
      "a token with a line break, which is not shown",
      { DIGITALOCEAN_ACCESS_TOKEN: "s3cret\n" },
      "environment: DIGITALOCEAN_ACCESS_TOKEN: got a value with blanks, line breaks or characters beyond ASCII; needs the token alone\n",
    ],
    [
      "another word for the pre-deploy command",
      { EVENKEEL_PRE_DEPLOY: "no" },
      'environment: EVENKEEL_PRE_DEPLOY: got "no"; needs "run" or "skip"\n',
    ],
    [
      "a folder for an OpenSSH configuration",
      { DIGITALOCEAN_TOKEN: "token", EVENKEEL_SSH_CONFIG: "/" },
      'environment: EVENKEEL_SSH_CONFIG: got "/", which is no file; needs the path of an OpenSSH configuration\n',
    ],
  ])("refuses a bad environment: %s", async (_name, environment, line) =>
    expect(await run(["deploy", "--image", testImage(1)], { EVENKEEL_MANIFEST: manifest, ...environment })).toEqual(
      refused(line),
    ),
  );

  it("refuses an unknown kind of output", async () =>
    expect(await run(["deploy", "--output", "fancy"], { EVENKEEL_MANIFEST: manifest })).toEqual(
      refused(
        "error: option '--output <kind>' argument 'fancy' is invalid. Allowed choices are auto, terminal, plain, jsonl.\n",
      ),
    ));
});

describe("summary", () => {
  const record = (runId: string, files: Record<string, string>): void => {
    const run = path.join(folder, "state", "runs", runId);
    mkdirSync(run, { recursive: true });
    for (const [name, text] of Object.entries(files)) writeFileSync(path.join(run, name), text);
  };
  const events = (...lines: readonly RolloutEvent[]): string => lines.map((line) => `${jsonLine(line)}\n`).join("");

  it("says that there was no rollout, and makes no folder", async () => {
    const { code, stdout, left } = await run(["summary"]);
    expect({ code, left }).toEqual({ code: 0, left: [] });
    expect(stdout).toMatch(/^### No rollout ran\n/);
  });

  it("tells of the run that began last, whatever its name", async () => {
    const at = (seconds: number) => event("infrastructureOnly", {}, { at: seconds });
    record("zz", { "events.jsonl": events(at(1)) });
    record("aa", { "events.jsonl": events(at(60)), "receipt.json": JSON.stringify(receipt({ runId: "aa" })) });
    expect((await run(["summary"])).stdout).toContain("run aa\n");
  });

  it("tells what it can of a run that was ended in the middle of a line", async () => {
    record("aa", { "events.jsonl": `${events(...success().slice(0, 9))}{"time":"20` });
    expect((await run(["summary"])).stdout).toMatch(/^### Rollout aa left no receipt\n[^]*section api-1/);
  });

  it("passes over what is no record: a stray file, lines of something else, half a receipt", async () => {
    record("aa", { "events.jsonl": events(...success()), "receipt.json": '{"exitCode":0,' });
    const at = '"time":"2030-01-01T00:00:00Z","elapsedMs":1,"host":null';
    const lines = [
      ...["null", "7", '{"name":"nope"}', `{"name":"failedLog",${at},"data":{}}`, `{"name":"locked",${at}}`],
      ...[`{"name":"hostStatus",${at},"data":{"status":"flying","detail":""}}`, '{"name":"toString","data":{}}'],
    ];
    record("bb", { "events.jsonl": lines.join("\n") });
    writeFileSync(path.join(folder, "state", "runs", ".DS_Store"), "a file");
    const { code, stdout } = await run(["summary"]);
    expect([code, stdout.split("\n")[0]]).toEqual([0, "### Rollout aa left no receipt"]);
  });

  it("refuses records that cannot be read, and says where they are", async () => {
    mkdirSync(path.join(folder, "state"));
    writeFileSync(path.join(folder, "state", "runs"), "a file");
    expect(await run(["summary"])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(
        /^environment: EVENKEEL_STATE_DIR: got a state folder whose records, [^\n]*ENOTDIR/,
      ),
    });
  });

  it("shows a record of before as it would be shown today", async () => {
    const log = { ...event("failedLog", { lines: ["\u001b[2J", "x".repeat(60_000)] }, { host: "api-1" }) };
    record("aa", { "events.jsonl": `${JSON.stringify(log)}\n` });
    const { stdout } = await run(["summary"]);
    expect(stdout).toContain("… (59,000 more characters)");
    expect(stdout).not.toContain("\u001b");
  });

  it("shows what a rollout recorded", async () => {
    const record = new RunRecord(path.join(folder, "state", "runs", "k7m2q9"), [], () => undefined);
    for (const line of success()) record.emit(line);
    record.finish(receipt());
    expect((await run(["summary"])).stdout).toMatch(
      /^### api: exit code 0[^]*section api-2[^]*\| api-2 \| replaced \|/,
    );
  });
});

describe("guard", () => {
  const guard = JSON.stringify({
    fleet: "api",
    fleetTag: "http-api",
    stackTag: "evenkeel:test:api",
    balancerName: "sfo3-api",
    healthPath: "/health",
    ssh: {},
  });

  it.each<[string, Record<string, string>, string]>([
    [
      "nothing that is declared",
      { DIGITALOCEAN_TOKEN: "token" },
      "environment: EVENKEEL_GUARD: got nothing; needs what is declared, as JSON, which Terraform's provisioner sets; by hand name the folder of a synthesized stack with --from\n",
    ],
    [
      "a bad field",
      { EVENKEEL_GUARD: guard.replace('"/health"', '"health"'), DIGITALOCEAN_TOKEN: "token" },
      'EVENKEEL_GUARD: healthPath: got "health"; needs a path that starts with "/", without "?", "#" or blanks\n',
    ],
    [
      "no token",
      { EVENKEEL_GUARD: guard },
      "environment: DIGITALOCEAN_TOKEN: got nothing; needs the token of DigitalOcean's API, so that the account is asked before anything is changed\n",
    ],
  ])("refuses %s", async (_name, environment, line) =>
    expect(await run(["guard"], environment)).toEqual(refused(line)),
  );

  describe("by hand", () => {
    const stack = (config: FleetConfig, own: object = {}): void => {
      const { resource, ...rest } = synthesized(exampleStack(config));
      const more = { ...resource, null_resource: { ...own, ...resource["null_resource"] } };
      writeFileSync(path.join(folder, "cdk.tf.json"), JSON.stringify({ ...rest, resource: more }));
    };
    const byHand = (environment: Record<string, string>) => run(["guard", "--from", folder], environment);

    it("asks what the stack declares, without Terraform", async () => {
      stack({ name: "shop" }, { own: { provisioner: [{ "remote-exec": { inline: ["true"] } }] } });
      const asked: string[] = [];
      const server = await TestServer.start(({ url }) => {
        asked.push(url);
        return { status: 403, body: { message: "no" } };
      });
      const { code } = await byHand({ DIGITALOCEAN_TOKEN: "token", DIGITALOCEAN_API_URL: server.url });
      await server.stop();
      expect([code, asked]).toEqual([3, ["/v2/vpcs?page=1&per_page=1"]]);
    });

    it("refuses before anything is asked when a secret of the app is missing, which only the rollout would say", async () => {
      stack({ service: { secrets: ["DATABASE_URL", "API_KEY"] } });
      const { code, stderr } = await byHand({
        DIGITALOCEAN_TOKEN: "token",
        API_KEY: "s3cret",
        EVENKEEL_SECRETS_KEY: "",
      });
      expect(code).toBe(2);
      expect(stderr).toMatch(
        /^environment: DATABASE_URL: got nothing; needs the value of the secret [^\n]*\n[^\n]*EVENKEEL_SECRETS_KEY/,
      );
      expect(stderr).not.toContain("s3cret");
    });

    it.each([
      [
        "is not there",
        null,
        /^[^\n]*cdk\.tf\.json: cannot be read \([^\n]*ENOENT[^\n]*; write it with: npm run synth\n$/,
      ],
      [
        "is no stack",
        "{}",
        /^[^\n]*cdk\.tf\.json: is no stack of Evenkeel: nothing in it is given EVENKEEL_GUARD; [^\n]*\n$/,
      ],
    ])("refuses a stack that %s", async (_how, text, line) => {
      if (text !== null) writeFileSync(path.join(folder, "cdk.tf.json"), text);
      const { code, stderr } = await byHand({ DIGITALOCEAN_TOKEN: "token" });
      expect(code).toBe(2);
      expect(stderr).toMatch(line);
    });
  });

  it("ends with code 3 and one line, without the token, when the API does not let it in", async () => {
    const server = await TestServer.start(({ headers }) => ({
      status: 403,
      body: { message: `not for ${headers.authorization ?? ""}` },
    }));
    const environment = { EVENKEEL_GUARD: guard, DIGITALOCEAN_TOKEN: "s3cret-token", DIGITALOCEAN_API_URL: server.url };
    const { code, stdout, stderr, left } = await run(["guard"], environment);
    await server.stop();
    expect([code, stdout, left]).toEqual([3, "", []]);
    expect(stderr).toMatch(/^[^\n]*error: TokenScope: the token lacks the scope vpc:read [^\n]*\n$/);
    expect(stderr).not.toContain("s3cret");
  });
});

describe("the command line", () => {
  it("refuses an unknown command", async () =>
    expect(await run(["undo-all"])).toEqual(refused("error: unknown command 'undo-all'\n")));

  it("refuses to do nothing, and shows what it can", async () => {
    const { code, stdout, stderr } = await run([]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/^Usage: rollout .*\n(.*\n)*.*deploy/);
  });

  it("explains itself on stdout", async () => {
    const { code, stdout, stderr, left } = await run(["--help"]);
    expect([code, stderr, left]).toEqual([0, "", []]);
    for (const name of ["deploy", "rollback", "status", "verify", "doctor", "guard"])
      expect(stdout).toContain(`  ${name} `);
  });
});

describe("the entry", () => {
  const entry = (argv: string[], environment: Record<string, string>): Ended => {
    mkdirSync(path.join(folder, "home"), { recursive: true });
    const env = { PATH: process.env["PATH"], HOME: path.join(folder, "home"), ...environment };
    const ended = spawnSync(process.execPath, ["--import", "tsx", "scripts/rollout.ts", ...argv], {
      cwd: root,
      env,
      encoding: "utf8",
    });
    const left = readdirSync(path.join(folder, "home"));
    return { code: ended.status ?? -1, stdout: ended.stdout, stderr: ended.stderr, left };
  };

  it(
    "ends with code 2, one line and no stack trace on bad input, and writes nothing",
    () => {
      expect(entry(["deploy"], { EVENKEEL_MANIFEST: manifest, EVENKEEL_IMAGE: "API" })).toEqual(
        refused(expect.stringMatching(/^image: [^\n]*\n$/)),
      );
      const file = path.join(folder, "none.json");
      expect(entry(["status", "--outputs", file], {})).toEqual(
        refused(`${file}: cannot be read (ENOENT); write it with: npx cdktf output --outputs-file ${file}\n`),
      );
      expect(entry(["deploy"], { EVENKEEL_MANIFEST: manifest, EVENKEEL_OUTPUT: "fancy" })).toEqual(
        refused(expect.stringMatching(/^error: [^\n]*EVENKEEL_OUTPUT[^\n]*Allowed choices are [^\n]*\n$/)),
      );
    },
    CHILD_LIMIT_MS,
  );
});

describe("verify", () => {
  it("refuses an image by tag: hosts know digests only", async () =>
    expect(await run(["verify", "--image", "registry.example.com/api:v2"], { EVENKEEL_MANIFEST: manifest })).toEqual(
      refused(expect.stringMatching(/^image: [^\n]*needs an image by digest, such as [^\n]*\n$/)),
    ));
});
