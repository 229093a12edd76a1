import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { service } from "../../../contract/policy.js";
import { release as releaseSchema, type Release } from "../../../contract/release.js";
import { RolloutError } from "../../../scripts/rollout/core/errors.js";
import {
  imageToKeep,
  isDoubtful,
  isGenuine,
  releaseOf,
  releaseServed,
  type MachineOf,
  serves,
} from "../../../scripts/rollout/core/target.js";
import type { History } from "../../../contract/history.js";
import type { KnownHistory } from "../../../scripts/rollout/core/history.js";
import type { Survey } from "../../../scripts/rollout/ports.js";
import { testImage, testManifest, testRelease } from "../../support/fleet.js";
import { container, says, servingHost, surveyed } from "../support.js";

const idOf = (settings: object, image = testImage(1), healthPath = "/health"): string =>
  releaseOf(image, service.parse(settings), healthPath).id;

describe("a release", () => {
  it("has an id that does not change from run to run", () => expect(idOf({})).toBe("d8f1297896551507"));

  it("has the form that hosts keep", () => {
    const release = releaseOf(testImage(1), service.parse({}), "/health");
    expect(releaseSchema.parse(JSON.parse(JSON.stringify(release)))).toEqual(release);
  });

  it("is the same whatever the order of the environment", () =>
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,8}$/), fc.string()), (environment) => {
        const app = { ...service.parse({}), environment };
        const turned = { ...app, environment: Object.fromEntries(Object.entries(environment).reverse()) };
        expect(releaseOf(testImage(1), turned, "/health").id).toBe(releaseOf(testImage(1), app, "/health").id);
      }),
    ));

  it.each<[string, object]>([
    ["service port", { port: 8080 }],
    ["command", { command: ["node", "other.js"] }],
    ["name of a variable", { environment: { B: "1" } }],
    ["value of a variable", { environment: { A: "2" } }],
    ["memory limit", { memoryMb: 64 }],
    ["way to the secrets", { secretsAs: "environment" }],
    ["isolation", { isolation: { capabilities: ["CHOWN"] } }],
  ])("is another one when the %s changes", (_name, change) =>
    expect(idOf({ environment: { A: "1" }, ...change })).not.toBe(idOf({ environment: { A: "1" } })),
  );

  it("is another one when the image or the health path changes", () => {
    expect(idOf({}, testImage(2))).not.toBe(idOf({}));
    expect(idOf({}, testImage(1), "/up")).not.toBe(idOf({}));
  });

  it("does not mix up where one argument of the command ends", () =>
    expect(idOf({ command: ["a", "b"] })).not.toBe(idOf({ command: ["a b"] })));

  it.each<[string, object]>([
    ["stop timeout", { stopTimeoutSeconds: 99 }],
    ["port that the balancer changes over to", { nextPort: 9500 }],
  ])("stays the same when only the %s changes", (_name, change) => expect(idOf(change)).toBe(idOf({})));

  it("stays the same when only waits and deadlines of the rollout change", () => {
    const patient = testManifest({ rollout: { minReadySeconds: 30, drainTimeoutSeconds: 120, leaseSeconds: 30 } });
    expect(testRelease(patient, 1).id).toBe(testRelease(testManifest(), 1).id);
  });
});

describe("a host serves", () => {
  it("when its container runs, its health is 200 and its health ports are not refused", () =>
    expect(serves(servingHost("0123456789abcdef"))).toBe(true));

  it("when its health is 200, and its front does not tell who comes", () =>
    expect(serves(servingHost("0123456789abcdef", { traffic: null }))).toBe(true));

  it.each<[string, Partial<Survey>]>([
    ["it has no container", { containers: {} }],
    ["only its previous container runs", { containers: { previous: container() } }],
    ["its container ended", { containers: { current: container({ running: false }) } }],
    ["its health is 503", { health: 503 }],
    ["its health is another success", { health: 204 }],
    ["its health path does not answer", { health: null }],
    ["its health ports are refused", { traffic: says({ state: "draining" }) }],
    ["it was retired", { retired: true }],
  ])("not when %s", (_name, change) => expect(serves(servingHost("0123456789abcdef", change))).toBe(false));
});

describe("one look leaves it open whether a host serves", () => {
  it.each<[string, Partial<Survey>]>([
    ["its health is 503", { health: 503 }],
    ["its health path does not answer", { health: null }],
    ["its Docker shows no container, yet it answers", { containers: {} }],
    [
      "only somebody on its port takes connections",
      { containers: {}, health: null, healthError: "curl: (52) Empty reply from server" },
    ],
  ])("when %s", (_name, change) => expect(isDoubtful(servingHost("0123456789abcdef", change))).toBe(true));

  it.each<[string, Partial<Survey>]>([
    ["it serves", {}],
    ["it is draining", { health: 503, traffic: says({ state: "draining" }) }],
    ["nothing runs there", { containers: {}, health: null, traffic: null }],
    ["nothing runs there that its front leads to", { containers: {}, health: null }],
    ["its container ended", { containers: { current: container({ running: false }) }, health: null, traffic: null }],
    ["it was retired", { retired: true }],
  ])("not when %s", (_name, change) => expect(isDoubtful(servingHost("0123456789abcdef", change))).toBe(false));
});

const named = (surveys: readonly Survey[]): Map<string, Survey> =>
  new Map(surveys.map((survey, index) => [`api-${index + 1}`, survey]));
const unknown: KnownHistory = { history: null, ignored: [] };
const historyOf = (...releases: Release[]): History => ({
  ...{ fleet: "api", stackTag: "evenkeel:test:api", version: 1, pending: null },
  entries: releases.map((release) => ({ release, servedFrom: "2026-01-15T09:30:00.000Z" })),
});

/** Each host is a machine. */
const apart: MachineOf = (host) => host;

describe("the image to keep", () => {
  const manifest = testManifest();
  const [one, two] = [testRelease(manifest, 1), testRelease(manifest, 2)];
  const runs = (release: typeof one, changes: Partial<Survey> = {}): Survey =>
    servingHost(release.id, { releases: [one, two], ...changes });
  const known: KnownHistory = { history: historyOf(one, two), ignored: [] };
  const keep = (...surveys: Survey[]): string | null => imageToKeep(named(surveys), known, apart);
  const refusal = (...surveys: Survey[]): RolloutError => {
    try {
      keep(...surveys);
    } catch (error) {
      if (error instanceof RolloutError) return error;
      throw error;
    }
    throw new Error("was not refused");
  };

  it("is the one that all serving hosts run", () => expect(keep(runs(two), runs(two))).toBe(two.image));

  it("is nothing when no host serves any", () => {
    expect(keep()).toBeNull();
    expect(keep(surveyed(), surveyed())).toBeNull();
  });

  it("does not count hosts that do not serve", () => {
    expect(keep(surveyed({ releases: [one] }), runs(two))).toBe(two.image);
    expect(keep(runs(one, { health: 503 }), runs(two))).toBe(two.image);
    expect(keep(runs(one, { retired: true }), runs(two))).toBe(two.image);
  });

  it("is the one that all hosts run where none serves: it is not lost with the droplets", () => {
    expect(keep(runs(one, { health: 503 }), surveyed())).toBe(one.image);
    expect(keep(runs(one, { containers: { current: container({ running: false, release: one.id }) } }))).toBeNull();
  });

  it("is the same image also when hosts run it with different settings", () => {
    const resized = testRelease(testManifest({ service: { memoryMb: 64 } }), 1);
    expect(resized.id).not.toBe(one.id);
    expect(keep(runs(one), runs(resized, { releases: [resized] }))).toBe(one.image);
  });

  it("is refused when serving hosts run different ones, naming which host runs what", () => {
    const error = refusal(runs(one), runs(two), runs(one));
    expect(error.code).toBe("ReleasesDiffer");
    expect(error.message).toBe(
      `no image was given, and the hosts run different ones (api-1, api-3: ${one.image}; api-2: ${two.image}); name the image by digest`,
    );
  });

  it.each<[string, Survey, string]>([
    [
      "no rollout started it",
      servingHost("x", { containers: { current: container({ release: null, image: "nginx:1" }) } }),
      "nginx:1",
    ],
    [
      "its release file is gone",
      runs(one, { releases: [two], containers: { current: container({ release: "e".repeat(16), image: one.image }) } }),
      one.image,
    ],
  ])("is refused when a serving container is not known because %s", (_name, survey, image) => {
    const error = refusal(survey);
    expect(error.code).toBe("NoRelease");
    expect(error.message).toBe(
      `no image was given, and api-1 runs ${image}, which no rollout brought there; name the image by digest`,
    );
  });
});

describe("what one host alone says of a release", () => {
  const manifest = testManifest();
  const [one, two] = [testRelease(manifest, 1), testRelease(manifest, 2)];
  const serving = (release: Release, file = release): Survey => servingHost(release.id, { releases: [file] });
  /** Root on a host has rewritten the file and kept its id. */
  const rewritten: Release = {
    ...one,
    image: testImage(9),
    service: service.parse({
      mounts: [{ source: "/", target: "/host", readOnly: false }],
      isolation: { capabilities: ["SYS_ADMIN"] },
    }),
  };
  const known: KnownHistory = { history: historyOf(one), ignored: [] };
  const served = (surveys: readonly Survey[], history = unknown, beside: readonly Survey[] = []) =>
    releaseServed(named(surveys), new Map(beside.map((survey, index) => [`old-${index}`, survey])), history, apart);

  it("is a release only where the content gives its id", () => {
    expect(isGenuine(one)).toBe(true);
    expect(isGenuine(testRelease(testManifest({ service: { environment: { A: "1" }, secrets: ["C", "B"] } }), 3))).toBe(
      true,
    );
    expect(isGenuine(rewritten)).toBe(false);
    expect(isGenuine({ ...one, secretsFingerprint: "0".repeat(16) })).toBe(false);
  });

  it("is not kept: the image of a single host that no history knows is refused", () => {
    expect(() => imageToKeep(named([serving(one)]), unknown, apart)).toThrow(
      expect.objectContaining({
        code: "NoRelease",
        message: expect.stringMatching(/only api-1 says .*name the image by digest$/) as unknown,
      }),
    );
    expect(imageToKeep(named([serving(one)]), known, apart)).toBe(one.image);
    expect(imageToKeep(named([serving(one), serving(one)]), unknown, apart)).toBe(one.image);
  });

  it("is not kept, nor gone back to, on the word of two hosts that are containers on one machine", () => {
    const hosts = named([serving(one), serving(one)]);
    const together: MachineOf = () => "203.0.113.1";
    expect(() => imageToKeep(hosts, unknown, together)).toThrow(
      `no image was given, and only api-1 and api-2, on one machine, say that ${one.image} serves: `,
    );
    expect(imageToKeep(hosts, known, together)).toBe(one.image);
    expect(releaseServed(hosts, new Map(), unknown, together)).toEqual({
      why: expect.stringContaining(`only api-1 and api-2, on one machine, say what release ${one.id} is`) as unknown,
    });
  });

  it("is not kept from a file that was rewritten: the host is named, or the history's own content counts", () => {
    expect(() => imageToKeep(named([serving(one, rewritten), serving(one)]), unknown, apart)).toThrow(
      expect.objectContaining({ code: "ReleaseAltered", message: expect.stringMatching(/^api-1: /) as unknown }),
    );
    expect(imageToKeep(named([serving(one, rewritten)]), known, apart)).toBe(one.image);
  });

  it("names every host whose file was rewritten, by release", () => {
    const other = { ...two, image: one.image };
    const hosts = [serving(one, rewritten), serving(one), serving(two, other), serving(one, rewritten)];
    expect(() => imageToKeep(named(hosts), unknown, apart)).toThrow(
      `api-1, api-4: the file of release ${one.id} was changed there; api-3: the file of release ${two.id} was changed there, as the content gives another id`,
    );
  });

  it("names every host that runs what no rollout brought there", () => {
    const stray = servingHost("0123456789abcdef", { releases: [] });
    expect(() => imageToKeep(named([stray, serving(one), stray]), unknown, apart)).toThrow(
      /^no image was given, and api-1 runs .*, api-3 runs .*, which no rollout brought there; name the image by digest$/,
    );
  });

  it("does not hinder where nobody needs it", () => {
    const stray = servingHost(two.id, { releases: [two, rewritten] });
    expect(imageToKeep(named([stray, serving(two)]), unknown, apart)).toBe(two.image);
    expect(served([stray, serving(two)])).toEqual({ release: two });
  });

  it("is nothing to go back to after a failure, unless the history or a second host that serves it says the same", () => {
    expect(served([serving(one)])).toEqual({ why: expect.stringContaining("only api-1 says") as unknown });
    expect(served([serving(one)], known)).toEqual({ release: one });
    expect(served([serving(one), serving(one)])).toEqual({ release: one });
    expect(served([serving(one)], unknown, [serving(one)])).toEqual({ release: one });
    expect(served([serving(one, rewritten), serving(one)])).toEqual({
      why: expect.stringMatching(/^api-1: the file of release \w+ was changed there/) as unknown,
    });
    expect(served([serving(one), serving(two)])).toEqual({ why: expect.stringContaining("not all") as unknown });
  });

  it("is nothing either where two hosts differ in what the id does not tell: both are named", () => {
    const longer = { ...one, service: { ...one.service, stopTimeoutSeconds: 3000 } };
    expect(served([serving(one), serving(one, longer)])).toEqual({
      why: expect.stringMatching(
        new RegExp(`^api-1, api-2 keep different content of release ${one.id} \\(${one.image}\\); deploy that`),
      ) as unknown,
    });
  });
});
