import { describe, expect, test } from "@jest/globals";
import { containerName, labels, parseJournal, probeRun, slots } from "../../contract/host.js";
import { InvalidInput, parse, parseJson } from "../../contract/problems.js";
import { imageReference, pinnedImage, release, releaseSettings } from "../../contract/release.js";
import { fullManifest } from "../support/examples.js";

const digest = `sha256:${"0123456789abcdef".repeat(4)}`;
const { service } = fullManifest;

describe("an image", () => {
  test.each([
    "api",
    "api:v2",
    "registry.example.com/foo/api",
    "localhost:5000/api:v1",
    `r.example.com/api:v1@${digest}`,
  ])("%s is one", (image) => {
    expect(imageReference.safeParse(image).success).toBe(true);
  });
  test.each([
    "",
    "API:v1",
    "https://r.example.com/api",
    "api:",
    "api@sha256:12",
    "api:v1 ",
    "-api",
    "api:${x}",
    "api\n",
  ])("%j is none", (image) => {
    expect(imageReference.safeParse(image).success).toBe(false);
  });
  test("is pinned by its digest alone", () => {
    expect(pinnedImage.safeParse(`registry.digitalocean.com/foo/api@${digest}`).success).toBe(true);
    expect(pinnedImage.safeParse("registry.digitalocean.com/foo/api:v1").success).toBe(false);
  });
});

describe("a release file", () => {
  const good = {
    id: "0123456789abcdef",
    image: `api@${digest}`,
    service,
    healthPath: "/health",
    secretsFingerprint: null,
  };

  test("comes back as it was written", () => {
    expect(parseJson("release", release, JSON.stringify(good))).toEqual(good);
  });

  test.each<[string, object, RegExp]>([
    ["an id that is no hash", { id: "v2" }, /^release: id: got "v2"; needs 16 hex digits$/],
    ["an image by tag", { image: "api:v1" }, /^release: image: got "api:v1"; needs an image by digest/],
    ["a field that nobody knows", { extra: 1 }, /^release: extra: got 1, but is not a known key/],
  ])("is refused with %s", (_fault, change, line) => {
    expect(() => parse("release", release, { ...good, ...change })).toThrow(line);
  });
});

describe("the settings of a release", () => {
  const of = (change: object) => releaseSettings({ ...service, ...change }, "/health");
  const before = of({});

  test("do not depend on the order of the environment", () => {
    expect(of({ environment: { A: "1", B: "2" } })).toBe(of({ environment: { B: "2", A: "1" } }));
  });

  test.each([
    ...[{ port: 81 }, { command: [] }, { environment: {} }, { memoryMb: 512 }, { cpus: 2 }],
    ...[{ secrets: [] }, { secretsAs: "environment" }, { mounts: [] }, { log: { maxSizeMb: 20, maxFiles: 3 } }],
    { isolation: { ...service.isolation, readOnlyRootFilesystem: false } },
  ])("change with %j", (change) => {
    expect(of(change)).not.toBe(before);
  });

  test("change with the secrets' fingerprint", () => {
    const [one, other] = ["0".repeat(16), "1".repeat(16)].map((print) =>
      releaseSettings(service, "/health", { secretsFingerprint: print }),
    );
    expect(new Set([before, one, other]).size).toBe(3);
  });

  test("do not depend on the order of secrets and folders in memory", () => {
    const tmpfs = { "/a": 1, "/b": 2 };
    const turned = { "/b": 2, "/a": 1 };
    expect(of({ secrets: ["A", "B"], isolation: { ...service.isolation, tmpfs } })).toBe(
      of({ secrets: ["B", "A"], isolation: { ...service.isolation, tmpfs: turned } }),
    );
  });

  test("change with the health path", () => {
    expect(releaseSettings(service, "/other")).not.toBe(before);
  });

  test("change with the path that is to follow, and are what they were without", () => {
    expect(releaseSettings(service, "/health", { nextHealthPath: "/next" })).not.toBe(before);
    expect(before).not.toContain("next");
  });

  test.each([{ stopTimeoutSeconds: 99 }, { nextPort: 8081 }])("do not change with %j", (change) => {
    expect(of(change)).toBe(before);
  });
});

describe("labels and names", () => {
  test("are what other tools on the host can rely on", () => {
    expect(labels).toEqual({ fleet: "evenkeel.fleet", release: "evenkeel.release", run: "evenkeel.run" });
    expect(slots.map((slot) => containerName("api", slot))).toEqual([
      "api",
      "api-previous",
      "api-older",
      "api-failed",
      "api-pre-deploy",
    ]);
  });
});

describe("the journal", () => {
  test("is read line by line", () => {
    expect(parseJournal("0\theld\t\n1\tstep\told-stop\n1\tfailed\tno such image\n")).toEqual([
      { sequence: 0, state: "held", detail: "" },
      { sequence: 1, state: "step", detail: "old-stop" },
      { sequence: 1, state: "failed", detail: "no such image" },
    ]);
  });

  test.each(["1\tdone\t", "1\tdo", "1", "gar"])("leaves out a last line that is still being written: %j", (half) => {
    expect(parseJournal(`0\theld\t\n${half}`)).toHaveLength(1);
  });

  test("is empty before the first line", () => {
    expect(parseJournal("")).toEqual([]);
  });

  test("keeps a detail whole that has a tab within", () => {
    expect(parseJournal("1\tfailed\ta\tb\n")).toEqual([{ sequence: 1, state: "failed", detail: "a b" }]);
  });

  test.each(["x\theld\t", "1\tunheard-of\t", "", "-1\theld\t", "1 held"])("refuses the line %j", (line) => {
    expect(() => parseJournal(`${line}\n`)).toThrow("journal line is not of the form <sequence> <state> <detail>");
  });
});

describe("a node's newest probes in a row", () => {
  const good = { port: 8086, node: "10.110.0.9", outcome: "passed", count: 3, oldestMs: 20_012, newestMs: 12.5 };

  test.each(["passed", "failed", "elsewhere"])("come back as they were told: %s", (outcome) => {
    expect(parse("probes", probeRun, { ...good, outcome })).toEqual({ ...good, outcome });
  });

  test.each<[object, string]>([
    [{ outcome: "won" }, 'outcome: got "won"; needs passed, failed or elsewhere'],
    [{ port: 0 }, "port: got 0; needs a port"],
    [{ node: "somebody" }, 'node: got "somebody"; needs an address'],
    [{ count: 0.5 }, "count: got 0.5; needs a whole number"],
    [{ count: -1 }, "count: got -1; needs a whole number from 0"],
    [{ newestMs: -1 }, "newestMs: got -1; needs a number of milliseconds from 0"],
    [{ oldestMs: Number.NaN }, "oldestMs: got NaN; needs a number of milliseconds"],
  ])("are refused with %j", (change, line) => {
    expect(() => parse("probes", probeRun, { ...good, ...change })).toThrow(new InvalidInput("probes", [line]));
  });
});
