import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { fleetFields } from "../../contract/config.js";
import { ProjectCopy } from "../support/project-copy.js";
import type { Synthesized } from "../support/schema-check.js";

// Each run is a process of its own: about a second, more on a busy machine.
jest.setTimeout(60_000);

let project: ProjectCopy;
beforeAll(() => void (project = new ProjectCopy()));
afterAll(() => project.remove());
beforeEach(() => rmSync(project.path("cdktf.out"), { recursive: true, force: true }));

const STACK = "stacks/api-production/cdk.tf.json";
const read = (path: string) => readFileSync(project.path(path), "utf8");

/** Writes a configuration module and returns its name. */
function configModule(source: string): string {
  writeFileSync(project.path("other.config.ts"), source);
  return "other.config.ts";
}

const withSecret = (): string =>
  configModule(`export default { ssh: { keyFingerprints: ["1"] }, service: { secrets: ["KEY"] } };`);

describe("main.ts", () => {
  test("synthesizes the example configuration, given a key", () => {
    expect(project.synth()).toEqual(expect.objectContaining({ status: 0, stderr: "" }));
    const { resource, output } = JSON.parse(read(`cdktf.out/${STACK}`)) as Synthesized;
    expect(Object.keys(resource["digitalocean_droplet"] ?? {})).toHaveLength(2);
    expect(Object.keys(output)).toContain("manifest");
  });

  test("says what the stack costs a month, in one line and on stdout alone", () => {
    const { stdout, stderr } = project.synth();
    expect(stdout).toMatch(/^api-production costs \$24 a month \([^\n]*\)\n$/);
    expect(stderr).toBe("");
  });

  test("writes no absolute path and no secret, in no file", () => {
    const secrets = {
      ...{ DIGITALOCEAN_TOKEN: "planted-token", EVENKEEL_REGISTRY_PASSWORD: "planted-password" },
      ...{ KEY: "planted-key", EVENKEEL_SECRETS_KEY: "planted-".repeat(4), EVENKEEL_CONFIG: withSecret() },
      EVENKEEL_RECORD_KEY: "planted-".repeat(4),
    };
    expect(project.synth(secrets).status).toBe(0);
    const files = readdirSync(project.path("cdktf.out"), { recursive: true, withFileTypes: true }).filter((f) =>
      f.isFile(),
    );
    expect(files.map(({ name }) => name).sort()).toEqual(["cdk.tf.json", "manifest.json", "rollout.mjs"]);
    const json = read(`cdktf.out/${STACK}`) + read("cdktf.out/manifest.json");
    expect(json).not.toContain("planted");
    expect(json).not.toContain(project.folder);
    expect(json).not.toContain(process.cwd());
    // Absolute paths that are left belong to the droplets.
    const onDroplets = /^\/(etc|usr|home|root|s?bin|dev|health|var|tmp|run|proc)\b/;
    const paths = (json.match(/(?<=["\s=:])\/[a-z][A-Za-z0-9._/-]*/g) ?? []).filter((path) => !onDroplets.test(path));
    expect(paths).toEqual([]);
  });

  test("rolls out anew when a secret changes, and needs no secret to be looked at", () => {
    const trigger = (environment: NodeJS.ProcessEnv): string => {
      expect(project.synth({ EVENKEEL_CONFIG: withSecret(), ...environment }).status).toBe(0);
      const { resource } = JSON.parse(read(`cdktf.out/${STACK}`)) as Synthesized;
      const [, rollout] =
        Object.entries(resource["null_resource"] ?? {}).find(([name]) => name.startsWith("rollout_")) ?? [];
      return (rollout as { triggers: { settings: string } }).triggers.settings;
    };
    const key = { EVENKEEL_SECRETS_KEY: "k".repeat(32) };
    const [one, again, other, none] = [
      trigger({ ...key, KEY: "1" }),
      trigger({ ...key, KEY: "1" }),
      trigger({ ...key, KEY: "2" }),
      trigger({}),
    ];
    expect(again).toBe(one);
    expect(new Set([one, other, none]).size).toBe(3);
    expect([trigger({ KEY: "1" }), trigger(key)]).toEqual([none, none]);
  });

  test("writes the same twice", () => {
    const [first, second] = [0, 1].map(() => {
      expect(project.synth().status).toBe(0);
      return read(`cdktf.out/${STACK}`);
    });
    expect(first).toBe(second);
  });

  test("writes where CDKTF_OUTDIR says", () => {
    expect(project.synth({ CDKTF_OUTDIR: "elsewhere" }).status).toBe(0);
    expect(project.has(`elsewhere/${STACK}`)).toBe(true);
    expect(project.has("cdktf.out")).toBe(false);
  });

  test("takes another configuration module", () => {
    const config = configModule(`export default { name: "demo", ssh: { keyFingerprints: ["1"] }, dropletCount: 3 };`);
    expect(project.synth({ EVENKEEL_CONFIG: config })).toEqual(expect.objectContaining({ status: 0, stderr: "" }));
    expect(read("cdktf.out/stacks/demo-production/cdk.tf.json")).toContain("fleet_demo-3_");
  });
});

test("main.ts takes a backend where one is required", () => {
  const config = configModule(
    `export default { ssh: { keyFingerprints: ["1"] }, backend: { spaces: { bucket: "tf-state", region: "nyc3" } } };`,
  );
  const { status, stderr } = project.synth({ EVENKEEL_CONFIG: config, EVENKEEL_REQUIRE_BACKEND: "true" });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
});

describe("main.ts exits with 2 and one line a fault, and writes nothing", () => {
  const refused = (environment: NodeJS.ProcessEnv, lines: string[]) => {
    expect(project.synth(environment)).toEqual(
      expect.objectContaining({ status: 2, stdout: "", stderr: lines.map((line) => `${line}\n`).join("") }),
    );
    expect(project.has("cdktf.out")).toBe(false);
  };

  test("without a key in the environment", () => {
    refused({ EVENKEEL_SSH_PUBLIC_KEY: undefined }, [
      "fleet.config.ts: ssh: publicKey is not set and keyFingerprints is empty (0 keys); set one of them, or nobody can reach the droplets (fleet.config.ts takes publicKey from EVENKEEL_SSH_PUBLIC_KEY)",
    ]);
  });

  test("with a key that is none, and a range that is none", () => {
    refused({ EVENKEEL_SSH_PUBLIC_KEY: "secret", EVENKEEL_SSH_ALLOWED_CIDRS: "here" }, [
      'fleet.config.ts: ssh.publicKey: got "secret"; needs one line of an OpenSSH public key',
      'fleet.config.ts: ssh.allowedCidrs[0]: got "here"; needs a range such as 203.0.113.7/32',
    ]);
  });

  test("with several bad fields", () => {
    refused(
      {
        EVENKEEL_CONFIG: configModule(
          `export default { dropletCount: 0, regoin: "sfo3", healthCheck: { healthyThreshold: "3" } };`,
        ),
      },
      [
        "other.config.ts: dropletCount: got 0; needs a whole number of droplets from 1 to 100",
        'other.config.ts: healthCheck.healthyThreshold: got "3"; needs a whole number of probes from 2 to 10',
        `other.config.ts: regoin: got "sfo3", but is not a known key; needs only the keys ${Object.keys(fleetFields.shape).join(", ")}`,
      ],
    );
  });

  test("without a backend where the machine is gone after the deploy", () => {
    refused({ EVENKEEL_REQUIRE_BACKEND: "true" }, [
      "fleet.config.ts: backend: got none, so that the state would be a file on this machine, which is gone after this deploy (EVENKEEL_REQUIRE_BACKEND is set); needs cloud or spaces (docs/backends.md)",
    ]);
    refused({ EVENKEEL_REQUIRE_BACKEND: "yes" }, [
      'environment: EVENKEEL_REQUIRE_BACKEND: got "yes"; needs "true" or nothing',
    ]);
  });

  test("with a module that is not there", () => {
    refused({ EVENKEEL_CONFIG: "none.ts" }, [
      'EVENKEEL_CONFIG: got "none.ts", which is not there; needs the path of a configuration module such as fleet.config.ts',
    ]);
  });

  test("with a module that throws", () => {
    refused({ EVENKEEL_CONFIG: configModule(`throw new Error("broken\\nmodule");`) }, [
      "other.config.ts: cannot be loaded (Error: broken module); needs a module that exports a configuration",
    ]);
  });

  test("with a module that exports nothing", () => {
    refused({ EVENKEEL_CONFIG: configModule("export const config = {};") }, [
      'other.config.ts: got no default export; needs "export default { … } satisfies FleetConfig"',
    ]);
  });

  test("before the rollout was bundled", () => {
    const bundle = readFileSync(project.path("dist/rollout.mjs"));
    rmSync(project.path("dist/rollout.mjs"));
    const { status, stderr } = project.synth();
    writeFileSync(project.path("dist/rollout.mjs"), bundle);
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: expect.stringMatching(
        /^bundlePath: got "\S+dist\/rollout\.mjs", where no file is; needs the bundled rollout: run "npm run build" first\n$/,
      ),
    });
    expect(project.has("cdktf.out")).toBe(false);
  });
});

test("main.ts leaves a former cdktf.out as it was when the configuration is bad", () => {
  expect(project.synth().status).toBe(0);
  const before = read(`cdktf.out/${STACK}`);
  expect(project.synth({ EVENKEEL_SSH_ALLOWED_CIDRS: "here" }).status).toBe(2);
  expect(read(`cdktf.out/${STACK}`)).toBe(before);
});
