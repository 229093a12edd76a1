import { describe, expect, it } from "@jest/globals";
import type { ManifestHost } from "../../contract/manifest.js";
import type { Release } from "../../contract/release.js";
import type { Behaviour } from "../../lab/sim/app.js";
import type { RolloutEvent } from "../../scripts/rollout/core/events.js";
import { healthy, simulate, type SimRun } from "../support/sim.js";
import { testImage, testManifest, testRelease } from "../support/fleet.js";

const manifest = testManifest({ rollout: { readyTimeoutSeconds: 20 } });
const withoutSmoke = testManifest({ rollout: { readyTimeoutSeconds: 20, smokeBoot: false } });
const empty = new Map<string, Release | null>(manifest.hosts.map((host) => [host.name, null]));

const releases = ({ world }: SimRun): (string | null | undefined)[] =>
  manifest.hosts.map((host) => world.machine(host.name).state("current")?.release);
const states = ({ world }: SimRun): (string | undefined)[] =>
  manifest.hosts.map((host) => world.machine(host.name).serving?.lifecycle()?.state);

/** Only release 2 behaves like this; release 1 is healthy. */
const broken = (kind: Behaviour["kind"]) => (release: Release) =>
  release.image === testImage(2) ? { startMs: 500, kind } : healthy;

function expectUnharmed(run: SimRun): void {
  expect(run.world.failures).toEqual([]);
  expect(run.world.broken).toEqual([]);
  expect(run.receipt.witness.failed).toBe(0);
}

describe("a new release that fails", () => {
  for (const kind of ["sick", "exits", "deaf"] as const) {
    it(`is found by the smoke boot when it is ${kind}: exit 3, nothing that serves is touched`, async () => {
      const run = await simulate({ manifest, behaviourOf: broken(kind) });
      expect(run.receipt.exitCode).toBe(3);
      expect(run.receipt.error?.code).toBe("SmokeBootFailed");
      expect(releases(run)).toEqual([testRelease(manifest, 1).id, testRelease(manifest, 1).id]);
      expect(run.world.events.some((event) => event.name === "failedLog")).toBe(true);
      expect(run.world.events.some((event) => event.name === "step" && event.data.step === "drain")).toBe(false);
      expectUnharmed(run);
    });

    it(`is taken back on the first host when it is ${kind} and the smoke boot is off: exit 5, the other untouched`, async () => {
      const run = await simulate({ manifest: withoutSmoke, behaviourOf: broken(kind) });
      expect(run.receipt.exitCode).toBe(5);
      expect(run.receipt.hosts.map((host) => host.action)).toEqual(["restored", "untouched"]);
      expect(releases(run)).toEqual([testRelease(manifest, 1).id, testRelease(manifest, 1).id]);
      expect(states(run)).toEqual(["serving", "serving"]);
      expect(run.world.events.some((event) => event.name === "failedLog")).toBe(true);
      expectUnharmed(run);
    });
  }
});

describe("the first deploy", () => {
  it("brings empty hosts onto the release, side by side", async () => {
    const run = await simulate({ manifest, seeds: empty });
    expect(run.receipt.error).toBeNull();
    expect(run.receipt.hosts.map((host) => host.action)).toEqual(["deployed", "deployed"]);
    expect(run.receipt.witness.failed).toBe(0);
  });

  it("does nothing on hosts when no image is given and none serves one", async () => {
    const run = await simulate({ manifest, seeds: empty, image: "" });
    expect(run.receipt.exitCode).toBe(0);
    expect(run.receipt.release).toBeNull();
    expect(run.world.events.some((event) => event.name === "infrastructureOnly")).toBe(true);
    expect(releases(run)).toEqual([undefined, undefined]);
  });
});

describe("an empty image", () => {
  it("keeps what the serving hosts run and replaces nothing", async () => {
    const run = await simulate({ manifest, image: "" });
    expect(run.receipt.exitCode).toBe(0);
    expect(run.receipt.hosts.map((host) => host.action)).toEqual(["kept", "kept"]);
    expectUnharmed(run);
  });

  it("is refused when the serving hosts run different releases", async () => {
    const seeds = new Map(manifest.hosts.map((host, index) => [host.name, testRelease(manifest, index + 1)]));
    const run = await simulate({ manifest, image: "", seeds });
    expect(run.receipt.exitCode).toBe(3);
    expect(run.receipt.error?.code).toBe("ReleasesDiffer");
  });
});

describe("superseded droplets", () => {
  const old: ManifestHost = { name: "api-1", id: "7", address: "203.0.113.77", privateAddress: "10.110.0.77" };
  const superseded = [
    { host: old, release: testRelease(manifest, 1) },
    { host: { ...old, name: "api-2", id: "8", address: "203.0.113.78" }, release: testRelease(manifest, 1) },
  ];

  it("hand their release to the new droplets and leave one by one: a rebuild with an empty image", async () => {
    const run = await simulate({ manifest, seeds: empty, superseded, image: "" });
    expect(run.receipt.error).toBeNull();
    expect(run.receipt.hosts.map((host) => host.action)).toEqual(["deployed", "deployed", "retired", "retired"]);
    expect(releases(run)).toEqual([testRelease(manifest, 1).id, testRelease(manifest, 1).id]);
    for (const { host } of superseded) {
      expect(run.world.machine(host.id).retired).toBe(true);
      expect(run.world.machine(host.id).isRunning("current")).toBe(false);
    }
    expectUnharmed(run);
  });

  it("are refused on the command line: an old outputs file must not drain live droplets", async () => {
    const run = await simulate({ manifest, seeds: empty, superseded, startedByTerraform: false });
    expect(run.receipt.exitCode).toBe(3);
    expect(run.receipt.error?.code).toBe("UnlistedDroplets");
    expect(run.world.machine("7").isRunning("current")).toBe(true);
    expectUnharmed(run);
  });
});

describe("a balancer that is not what the manifest says", () => {
  it("is waited for by its live settings", async () => {
    const liveCheck = { ...manifest.healthCheck, checkIntervalSeconds: 10, unhealthyThreshold: 4 };
    const run = await simulate({ manifest, liveCheck });
    expect(run.receipt.exitCode).toBe(0);
    expect(run.receipt.hosts.map((host) => host.drain?.floor)).toEqual([4, 4]);
    expectUnharmed(run);
  });
});

describe("a rollout without a view of the balancer", () => {
  it("waits as the article does, and loses nothing", async () => {
    const run = await simulate({ manifest, witnessReachable: false });
    expect(run.receipt.exitCode).toBe(0);
    expect(run.receipt.witness.reachable).toBe(false);
    expectUnharmed(run);
  });
});

describe("the article's app, in fixed-wait mode", () => {
  it("is replaced with the article's waits and without a failed request", async () => {
    const fixed = testManifest({ rollout: { gate: "fixed-wait" } });
    const run = await simulate({ manifest: fixed });
    expect(run.receipt.error).toBeNull();
    expect(run.receipt.hosts.map((host) => host.action)).toEqual(["replaced", "replaced"]);
    const blind = (2 + 1) * 3 + (2 + 1) * 3;
    for (const host of run.receipt.hosts) expect(host.seconds).toBeGreaterThanOrEqual(blind);
    expectUnharmed(run);
  });
});

describe("a fleet of one", () => {
  it("is replaced in an idle moment, and the outage is said", async () => {
    const alone = testManifest({ hosts: 1 });
    const run = await simulate({ manifest: alone, ratePerSecond: 1 });
    expect(run.receipt.error).toBeNull();
    expect(run.receipt.hosts[0]?.outageSeconds).toBeGreaterThan(0);
    expect(run.world.events.some((event) => event.name === "outage")).toBe(true);
  });
});

describe("requests longer than the drain timeout", () => {
  const impatient = (onDrainTimeout: string) => testManifest({ rollout: { drainTimeoutSeconds: 2, onDrainTimeout } });
  const requestMs = (): number => 30_000;

  it("halt the rollout: exit 5, the host serves again, nothing is cut", async () => {
    const run = await simulate({ manifest: impatient("halt"), requestMs });
    expect(run.receipt.exitCode).toBe(5);
    expect(run.receipt.error?.code).toBe("DrainTimeout");
    expect(states(run)).toEqual(["serving", "serving"]);
    expectUnharmed(run);
  });

  it("are cut and counted when the policy says so", async () => {
    const run = await simulate({ manifest: impatient("cut"), requestMs });
    expect(run.receipt.exitCode).toBe(0);
    expect(run.receipt.hosts.every((host) => host.cut > 0)).toBe(true);
    expect(run.world.failures.length).toBeGreaterThan(0);
    expect(run.world.failures.length).toBeLessThanOrEqual(run.receipt.hosts.reduce((sum, host) => sum + host.cut, 0));
  });
});

describe("two rollouts at once", () => {
  it("end with exit 4 for the one that comes second, which touches nothing", async () => {
    const run = await simulate({ manifest, contenders: 2 });
    expect(run.receipts.map((receipt) => receipt.exitCode).sort()).toEqual([0, 4]);
    expectUnharmed(run);
  });
});

describe("a rollout that is told to stop", () => {
  const at = (host: string, status: string) => (event: RolloutEvent) =>
    event.name === "hostStatus" && event.host === host && event.data.status === status;

  for (const status of ["draining", "ejected", "starting", "ready"]) {
    it(`while the first host is ${status} takes that host back: exit 130, both serve the old release`, async () => {
      const run = await simulate({ manifest, stopAt: at("api-1", status) });
      expect(run.receipt.exitCode).toBe(130);
      expect(run.receipt.hosts.map((host) => host.action)).toEqual(["restored", "untouched"]);
      expect(releases(run)).toEqual([testRelease(manifest, 1).id, testRelease(manifest, 1).id]);
      expect(states(run)).toEqual(["serving", "serving"]);
      expectUnharmed(run);
    });
  }

  it("before the first host leaves touches nothing", async () => {
    const run = await simulate({ manifest, stopAt: (event) => event.name === "pulled" });
    expect(run.receipt.exitCode).toBe(130);
    expect(run.receipt.hosts.map((host) => host.action)).toEqual(["untouched", "untouched"]);
    expectUnharmed(run);
  });
});
