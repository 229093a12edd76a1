import { describe, expect, it } from "@jest/globals";
import { InvalidInput } from "../../contract/problems.js";
import {
  hiddenValues,
  readApiUrl,
  readBalancerEndpoint,
  readImage,
  readManifest,
  readRecordKeys,
  readRegistryLogin,
  readSecrets,
  readStartedByTerraform,
  readWait,
} from "../../scripts/rollout/input.js";
import { testImage, testManifest } from "../support/fleet.js";

const manifest = testManifest();
const json = JSON.stringify(manifest);

/** Lines that the reader complains with. */
function complaints(read: () => unknown): string[] {
  try {
    read();
  } catch (error) {
    if (error instanceof InvalidInput) return error.message.split("\n");
    throw error;
  }
  throw new Error("nothing to complain about");
}

describe("the manifest", () => {
  const read = (content: unknown, stack?: string): unknown =>
    readManifest(
      { name: "outputs.json", text: typeof content === "string" ? content : JSON.stringify(content) },
      stack,
    );

  it("is taken by itself", () => expect(read(json)).toEqual(manifest));

  it("is taken from the only stack that has one", () =>
    expect(read({ network: { id: "1" }, "api-production": { manifest: json, address: "203.0.113.1" } })).toEqual(
      manifest,
    ));

  it("is taken from an output that was not written as text", () =>
    expect(read({ "api-production": { manifest } })).toEqual(manifest));

  it("is taken from the stack that was named", () => {
    const staging = { ...manifest, fleet: "staging" };
    const both = { "api-staging": { manifest: JSON.stringify(staging) }, "api-production": { manifest: json } };
    expect(read(both, "api-staging")).toEqual(staging);
    expect(read(both, "api-production")).toEqual(manifest);
  });

  it.each<[string, unknown, string | undefined, string]>([
    [
      "text that is not JSON",
      "EVENKEEL",
      undefined,
      "outputs.json: is not JSON; needs a manifest or the file that cdktf output --outputs-file writes",
    ],
    [
      "an empty file",
      "",
      undefined,
      "outputs.json: is not JSON; needs a manifest or the file that cdktf output --outputs-file writes",
    ],
    [
      "a manifest of another version",
      { ...manifest, version: 2 },
      undefined,
      "outputs.json: version: got 2; needs 1, the version that this rollout reads",
    ],
    [
      "a bad field",
      { ...manifest, fleetTag: "http api" },
      undefined,
      'outputs.json: fleetTag: got "http api"; needs 1 to 255 letters, digits, :, ., - and _',
    ],
    [
      "a bad field within a stack",
      { "api-production": { manifest: JSON.stringify({ ...manifest, fleet: "" }) } },
      undefined,
      'outputs.json, stack api-production: fleet: got ""; needs 1 to 255 letters, digits, :, ., - and _',
    ],
    [
      "a stack whose output is not JSON",
      { "api-production": { manifest: "soon" } },
      undefined,
      'outputs.json, stack api-production: got "soon"; needs JSON',
    ],
    [
      "no stack",
      {},
      undefined,
      "outputs.json: got stacks with a manifest: none; needs one stack with an output manifest; name one with --stack",
    ],
    [
      "a list",
      [json],
      undefined,
      "outputs.json: got stacks with a manifest: none; needs one stack with an output manifest; name one with --stack",
    ],
    [
      "null",
      "null",
      undefined,
      "outputs.json: got stacks with a manifest: none; needs one stack with an output manifest; name one with --stack",
    ],
    [
      "several stacks and no name",
      { a: { manifest: json }, b: { manifest: json } },
      undefined,
      "outputs.json: got stacks with a manifest: a, b; needs one stack with an output manifest; name one with --stack",
    ],
    [
      "a name that no stack has",
      { a: { manifest: json } },
      "b",
      'outputs.json: got stacks with a manifest: a; needs the stack "b" with an output manifest',
    ],
  ])("is refused: %s", (_name, content, stack, line) => expect(complaints(() => read(content, stack))).toEqual([line]));

  it("is refused with one line for each fault", () =>
    expect(complaints(() => read({ ...manifest, fleet: "", fleetTag: 7 }))).toHaveLength(2));
});

describe("the image", () => {
  it.each(["", testImage(1), "registry.example.com:5000/team/api:v2.1", "api"])("may be %j", (image) =>
    expect(readImage(image)).toBe(image),
  );

  it.each([" ", "API", "api:", "api@sha256:12", "-api", "api:v2 --privileged", "api\n", "https://x/api"])(
    "is refused as %j",
    (image) => {
      const lines = complaints(() => readImage(image));
      expect(lines).toEqual([expect.stringMatching(/^image: .*needs an image such as registry\.example\.com\/api:v2/)]);
      expect(lines[0]).toContain(JSON.stringify(image));
    },
  );
});

describe("an image that only Terraform knows", () => {
  it("is refused, and said to be one", () =>
    expect(complaints(() => readImage("${var.image}"))).toEqual([
      expect.stringMatching(/^image: .*got a Terraform token.*needs an image such as/),
    ]));
});

describe("the environment", () => {
  it("has a registry login, or none", () => {
    expect(readRegistryLogin({})).toBeNull();
    expect(readRegistryLogin({ EVENKEEL_REGISTRY_USER: "", EVENKEEL_REGISTRY_PASSWORD: "" })).toBeNull();
    expect(readRegistryLogin({ EVENKEEL_REGISTRY_USER: "me", EVENKEEL_REGISTRY_PASSWORD: "secret" })).toEqual({
      user: "me",
      password: "secret",
      registry: null,
    });
    const named = { EVENKEEL_REGISTRY_USER: "me", EVENKEEL_REGISTRY_PASSWORD: "secret" };
    expect(readRegistryLogin({ ...named, EVENKEEL_REGISTRY: "index.docker.io" })?.registry).toBe("docker.io");
    expect(() => readRegistryLogin({ ...named, EVENKEEL_REGISTRY: "https://registry.example.com/v2" })).toThrow(
      'EVENKEEL_REGISTRY: got "https://registry.example.com/v2"; needs the registry\'s host alone',
    );
  });

  it("is refused with half a registry login, whose value is not shown", () => {
    expect(complaints(() => readRegistryLogin({ EVENKEEL_REGISTRY_USER: "me" }))).toEqual([
      "environment: EVENKEEL_REGISTRY_USER is set and EVENKEEL_REGISTRY_PASSWORD is not; set both or none",
    ]);
    expect(complaints(() => readRegistryLogin({ EVENKEEL_REGISTRY_PASSWORD: "secret" }))).toEqual([
      "environment: EVENKEEL_REGISTRY_PASSWORD is set and EVENKEEL_REGISTRY_USER is not; set both or none",
    ]);
  });

  it("says how long to wait for another rollout, from not at all to a day", () => {
    expect(["0", "600", "86400"].map((seconds) => readWait("--wait", seconds))).toEqual([0, 600, 86_400]);
    for (const bad of ["", "-1", "1.5", "86401", "10m"])
      expect(complaints(() => readWait("--wait", bad))).toEqual([
        expect.stringMatching(/^--wait: got .*; needs a whole number of seconds from 0 to 86400$/),
      ]);
  });

  it("says whether Terraform started the run", () => {
    expect(readStartedByTerraform({})).toBe(false);
    expect(readStartedByTerraform({ EVENKEEL_STARTED_BY: "" })).toBe(false);
    expect(readStartedByTerraform({ EVENKEEL_STARTED_BY: "terraform" })).toBe(true);
    expect(complaints(() => readStartedByTerraform({ EVENKEEL_STARTED_BY: "Terraform" }))).toEqual([
      'environment: EVENKEEL_STARTED_BY: got "Terraform"; needs "terraform" or nothing',
    ]);
  });

  it("says where the balancer is, else the manifest does", () => {
    expect(readBalancerEndpoint({}, manifest)).toEqual({ url: "http://203.0.113.250:80/" });
    expect(readBalancerEndpoint({ EVENKEEL_BALANCER_URL: "https://api.example.com/ping" }, manifest)).toEqual({
      url: "https://api.example.com/ping",
    });
  });

  it("asks a balancer's address for the domain, wherever it is asked", () => {
    const loadBalancer = {
      ...manifest.loadBalancer,
      scheme: "https",
      port: 443,
      serverName: "api.example.com",
    } as const;
    const secure = { ...manifest, loadBalancer };
    expect(readBalancerEndpoint({}, secure)).toEqual({
      url: "https://203.0.113.250:443/",
      serverName: "api.example.com",
    });
    expect(readBalancerEndpoint({ EVENKEEL_BALANCER_URL: "https://127.0.0.1:8443/" }, secure)).toEqual({
      url: "https://127.0.0.1:8443/",
      serverName: "api.example.com",
    });
  });

  it("puts an IPv6 address of the balancer into brackets", () =>
    expect(
      readBalancerEndpoint({}, { ...manifest, loadBalancer: { ...manifest.loadBalancer, address: "2001:db8::1" } }),
    ).toEqual({ url: "http://[2001:db8::1]:80/" }));

  it("says where the cloud's API is", () => {
    expect(readApiUrl({})).toBeUndefined();
    expect(readApiUrl({ DIGITALOCEAN_API_URL: "http://127.0.0.1:8080" })).toBe("http://127.0.0.1:8080");
  });

  it.each(["balancer.example.com", "ftp://example.com/", "http://", "file:///etc/passwd", " "])(
    "is refused with %j for a URL",
    (url) => {
      expect(complaints(() => readBalancerEndpoint({ EVENKEEL_BALANCER_URL: url }, manifest))).toEqual([
        `environment: EVENKEEL_BALANCER_URL: got ${JSON.stringify(url)}; needs an http or https URL`,
      ]);
      expect(complaints(() => readApiUrl({ DIGITALOCEAN_API_URL: url }))).toEqual([
        `environment: DIGITALOCEAN_API_URL: got ${JSON.stringify(url)}; needs an http or https URL`,
      ]);
    },
  );

  it("names what must never be shown", () =>
    expect(
      hiddenValues(
        {
          DIGITALOCEAN_TOKEN: "t1",
          DIGITALOCEAN_ACCESS_TOKEN: "t2",
          EVENKEEL_REGISTRY_PASSWORD: "t3",
          EVENKEEL_REGISTRY_USER: "me",
          EVENKEEL_SECRETS_KEY: "t4",
          DATABASE_URL: "t5",
          OTHER: "not one",
        },
        ["DATABASE_URL"],
      ),
    ).toEqual(["t1", "t2", "t3", "t4", "t5"]));
});

describe("secrets of the app", () => {
  const key = "0123456789abcdef0123456789abcdef";
  const named = testManifest({ service: { secrets: ["KEY", "URL"] } });
  const full = { KEY: "a\nb", URL: "u", EVENKEEL_SECRETS_KEY: key };

  it("are read by their names", () =>
    expect(readSecrets({ ...full, OTHER: "x" }, named, false)?.values).toEqual({ KEY: "a\nb", URL: "u" }));

  it("are not asked for where the service names none", () => expect(readSecrets({}, manifest, false)).toBeNull());

  it.each<[string, Record<string, string | undefined>, string[]]>([
    [
      "all that are missing, at once",
      { EVENKEEL_SECRETS_KEY: key, URL: "" },
      ["KEY", "URL"].map(
        (name) => `environment: ${name}: got nothing; needs the value of the secret that service.secrets names`,
      ),
    ],
    [
      "the key when it is missing",
      { ...full, EVENKEEL_SECRETS_KEY: undefined },
      [
        'environment: EVENKEEL_SECRETS_KEY: got nothing; needs at least 32, kept beside the secrets, such as those of "openssl rand -hex 32"',
      ],
    ],
    [
      "a key that is too short, without showing it",
      { ...full, EVENKEEL_SECRETS_KEY: key.slice(1) },
      [
        'environment: EVENKEEL_SECRETS_KEY: got 31 characters; needs at least 32, kept beside the secrets, such as those of "openssl rand -hex 32"',
      ],
    ],
  ])("are refused with %s", (_what, environment, lines) =>
    expect(complaints(() => readSecrets(environment, named, false))).toEqual(lines),
  );

  it("may have several lines as files, and not in the environment", () => {
    const inEnvironment = testManifest({ service: { secrets: ["KEY", "URL"], secretsAs: "environment" } });
    expect(complaints(() => readSecrets(full, inEnvironment, false))).toEqual([
      'environment: KEY: got a value of several lines; needs one line, or secretsAs "files"',
    ]);
  });

  it("are not needed to go back", () => {
    expect(readSecrets({}, named, true)).toBeNull();
    expect(readSecrets(full, named, true)?.values).toEqual({ KEY: "a\nb", URL: "u" });
  });
});

describe("the key of the history", () => {
  const [one, two] = ["a".repeat(32), "b".repeat(40)];

  it("is one, or several of which the first signs; none where none is set", () => {
    expect(readRecordKeys({})).toBeNull();
    expect(readRecordKeys({ EVENKEEL_RECORD_KEY: "" })).toBeNull();
    expect(readRecordKeys({ EVENKEEL_RECORD_KEY: one })).toEqual([one]);
    expect(readRecordKeys({ EVENKEEL_RECORD_KEY: `${one}, ${two}` })).toEqual([one, two]);
  });

  it.each([["short"], [`${"a".repeat(32)},`], [`${"a".repeat(32)} ${"b".repeat(32)}`]])(
    "is refused where it is too short, empty or has blanks, and is not shown: %#",
    (value) => {
      const refusal = (): unknown => readRecordKeys({ EVENKEEL_RECORD_KEY: value });
      expect(refusal).toThrow(/EVENKEEL_RECORD_KEY: got a key of \d+ characters; needs at least 32/);
      expect(refusal).not.toThrow(value);
    },
  );

  it("is hidden in all output, each of several", () =>
    expect(hiddenValues({ EVENKEEL_RECORD_KEY: `${one}, ${two}` })).toEqual([one, two]));
});
