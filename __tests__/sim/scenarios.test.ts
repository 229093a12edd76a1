import { describe, expect, it } from "@jest/globals";
import type { Manifest, ManifestHost } from "../../contract/manifest.js";
import type { Release } from "../../contract/release.js";
import type { Behaviour } from "../../lab/sim/app.js";
import type { SimWorld } from "../../lab/sim/world.js";
import { messageOf, type RolloutEvent } from "../../scripts/rollout/core/events.js";
import type { Host, Survey } from "../../scripts/rollout/ports.js";
import type { Parts } from "../../scripts/rollout/context.js";
import { hostSteps, longestSeconds } from "../../scripts/rollout/host-steps.js";
import { outcomeText } from "../../scripts/rollout/output/receipt-text.js";
import { standardParts } from "../../scripts/rollout/run.js";
import { RolloutError } from "../../scripts/rollout/core/errors.js";
import { healthy, newWorld, rolloutIn, simulate, type RunOptions, type SimRun } from "../support/sim.js";
import { testHistory, testImage, testManifest, testRelease } from "../support/fleet.js";

const manifest = testManifest({ rollout: { readyTimeoutSeconds: 20 } });
/** No image is given. */
const keep = { do: "deploy", image: "" } as const;
const empty = new Map<string, Release | null>(manifest.hosts.map((host) => [host.name, null]));

const releases = ({ world }: SimRun): (string | null | undefined)[] =>
  manifest.hosts.map((host) => world.machine(host.name).state("current")?.release);
const states = ({ world }: SimRun): (string | undefined)[] =>
  manifest.hosts.map((host) => world.machine(host.name).traffic?.state);

/** Hosts leave in the order of the manifest, for tests that tell of one or the other. */
const inOrder: Parts = { ...standardParts, turn: (hosts) => [...hosts] };

/** Only release 2 behaves like this; release 1 is healthy. */
const broken = (kind: Behaviour["kind"]) => (release: Release) =>
  release.image === testImage(2) ? { startMs: 500, kind } : healthy;

/** No client of a fleet that served was harmed; `sent` shows that there were clients. */
function expectUnharmed(run: SimRun): void {
  expect(run.world.sent).toBeGreaterThan(0);
  expect(run.world.failures).toEqual([]);
  expect(run.world.broken).toEqual([]);
  expect(run.receipt.witness.failed).toBe(0);
}

describe("a new release that fails", () => {
  for (const kind of ["sick", "exits", "deaf"] as const) {
    it(`is taken back on the first host when it is ${kind}: exit 5, the other untouched`, async () => {
      const run = await simulate({ manifest, behaviourOf: broken(kind) });
      expect(run.receipt.exitCode).toBe(5);
      expect(run.receipt.hosts.map((host) => host.action)).toEqual(["restored", "untouched"]);
      expect(releases(run)).toEqual([testRelease(manifest, 1).id, testRelease(manifest, 1).id]);
      expect(states(run)).toEqual(["serving", "serving"]);
      expect(run.world.events.some((event) => event.name === "failedLog")).toBe(true);
      expectUnharmed(run);
    });
  }
});

describe("beside a fleet of one, superseded droplets that serve", () => {
  const alone = testManifest({ hosts: 1, rollout: { readyTimeoutSeconds: 20 } });
  const other: ManifestHost = { name: "api-2", id: "8", address: "203.0.113.78", privateAddress: "10.110.0.78" };
  const superseded = [{ host: other, release: testRelease(alone, 1) }];

  it("carry the traffic while it is replaced: shrinking to one costs no request", async () => {
    const run = await simulate({
      manifest: alone,
      superseded,
      behaviourOf: () => ({ startMs: 3000, kind: "healthy" }),
    });
    expect(run.receipt.error).toBeNull();
    expect(run.receipt.hosts.map((host) => host.action)).toEqual(["replaced", "retired"]);
    expect(run.receipt.hosts[0]?.outageSeconds).toBeNull();
    expectUnharmed(run);
  });

  it("carry it when the new one fails with clients on it", async () => {
    const steps: typeof standardParts.steps = (context) => {
      const plan = standardParts.steps(context);
      const impossible = { name: "impossible", run: { do: "start", slot: "failed" } } as const;
      return { ...plan, stages: { ...plan.stages, commit: [impossible] } };
    };
    const seeds = new Map<string, Release | null>([["api-1", null]]);
    const run = await simulate({ manifest: alone, seeds, superseded, parts: { ...standardParts, steps } });
    expect(run.receipt.error?.code).toBe("StepFailed");
    expect(run.world.machine("8").isRunning("current")).toBe(true);
    expectUnharmed(run);
  });
});

describe("a host that is out of sight", () => {
  it("while its new container starts may have it in rotation when it is seen again: it leaves before it is taken back", async () => {
    let hung = false;
    const run = await simulate({
      manifest,
      beforeLook: async (host, order, clock) => {
        if (hung || host !== "api-1" || order !== "replace") return;
        hung = true;
        await clock.sleep(30_000);
        throw new RolloutError("HostTimeout", "api-1: no end of a command within 30 s");
      },
    });
    expect(hung).toBe(true);
    expect(run.receipt.error?.code).toBe("HostTimeout");
    expect(states(run)).toEqual(["serving", "serving"]);
    expectUnharmed(run);
  });
});

describe("a host that is out of sight once its new container is committed", () => {
  it("is not said to be restored: it stays on the new release, exit 6, and the next run ends on it", async () => {
    let lost = false;
    const run = await simulate({
      manifest,
      reruns: 1,
      beforeLook: async (host, order, clock) => {
        if (lost || host !== "api-1" || order !== "commit") return;
        lost = true;
        await clock.sleep(15_000);
        throw new RolloutError("HostUnreachable", "api-1 cannot be reached over SSH");
      },
    });
    expect(lost).toBe(true);
    expect(run.receipt).toMatchObject({ exitCode: 6, error: { code: "HostUnreachable" } });
    expect(run.receipt.hosts.map(({ action }) => action)).toEqual(["replaced", "untouched"]);
    expect(run.receipts[1]?.hosts.map(({ action }) => action)).toEqual(["kept", "replaced"]);
    expectUnharmed(run);
  });
});

describe("a host whose Docker is silent for one look", () => {
  for (const look of [1, 2]) {
    it(`keeps its container (look ${look})`, async () => {
      const seen = (survey: Survey, host: string, number: number): Survey =>
        host === "api-1" && number === look ? { ...survey, containers: {} } : survey;
      const run = await simulate({ manifest, seen });
      expect(run.receipt.error).toBeNull();
      expect(run.receipt.hosts.map((host) => host.action)).toEqual(["replaced", "replaced"]);
      expectUnharmed(run);
    });
  }

  it("and for good is refused before anything changes", async () => {
    const run = await simulate({
      manifest,
      seen: (survey, host) => (host === "api-1" ? { ...survey, containers: {} } : survey),
    });
    expect(run.receipt.error?.code).toBe("HostUnfit");
    expect(run.receipt.exitCode).toBe(3);
    expect(states(run)).toEqual(["serving", "serving"]);
    expectUnharmed(run);
  });
});

describe("a new release that only the balancer takes for healthy", () => {
  const behaviourOf = (release: Release): Behaviour =>
    release.image === testImage(2) ? { startMs: 500, kind: "redirects" } : healthy;

  it("leaves rotation before it is stopped, and requests on it end: no client notices", async () => {
    const patient = testManifest({ rollout: { readyTimeoutSeconds: 30 } });
    const run = await simulate({ manifest: patient, behaviourOf, requestMs: () => 15_000 });
    expect(run.receipt.exitCode).toBe(5);
    expect(releases(run)).toEqual([testRelease(manifest, 1).id, testRelease(manifest, 1).id]);
    expectUnharmed(run);
  });

  it("is stopped at once in a fleet of one, where clients have nobody else", async () => {
    const one = testManifest({ hosts: 1, rollout: { readyTimeoutSeconds: 30 } });
    const run = await simulate({ manifest: one, behaviourOf, requestMs: () => 5, ratePerSecond: 1 });
    expect(run.receipt.exitCode).toBe(5);
    const { healthCheck: check, rollout: policy } = one;
    const plan = hostSteps({
      release: testRelease(one, 2),
      policy,
      check,
      standing: "alone",
      goesBack: false,
      isWarm: false,
      letsGo: false,
    });
    expect(plan.stages.replace.find(({ name }) => name === "new-run")?.undo).toMatchObject({ retreat: null });
  });
});

describe("a new release that fails once clients are on it", () => {
  const watched = testManifest({ rollout: { minReadySeconds: 20 } });
  const back = (run: SimRun): void => {
    expect(run.receipt.exitCode).toBe(5);
    expect(run.receipt.hosts.map((host) => host.action)).toEqual(["restored", "untouched"]);
    expect(releases(run)).toEqual([testRelease(manifest, 1).id, testRelease(manifest, 1).id]);
    expect(states(run)).toEqual(["serving", "serving"]);
  };

  it("by crashing within minReadySeconds: the host goes back, the other is untouched", async () => {
    const behaviourOf = (release: Release): Behaviour =>
      release.image === testImage(2) ? { ...healthy, lifeMs: 15_000 } : healthy;
    const run = await simulate({ manifest: watched, behaviourOf, requestMs: () => 5 });
    expect(run.receipt.error?.code).toBe("InstanceChanged");
    back(run);
    // Until its probes fail, the balancer sends requests to a process that is gone: no rollout can help those.
    const [first] = run.world.failures;
    const seconds = watched.healthCheck.unhealthyThreshold * watched.healthCheck.checkIntervalSeconds;
    for (const { atMs } of run.world.failures) expect(atMs - (first?.atMs ?? 0)).toBeLessThanOrEqual(seconds * 1000);
  });

  it("by failing the balancer's probes: the host goes back", async () => {
    const behaviourOf = (release: Release): Behaviour =>
      release.image === testImage(2) ? { ...healthy, healthyMs: 15_000 } : healthy;
    const run = await simulate({ manifest: watched, behaviourOf });
    expect(run.receipt.error?.message).toContain("it is failing the balancer's health checks");
    back(run);
    expectUnharmed(run);
  });

  it("at the commit: it leaves rotation before it is stopped, and no request is lost", async () => {
    const steps: typeof standardParts.steps = (context) => {
      const plan = standardParts.steps(context);
      const impossible = { name: "impossible", run: { do: "start", slot: "failed" } } as const;
      return { ...plan, stages: { ...plan.stages, commit: [impossible] } };
    };
    const run = await simulate({ manifest, parts: { ...standardParts, steps } });
    expect(run.receipt.error?.code).toBe("StepFailed");
    expect(run.world.events.some((event) => event.name === "retreatFailed")).toBe(false);
    back(run);
    expectUnharmed(run);
  });

  it("is not given up for one silent look", async () => {
    let readmitted = false;
    let silent = 0;
    const run = await simulate({
      manifest: watched,
      onEvent: (event) => (readmitted ||= event.name === "readmitted"),
      heard: (observation, host) => {
        if (!readmitted || host !== "api-1" || silent > 0) return observation;
        silent += 1;
        return { ...observation, traffic: null };
      },
    });
    expect(silent).toBe(1);
    expect(run.receipt.exitCode).toBe(0);
    expectUnharmed(run);
  });
});

describe("a host that answers oddly once", () => {
  /** Look 1 is the preflight's, look 2 that after the locks. */
  const odd = (hosts: readonly string[], looks: readonly number[], change: Partial<Survey>) => ({
    seen: (survey: Survey, host: string, look: number): Survey =>
      hosts.includes(host) && looks.includes(look) ? { ...survey, ...change } : survey,
  });

  for (const hosts of [["api-1"], ["api-1", "api-2"]]) {
    for (const look of [1, 2]) {
      it(`is drained like any other (${hosts.join(" and ")}, look ${look})`, async () => {
        const run = await simulate({ manifest, ...odd(hosts, [look], { health: 503 }) });
        expect(run.receipt.exitCode).toBe(0);
        expect(run.receipt.hosts.map((host) => host.action)).toEqual(["replaced", "replaced"]);
        expectUnharmed(run);
      });
    }
  }

  it("at the end is looked at again", async () => {
    const run = await simulate({ manifest, ...odd(["api-2"], [3], { health: null, traffic: null }) });
    expect(run.receipt.exitCode).toBe(0);
    expectUnharmed(run);
  });

  it("and for longer than the balancer needs is down: brought back at once", async () => {
    const behaviourOf = (release: Release): Behaviour =>
      release.image === testImage(3) ? { startMs: 0, kind: "sick" } : healthy;
    const seeds = new Map(manifest.hosts.map(({ name }, index) => [name, testRelease(manifest, index === 0 ? 3 : 1)]));
    const run = await simulate({ manifest, seeds, behaviourOf });
    expect(run.receipt.exitCode).toBe(0);
    expect(run.receipt.hosts.map((host) => host.action)).toEqual(["deployed", "replaced"]);
    expect(releases(run)).toEqual([testRelease(manifest, 2).id, testRelease(manifest, 2).id]);
    expectUnharmed(run);
  });
});

describe("the quorum", () => {
  it("stops the rollout when the other host leaves once all is planned: exit 3, no host touched", async () => {
    const run = await simulate({
      manifest,
      parts: inOrder,
      onEvent: (event, world) => {
        if (event.name === "planned") world.machine("api-2").drop();
      },
    });
    expect(run.receipt.error?.code).toBe("QuorumLost");
    expect(run.receipt.exitCode).toBe(3);
    expect(run.receipt.hosts.map((host) => host.action)).toEqual(["untouched", "untouched"]);
    expectUnharmed(run);
  });

  it("waits for a host that came back a moment ago: a re-run right after a failure goes on", async () => {
    const three = testManifest({ hosts: 3, rollout: { readyTimeoutSeconds: 20 } });
    const attempts: string[] = [];
    const behaviourOf = (release: Release): Behaviour => {
      if (release.image !== testImage(2)) return healthy;
      attempts.push(release.id);
      return { startMs: 500, kind: attempts.length === 1 ? "sick" : "healthy" };
    };
    const run = await simulate({ manifest: three, behaviourOf, reruns: 1 });
    expect(run.receipts.map((receipt) => receipt.exitCode)).toEqual([5, 0]);
    expectUnharmed(run);
  });
});

describe("the order in which hosts leave", () => {
  const slowly = testManifest({
    ...{ hosts: 5, healthCheck: { checkIntervalSeconds: 60 } },
    rollout: { leaseSeconds: 180 },
  });
  /** Seconds that all hosts together waited for the probe that found them draining. */
  const waited = ({ world }: SimRun): number =>
    world.events.flatMap((event) => (event.name === "ejected" ? [event.data.seconds] : [])).reduce((a, b) => a + b) -
    5 * 60 * (slowly.healthCheck.unhealthyThreshold - 1);

  it("follows the balancer's probes: all waits for one together are about an interval, not one for each", async () => {
    const run = await simulate({ manifest: slowly });
    const backwards = await simulate({
      manifest: slowly,
      parts: { ...standardParts, turn: (hosts) => hosts.toReversed() },
    });
    for (const each of [run, backwards]) {
      expect(each.receipt.exitCode).toBe(0);
      expectUnharmed(each);
    }
    expect(waited(run)).toBeLessThan(75);
    expect(waited(backwards)).toBeGreaterThan(150);
  });
});

describe("a host that falls off the release before the end", () => {
  it("is found: exit 6, and the message names it", async () => {
    const run = await simulate({
      manifest,
      parts: inOrder,
      ratePerSecond: 1,
      onEvent: (event, world) => {
        if (event.name === "readmitted" && event.host === "api-2") world.machine("api-1").serving?.kill();
      },
    });
    expect(run.receipt.error?.code).toBe("NotConverged");
    expect(run.receipt.error?.message).toContain("api-1");
    expect(run.receipt.error?.message).toContain(`does not serve ${testImage(2)} (release `);
    expect(run.receipt.exitCode).toBe(6);
  });
});

describe("the first deploy", () => {
  it("brings empty hosts onto the release, side by side", async () => {
    const run = await simulate({ manifest, seeds: empty });
    expect(run.receipt.error).toBeNull();
    expect(run.receipt.hosts.map((host) => host.action)).toEqual(["deployed", "deployed"]);
    expect(run.receipt.witness.failed).toBe(0);
  });

  it("does nothing on hosts when no image is given and none serves one", async () => {
    const run = await simulate({ manifest, seeds: empty, wanted: keep });
    expect(run.receipt.exitCode).toBe(0);
    expect(run.receipt.release).toBeNull();
    expect(run.world.events.some((event) => event.name === "infrastructureOnly")).toBe(true);
    expect(releases(run)).toEqual([undefined, undefined]);
  });
});

describe("an empty image", () => {
  it("keeps what the serving hosts run and replaces nothing", async () => {
    const run = await simulate({ manifest, wanted: keep });
    expect(run.receipt.exitCode).toBe(0);
    expect(run.receipt.hosts.map((host) => host.action)).toEqual(["kept", "kept"]);
    expectUnharmed(run);
  });

  it("lets a reboot bring back what is kept, also where a steward died before it could", async () => {
    const onEvent = ({ name }: RolloutEvent, world: SimWorld): void => {
      if (name === "started") void world.machine("api-1").perform({ do: "stay-down", slot: "current" }, "");
    };
    const run = await simulate({ manifest, wanted: keep, onEvent });
    expect(run.receipt.hosts.map((host) => host.action)).toEqual(["kept", "kept"]);
    expect(run.world.machine("api-1").restartPolicy("current")).toBe("always");
  });

  it("is refused when the serving hosts run different releases", async () => {
    const seeds = new Map(manifest.hosts.map((host, index) => [host.name, testRelease(manifest, index + 1)]));
    const run = await simulate({ manifest, wanted: keep, seeds });
    expect(run.receipt.exitCode).toBe(3);
    expect(run.receipt.error?.code).toBe("ReleasesDiffer");
  });
});

describe("a superseded droplet that does not serve", () => {
  const host = { name: "old", id: "7", address: "198.51.100.7", privateAddress: "10.110.1.7" };

  it("is stopped without leaving rotation first, and no reboot brings it back", async () => {
    const superseded = [{ host, release: testRelease(manifest, 7) }];
    const behaviourOf = (release: Release): Behaviour =>
      release.image === testImage(7) ? { startMs: 500, kind: "sick" } : healthy;
    const run = await simulate({ manifest, superseded, behaviourOf });
    expect(run.receipt.exitCode).toBe(0);
    const machine = run.world.machine("7");
    expect([machine.retired, machine.isRunning("current"), machine.restartPolicy("current")]).toEqual([
      true,
      false,
      "no",
    ]);
  });
});

describe("a superseded droplet that serves again after it was seen down", () => {
  const host = { name: "old", id: "7", address: "198.51.100.7", privateAddress: "10.110.1.7" };

  it("is drained all the same", async () => {
    const superseded = [{ host, release: testRelease(manifest, 1) }];
    const onEvent = ({ name }: RolloutEvent, world: SimWorld): void => {
      if (name !== "started") return;
      // It boots: nothing answers before all looks are done.
      world.machine("7").powerOff();
      world.machine("7").powerOn();
    };
    const behaviourOf = (release: Release): Behaviour =>
      release.image === testImage(1) ? { startMs: 20_000, kind: "healthy" } : healthy;
    const run = await simulate({ manifest, superseded, onEvent, behaviourOf });
    expect(run.receipt.error).toBeNull();
    expect(run.receipt.hosts.at(-1)).toMatchObject({ action: "retired", drain: { taken: expect.any(Number) } });
    expect(run.world.machine("7").isRunning("current")).toBe(false);
    expectUnharmed(run);
  });
});

describe("superseded droplets", () => {
  const old: ManifestHost = { name: "api-1", id: "7", address: "203.0.113.77", privateAddress: "10.110.0.77" };
  const superseded = [
    { host: old, release: testRelease(manifest, 1) },
    { host: { ...old, name: "api-2", id: "8", address: "203.0.113.78" }, release: testRelease(manifest, 1) },
  ];

  it("hand their release to the new droplets and leave one by one: a rebuild with an empty image", async () => {
    const run = await simulate({ manifest, seeds: empty, superseded, wanted: keep });
    expect(run.receipt.error).toBeNull();
    expect(run.receipt.hosts.map((host) => host.action)).toEqual(["deployed", "deployed", "retired", "retired"]);
    expect(releases(run)).toEqual([testRelease(manifest, 1).id, testRelease(manifest, 1).id]);
    for (const { host } of superseded) {
      expect(run.world.machine(host.id).retired).toBe(true);
      expect(run.world.machine(host.id).isRunning("current")).toBe(false);
    }
    expectUnharmed(run);
  });

  it("leave only when every listed host is on the release", async () => {
    const run = await simulate({ manifest, superseded });
    expect(run.receipt.error).toBeNull();
    const begun = (name: string): number =>
      run.world.events.findIndex(
        (event) => event.host === name && event.name === "hostStatus" && event.data.status === "draining",
      );
    const ended = run.world.events.findIndex((event) => event.host === "api-2" && event.name === "readmitted");
    for (const { host } of superseded) expect(begun(`${host.name}-${host.id}`)).toBeGreaterThan(ended);
    expect(ended).toBeGreaterThan(0);
    expectUnharmed(run);
  });

  it("that cannot be reached lose their tag, and get no request afterwards", async () => {
    const run = await simulate({ manifest, superseded, unreachable: new Set(["7", "8"]) });
    expect(run.receipt.error).toBeNull();
    expect(run.receipt.hosts.map((host) => host.action)).toEqual(["replaced", "replaced", "skipped", "skipped"]);
    for (const { host } of superseded) expect(run.world.balancer.mayReach(run.world.machine(host.id))).toBe(false);
    expectUnharmed(run);
  });

  it("whose Docker does not answer may run anything: they lose their tag, serve until the balancer lets go, and are no longer touched", async () => {
    const run = await simulate({
      manifest,
      superseded,
      onEvent: ({ name }, world) => {
        if (name === "started") world.machine("7").dockerAway(24 * 3600_000);
      },
    });
    expect(run.receipt.error).toBeNull();
    expect(run.receipt.hosts.map((host) => host.action)).toEqual(["replaced", "replaced", "skipped", "retired"]);
    const machine = run.world.machine("7");
    expect([machine.retired, machine.isRunning("current")]).toEqual([false, true]);
    expect(run.world.balancer.mayReach(machine)).toBe(false);
    expectUnharmed(run);
  });

  it("whose docker is not found any more once they are locked stop the rollout, with the PATH that was searched", async () => {
    let pulled = false;
    const run = await simulate({
      manifest,
      superseded,
      onEvent: ({ name }) => {
        if (name === "pulled") pulled = true;
      },
      seen: (survey, host) =>
        pulled && host === "api-1-7" ? { ...survey, dockerAnswers: false, dockerNotIn: "/usr/bin:/bin" } : survey,
    });
    expect(run.receipt.error?.message).toMatch(
      /^api-1-7: docker is not in the PATH of a shell without a login, which is \/usr\/bin:\/bin; /u,
    );
    expect(run.receipt.exitCode).toBe(3);
    expectUnharmed(run);
  });

  it("whose Docker stops answering once they are locked stop the rollout before anything is touched", async () => {
    const run = await simulate({
      manifest,
      superseded,
      onEvent: ({ name }, world) => {
        if (name === "pulled") world.machine("7").dockerAway(30_000);
      },
    });
    expect(run.receipt.error?.message).toMatch(/^api-1-7: Docker does not answer; /u);
    expect(run.receipt.exitCode).toBe(3);
    expectUnharmed(run);
  });

  it("that cannot be reached, and whose tag may or may not be gone, are unknown at the end", async () => {
    const world = newWorld({ manifest, superseded, unreachable: new Set(["7"]) });
    const real = world.ports();
    const untag = (): Promise<void> => Promise.reject(new RolloutError("CloudFailed", "the API answers 500"));
    const ports = { ...real, cloud: real.cloud && { ...real.cloud, untag } };
    const wanted = { do: "deploy", image: testImage(2) } as const;
    const receipt = await world.run(() => rolloutIn(world, manifest, wanted, { ports }), 24 * 3600);
    expect(receipt).toMatchObject({ exitCode: 6, error: { code: "CloudFailed" } });
    expect(receipt.hosts.map(({ action }) => action)).toEqual(["replaced", "replaced", "unknown", "untouched"]);
  });

  it.each([
    ["that lack what a steward needs, such as the front of this version", {}],
    ["that lack tools, and whose Docker does not answer", { dockerAnswers: false }],
  ])("%s, lose their tag: nobody works there, and an update can end well", async (_what, also) => {
    const run = await simulate({
      ...{ manifest, superseded },
      seen: (survey, name) => (name.endsWith("-7") ? { ...survey, ...also, missing: ["needs curl"] } : survey),
    });
    expect(run.receipt.error).toBeNull();
    expect(run.receipt.hosts.map(({ action }) => action)).toEqual(["replaced", "replaced", "skipped", "retired"]);
    expectUnharmed(run);
  });

  it("that lack what a steward needs do not say what is to be kept", async () => {
    const run = await simulate({
      ...{ manifest, superseded, seeds: empty, wanted: keep },
      seen: (survey, name) => (/-[78]$/.test(name) ? { ...survey, missing: ["needs curl"] } : survey),
    });
    expect(run.receipt).toMatchObject({ exitCode: 3, error: { code: "NoRelease" } });
  });

  it("that cannot be reached and still get requests fail the rollout: Terraform deletes nothing", async () => {
    const run = await simulate({ manifest, superseded, unreachable: new Set(["7"]), untagWorks: false });
    expect(run.receipt.error?.code).toBe("NotEjected");
    expect(run.receipt.exitCode).not.toBe(0);
    expect(run.world.machine("8").isRunning("current")).toBe(true);
    expectUnharmed(run);
  });

  const silences: Record<string, (isDue: () => boolean) => Partial<RunOptions>> = {
    "its front does not tell": (isDue) => ({
      heard: (observation, host) => (host === "api-2" && isDue() ? { ...observation, traffic: null } : observation),
    }),
    "there is no answer": (isDue) => ({
      beforeLook: async (host) => {
        if (host === "api-2" && isDue()) throw new RolloutError("HostUnreachable", "no answer");
      },
    }),
  };

  it.each(Object.entries(silences))(
    "that cannot be reached and still get requests are not let go for looks that fail at another host (%s)",
    async (_, silence) => {
      let looks: number | null = null;
      // Looks come in twos, before and after the requests that are counted: every third one is now the first, now the second.
      const isDue = (): boolean => looks !== null && (looks += 1) % 3 === 0;
      const run = await simulate({
        ...{ manifest, superseded, unreachable: new Set(["7"]), untagWorks: false, ...silence(isDue) },
        onEvent: ({ name }) => {
          if (name === "skipped") looks ??= 0;
        },
      });
      expect(looks).toBeGreaterThan(6);
      expect(run.receipt.error?.code).toBe("NotEjected");
      expectUnharmed(run);
    },
  );

  it("that a rollout took the tag off and did not see leave are found again by the next one", async () => {
    const stopAt = (event: RolloutEvent): boolean | number => (event.name === "skipped" ? 300 : false);
    const run = await simulate({
      manifest,
      superseded,
      unreachable: new Set(["7"]),
      untagWorks: false,
      stopAt,
      reruns: 1,
    });
    expect(run.receipts.map((receipt) => receipt.exitCode)).toEqual([130, expect.any(Number)]);
    expect(run.receipts[1]?.error?.code).toBe("NotEjected");
    expectUnharmed(run);
  });

  it("that a rollout took the tag off and that are reached again are stopped without a drain that nobody would see", async () => {
    const lost = new Set(["7"]);
    const onEvent = (event: RolloutEvent): void => {
      if (event.name === "finished") lost.clear();
    };
    const stopAt = (event: RolloutEvent): boolean | number => (event.name === "skipped" ? 300 : false);
    const run = await simulate({ manifest, superseded, unreachable: lost, onEvent, stopAt, reruns: 1 });
    expect(run.receipts.map((receipt) => receipt.exitCode)).toEqual([130, 0]);
    expect(run.world.machine("7").isRunning("current")).toBe(false);
    expectUnharmed(run);
  });

  it("that cannot be reached get the time that requests on them may take", async () => {
    const run = await simulate({ manifest, superseded, unreachable: new Set(["7", "8"]), requestMs: () => 25_000 });
    expect(run.receipt.error).toBeNull();
    for (const { host } of superseded) expect(run.world.machine(host.id).serving?.open).toBe(0);
    expectUnharmed(run);
  });

  it("that cannot be reached may be all that serves: an empty image is refused", async () => {
    const run = await simulate({ manifest, seeds: empty, superseded, wanted: keep, unreachable: new Set(["7", "8"]) });
    expect(run.receipt.error?.code).toBe("NoRelease");
    expect(run.receipt.exitCode).toBe(3);
    expectUnharmed(run);
  });

  for (const kind of ["sick", "deaf"] as const) {
    it(`whose app is ${kind} are stopped without a drain that nobody would see`, async () => {
      const behaviourOf = (release: Release): Behaviour =>
        release.image === testImage(1) ? { startMs: 500, kind } : healthy;
      const run = await simulate({ manifest, seeds: empty, superseded, behaviourOf });
      expect(run.receipt.error).toBeNull();
      expect(run.receipt.hosts.map((host) => host.action)).toEqual(["deployed", "deployed", "retired", "retired"]);
      for (const { host } of superseded) expect(run.world.machine(host.id).isRunning("current")).toBe(false);
      expect(run.world.broken).toEqual([]);
    });
  }

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

  it.each<[string, Partial<Manifest["healthCheck"]>, object, string]>([
    [
      "a host that is lost from sight is kept by its lease",
      { checkIntervalSeconds: 30, unhealthyThreshold: 4 },
      {},
      "leaseSeconds (120 s) is below the 150 s that the balancer needs to let a host go, (unhealthyThreshold (4) + 1) x checkIntervalSeconds (30 s); make it at least 150 s",
    ],
    [
      "a host may go without its next gate",
      { checkIntervalSeconds: 20, healthyThreshold: 5 },
      { progressDeadlineSeconds: 120 },
      "progressDeadlineSeconds (120 s) leaves the balancer no time for 6 probes at checkIntervalSeconds (20 s); needs more than 120 s",
    ],
  ])("is refused where it needs longer than %s, and nothing is touched", async (_name, live, rollout, fault) => {
    const quick = testManifest({ rollout: { readyTimeoutSeconds: 20, ...rollout } });
    const run = await simulate({ manifest: quick, liveCheck: { ...quick.healthCheck, ...live } });
    expect([run.receipt.exitCode, run.receipt.error?.code]).toEqual([3, "BalancerDiffers"]);
    expect(run.receipt.error?.message).toBe(
      `as the balancer is configured now, ${fault}; or run cdktf deploy, which configures it as declared`,
    );
    expect(run.world.events.some((event) => event.name === "locked")).toBe(false);
    expectUnharmed(run);
  });

  it("is refused where it asks a port that the manifest does not have: all hosts would go dark at once", async () => {
    const run = await simulate({ manifest, reportedCheck: { ...manifest.healthCheck, port: 8090 } });
    expect([run.receipt.exitCode, run.receipt.error?.code]).toEqual([3, "BalancerDiffers"]);
    expect(run.receipt.error?.message).toContain(
      "the balancer's health check asks port 8090, not 8086 as the manifest says",
    );
    expect(run.world.events.some((event) => event.name === "locked")).toBe(false);
    expectUnharmed(run);
  });

  it("gives a steward as long to take the lock as ending another run may take with its live settings", async () => {
    const liveCheck = { ...manifest.healthCheck, checkIntervalSeconds: 10, unhealthyThreshold: 4 };
    const world = newWorld({ manifest, liveCheck });
    const ports = world.ports();
    const given: (number | undefined)[] = [];
    const open = (info: ManifestHost): Host => {
      const host = ports.hosts.open(info);
      return { ...host, lock: (request, seconds) => (given.push(seconds), host.lock(request, seconds)) };
    };
    await world.run(() => rolloutIn(world, manifest, keep, { ports: { ...ports, hosts: { open } } }), 3600);
    expect(given).toEqual(manifest.hosts.map(() => longestSeconds(manifest, liveCheck)));
  });
});

describe("a rollout without a view of the balancer", () => {
  it("waits as the article does, and loses nothing", async () => {
    const run = await simulate({ manifest, witnessReachable: false });
    expect(run.receipt.exitCode).toBe(0);
    expect(run.receipt.witness.reachable).toBe(false);
    const blind = (2 + 1) * 3 + (2 + 1) * 3;
    for (const host of run.receipt.hosts) expect(host.seconds).toBeGreaterThanOrEqual(blind);
    expectUnharmed(run);
  });

  it("does not stop a host to which requests come, although its time is over: the balancer's real threshold is not known", async () => {
    const liveCheck = { ...manifest.healthCheck, unhealthyThreshold: 8 };
    const run = await simulate({ manifest, witnessReachable: false, liveCheck, reportedCheck: manifest.healthCheck });
    expect(run.receipt.exitCode).toBe(0);
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

describe("locks that take longer than a lease", () => {
  it("are held from the first one on", async () => {
    const many = testManifest({ hosts: 36, rollout: { leaseSeconds: 10 } });
    const run = await simulate({ manifest: many, latencyMs: () => 1500 });
    const locked = run.world.events.find((event) => event.name === "locked");
    expect(locked?.elapsedMs).toBeGreaterThan(10_000);
    expect(run.receipt.exitCode).toBe(0);
    expectUnharmed(run);
  });
});

describe("two rollouts at once", () => {
  it("end with exit 4 for the one that comes second, which touches nothing", async () => {
    const run = await simulate({ manifest, contenders: 2 });
    expect(run.receipts.map((receipt) => receipt.exitCode).sort()).toEqual([0, 4]);
    expectUnharmed(run);
  });
});

describe("another host that stops serving while one is drained", () => {
  const three = testManifest({ hosts: 3, healthCheck: { checkIntervalSeconds: 10 } });
  const whileDrained = (happen: (world: SimWorld) => void) => (event: RolloutEvent, world: SimWorld) => {
    if (event.name === "hostStatus" && event.host === "api-1" && event.data.status === "draining") happen(world);
  };

  it.each([
    ["clients", false],
    ["the hosts", true],
  ])("keeps that one in rotation, by what %s say: exit 5, and no client is without a host", async (_who, byHosts) => {
    const run = await simulate({
      manifest: three,
      parts: inOrder,
      reruns: 1,
      // What the hosts say has to do where nobody sees what clients see, which is sooner.
      witnessReachable: !byHosts,
      onEvent: whileDrained((world) => world.powerCycle(world.machine("api-3"), 60_000)),
    });
    expect(run.receipt).toMatchObject({ exitCode: 5, error: { code: byHosts ? "QuorumLost" : "ClientsFail" } });
    if (byHosts) expect(run.receipt.error?.message).toContain("api-1 stays in rotation: api-3 is not in rotation");
    expect(run.receipt.hosts.map(({ action }) => action)).toEqual(["restored", "untouched", "untouched"]);
    expect(run.world.events.some(({ name }) => name === "ejected")).toBe(false);
    expect(run.world.failures).toEqual([]);
  });

  it("is forgiven a slow moment", async () => {
    let slow = 0;
    const run = await simulate({
      manifest: three,
      parts: inOrder,
      onEvent: whileDrained(() => (slow = 2)),
      heard: (observation, host) => {
        if (host !== "api-3" || slow === 0) return observation;
        slow -= 1;
        return { ...observation, traffic: null };
      },
    });
    expect(slow).toBe(0);
    expect(run.receipt.exitCode).toBe(0);
    expectUnharmed(run);
  });
});

describe("a rollout that is told to stop", () => {
  const at = (host: string, status: string) => (event: RolloutEvent) =>
    event.name === "hostStatus" && event.host === host && event.data.status === status;

  for (const status of ["draining", "ejected", "starting"]) {
    it(`while the first host is ${status} takes that host back: exit 130, both serve the old release`, async () => {
      const run = await simulate({ manifest, parts: inOrder, stopAt: at("api-1", status) });
      expect(run.receipt.exitCode).toBe(130);
      expect(run.receipt.hosts.map((host) => host.action)).toEqual(["restored", "untouched"]);
      expect(releases(run)).toEqual([testRelease(manifest, 1).id, testRelease(manifest, 1).id]);
      expect(states(run)).toEqual(["serving", "serving"]);
      expectUnharmed(run);
    });
  }

  const stayed = (run: SimRun): void => {
    expect(run.receipt.exitCode).toBe(130);
    expect(states(run)).toEqual(["serving", "serving"]);
    expect(manifest.hosts.map(({ name }) => run.world.machine(name).restartPolicy("current"))).toEqual([
      "always",
      "always",
    ]);
    expect(run.receipts[1]?.exitCode).toBe(0);
    expect(releases(run)).toEqual([testRelease(manifest, 2).id, testRelease(manifest, 2).id]);
    expectUnharmed(run);
  };

  // Two nodes half an interval apart: one may have taken the new container in while the other has not.
  const phasesMs = [1000, 2500];
  for (const after of [0, 500, 1500, 2500, 3500, 4000, 4500, 5000, 5500, 6000]) {
    it(`${after} ms after the first host's new container is ready leaves it there: clients may be on it`, async () => {
      const slow = testManifest({ rollout: { minReadySeconds: 5 } });
      const ready = at("api-1", "ready");
      const run = await simulate({
        manifest: slow,
        parts: inOrder,
        phasesMs,
        reruns: 1,
        stopAt: (event) => (ready(event) ? after : false),
      });
      expect(run.receipt.hosts.map((host) => host.action)).toEqual(["replaced", "untouched"]);
      stayed(run);
    });
  }

  it("while the second host is readmitted leaves it there as well", async () => {
    const slow = testManifest({ rollout: { minReadySeconds: 5 } });
    const stopAt = (event: RolloutEvent) => event.name === "readmitted" && event.host === "api-2";
    const run = await simulate({ manifest: slow, parts: inOrder, reruns: 1, stopAt });
    expect(run.receipt.hosts.map((host) => host.action)).toEqual(["replaced", "replaced"]);
    stayed(run);
  });

  it("before the first host leaves touches nothing", async () => {
    const run = await simulate({ manifest, stopAt: (event) => event.name === "pulled" });
    expect(run.receipt.exitCode).toBe(130);
    expect(run.receipt.hosts.map((host) => host.action)).toEqual(["untouched", "untouched"]);
    expectUnharmed(run);
  });
});

describe("a host that the balancer does not send to", () => {
  it("is no success, though it answers on its own: the run after an order to stop says so, until the balancer has it", async () => {
    const is = (event: RolloutEvent, status: string): boolean =>
      event.name === "hostStatus" && event.host === "api-2" && event.data.status === status;
    let ended = 0;
    const run = await simulate({
      manifest,
      parts: inOrder,
      reruns: 2,
      // What clients are on is left there.
      stopAt: (event) => is(event, "ready"),
      onEvent: (event, world) => {
        if (is(event, "starting")) world.balancer.remove(world.machine("api-2"));
        if (event.name === "finished") ended += 1;
        if (event.name === "finished" && ended === 2) world.balancer.add(world.machine("api-2"), false);
      },
    });
    expect(run.receipts.map(({ exitCode, error }) => `${exitCode} ${error?.code ?? ""}`)).toEqual([
      "130 Interrupted",
      "3 NotConverged",
      "0 ",
    ]);
    expect(run.receipts[1]?.error?.message).toContain("api-2 is not in rotation: node");
  });
});

describe("a rollout whose time is up", () => {
  const short = testManifest({
    hosts: 4,
    healthCheck: { checkIntervalSeconds: 10, unhealthyThreshold: 2, healthyThreshold: 2 },
    rollout: { timeoutSeconds: 60, progressDeadlineSeconds: 60, readyTimeoutSeconds: 20, drainTimeoutSeconds: 30 },
  });

  it("takes the host at hand back, or leaves it where clients are on it, and says so; the next ones go on from there", async () => {
    const run = await simulate({ manifest: short, reruns: 4 });
    expect(run.receipt.error?.code).toBe("RolloutTimeout");
    expect(run.receipt.error?.message).toContain("within 60 s (timeoutSeconds)");
    expect(run.receipt.exitCode).toBe(6);
    expect(run.receipt.seconds).toBeLessThan(120);
    expect(run.receipts.at(-1)?.exitCode).toBe(0);
    for (const { name } of short.hosts)
      expect(run.world.machine(name).state("current")?.release).toBe(testRelease(short, 2).id);
    expectUnharmed(run);
  });

  it("is counted from the locks on: another rollout may be waited for as long as is allowed", async () => {
    const run = await simulate({
      manifest: { ...short, hosts: short.hosts.slice(0, 1) },
      contenders: 3,
      wantedOf: (contender) => ({ do: "deploy", image: testImage(2 + contender) }),
      waitSeconds: 3600,
    });
    expect(run.receipts.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);
    expect(Math.max(...run.receipts.map(({ seconds }) => seconds))).toBeGreaterThan(60);
  });

  it("does not bring back what it has replaced: there is no time for that either", async () => {
    const wanted = { ...short, rollout: { ...short.rollout, onFailure: "rollback" as const } };
    const run = await simulate({ manifest: wanted });
    expect(run.receipt.error?.code).toBe("RolloutTimeout");
    expect(run.world.events.some(({ name }) => name === "rollingBack")).toBe(false);
    expectUnharmed(run);
  });
});

describe("hosts that leave rotation together", () => {
  const fleet = (maxUnavailable: number) =>
    simulate({ manifest: testManifest({ hosts: 36, rollout: { readyTimeoutSeconds: 20, maxUnavailable } }) });

  it("share the requests that show that none of them gets any", async () => {
    const [together, inTurn] = [await fleet(18), await fleet(1)];
    for (const run of [together, inTurn]) expectUnharmed(run);
    expect(together.receipt.witness.sent).toBeLessThan(inTurn.receipt.witness.sent / 2);
  });
});

describe("going back", () => {
  const back = { do: "rollback" } as const;
  const [one, two] = [testRelease(manifest, 1), testRelease(manifest, 2)];
  const kept = (run: SimRun, slot: "previous" | "failed"): (string | null | undefined)[] =>
    manifest.hosts.map((host) => run.world.machine(host.name).state(slot)?.release);

  it("brings every host onto the release before; the one that it left is kept for its log only", async () => {
    const run = await simulate({ manifest, next: [back] });
    const receipt = run.receipts[1];
    expect(receipt).toMatchObject({ exitCode: 0, error: null, release: { id: one.id, image: one.image } });
    expect(receipt?.hosts.map((host) => host.action)).toEqual(["replaced", "replaced"]);
    expect(releases(run)).toEqual([one.id, one.id]);
    expect([kept(run, "previous"), kept(run, "failed")]).toEqual([
      [undefined, undefined],
      [two.id, two.id],
    ]);
    expectUnharmed(run);
  });

  const toldOfTerraform = ({ world }: SimRun): string[] =>
    world.events.filter(({ name }) => name === "wentBack").map((event) => messageOf(event));

  it("says that Terraform still holds the newer image, and since when that one served", async () => {
    const run = await simulate({ manifest, next: [back] });
    const [told] = run.world.events.filter(({ name }) => name === "wentBack").map(({ data }) => data);
    expect(told).toMatchObject({ from: two.id, fromImage: two.image, image: one.image });
    expect(toldOfTerraform(run)).toEqual([
      expect.stringMatching(
        new RegExp(`^Terraform may still hold ${two.image} \\(release ${two.id}, served from \\S+\\).*${one.image}`),
      ),
    ]);
  });

  it("a second time is refused, and touches nothing: it does not go forth again", async () => {
    const run = await simulate({ manifest, next: [back, back] });
    expect(run.receipts[2]).toMatchObject({ exitCode: 3, error: { code: "NothingBefore" } });
    expect(releases(run)).toEqual([one.id, one.id]);
    expectUnharmed(run);
  });

  it("restores the settings that the release had", async () => {
    const before = testManifest({ rollout: { readyTimeoutSeconds: 20 }, service: { environment: { LEVEL: "debug" } } });
    const old = testRelease(before, 1);
    const seeds = new Map(manifest.hosts.map((host) => [host.name, old]));
    const run = await simulate({ manifest, seeds, next: [back] });
    expect(releases(run)).toEqual([old.id, old.id]);
    expectUnharmed(run);
  });

  it("ends a rollout that was broken off half-way: only the host that has the newer release is replaced", async () => {
    const run = await simulate({
      manifest,
      parts: inOrder,
      served: [one],
      stopAt: (event) => event.name === "hostStatus" && event.host === "api-1" && event.data.status === "ready",
      next: [back],
    });
    expect(run.receipt.exitCode).toBe(130);
    expect(run.receipts[1]?.hosts.map((host) => host.action)).toEqual(["replaced", "kept"]);
    expect(releases(run)).toEqual([one.id, one.id]);
    // The fleet has not served what Terraform holds: no record names it.
    expect(toldOfTerraform(run)).toEqual([
      `Terraform may hold another image: before the next cdktf deploy, set its variable image to ${one.image}, or leave it empty`,
    ]);
    expectUnharmed(run);
  });

  it("leads every host further back a second time, also one that was there already the first time", async () => {
    const zero = testRelease(manifest, 10);
    const seeds = new Map(manifest.hosts.map((host) => [host.name, zero]));
    const deploy = { do: "deploy", image: testImage(1) } as const;
    let fleets = 0;
    const run = await simulate({
      manifest,
      seeds,
      wanted: deploy,
      next: [{ do: "deploy", image: testImage(2) }, back, back],
      // The second rollout ends after its first host: the second host has not got release 2.
      parts: {
        ...inOrder,
        steps: (context) => {
          const plan = standardParts.steps(context);
          if (context.release?.id !== two.id || context.goesBack) return plan;
          fleets += 1;
          const impossible = { name: "impossible", run: { do: "start", slot: "failed" } } as const;
          return fleets === 2 ? { ...plan, stages: { ...plan.stages, drain: [impossible] } } : plan;
        },
      },
    });
    expect(run.receipts.map(({ exitCode }) => exitCode)).toEqual([0, 6, 0, 0]);
    expect(run.receipts[2]?.hosts.map((host) => host.action)).toEqual(["replaced", "kept"]);
    expect(run.receipts[3]?.hosts.map((host) => host.action)).toEqual(["replaced", "replaced"]);
    expect(releases(run)).toEqual([zero.id, zero.id]);
    expectUnharmed(run);
  });

  it("is refused when another rollout ends between the first look and the locks", async () => {
    const three = testRelease(manifest, 3);
    const run = await simulate({
      manifest,
      wanted: back,
      seen: (survey, _host, look) => ({
        ...survey,
        history: testHistory(manifest, [look === 1 ? two : three, one]),
      }),
    });
    expect(run.receipt).toMatchObject({ exitCode: 3, error: { code: "FleetChanged" } });
    const served = (release: Release) => `${release.image} \\(release ${release.id}, served from 2026-\\S+\\)`;
    expect(run.receipt.error?.message).toMatch(new RegExp(`no longer ${served(two)} but ${served(three)}, as another`));
    expect(releases(run)).toEqual([one.id, one.id]);
    expectUnharmed(run);
  });
});

describe("a host that fails after another one was replaced", () => {
  const policy = { readyTimeoutSeconds: 20 };
  const halting = testManifest({ hosts: 3, rollout: policy });
  const returning = testManifest({ hosts: 3, rollout: { ...policy, onFailure: "rollback" } });
  const actions = ({ receipt }: SimRun): string[] => receipt.hosts.map((host) => host.action);
  const served = (run: SimRun): (string | null | undefined)[] =>
    halting.hosts.map(({ name }) => run.world.machine(name).state("current")?.release);

  /** Hosts are given their steps in order; those of the second one cannot be done. */
  const secondFails = (): typeof standardParts => {
    let hosts = 0;
    const steps: typeof standardParts.steps = (context) => {
      const plan = standardParts.steps(context);
      hosts += 1;
      if (hosts !== 2) return plan;
      const impossible = { name: "impossible", run: { do: "start", slot: "failed" } } as const;
      return { ...plan, stages: { ...plan.stages, replace: [...plan.stages.replace, impossible] } };
    };
    return { ...inOrder, steps };
  };

  it("leaves that one on the new release by default: exit 6, the fleet is mixed", async () => {
    const run = await simulate({ manifest: halting, parts: secondFails() });
    expect(run.receipt.exitCode).toBe(6);
    expect(actions(run)).toEqual(["replaced", "restored", "untouched"]);
    expectUnharmed(run);
  });

  it("brings that one back with onFailure rollback: exit 5, all on the release before", async () => {
    const run = await simulate({ manifest: returning, parts: secondFails() });
    expect(run.receipt).toMatchObject({ exitCode: 5, error: { code: "StepFailed" } });
    expect(actions(run)).toEqual(["rolled-back", "restored", "untouched"]);
    expect(served(run)).toEqual(returning.hosts.map(() => testRelease(returning, 1).id));
    expect(run.world.machine("api-1").state("previous")).toBeUndefined();
    expectUnharmed(run);
  });

  it.each([
    ["was empty", null],
    ["had a release that does not serve", testRelease(returning, 3)],
  ])(
    "brings one that %s onto the release that served before as well, and says no more than that",
    async (_what, seed) => {
      const before = testRelease(returning, 1);
      const run = await simulate({
        manifest: returning,
        parts: secondFails(),
        seeds: new Map(returning.hosts.map(({ name }) => [name, name === "api-1" ? seed : before])),
        behaviourOf: ({ id }) => (id === seed?.id ? { startMs: 500, kind: "sick" } : healthy),
      });
      expect(run.receipt).toMatchObject({ exitCode: 5, error: { code: "StepFailed" } });
      expect(actions(run)).toEqual(["rolled-back", "restored", "untouched"]);
      expect(served(run)).toEqual(returning.hosts.map(() => before.id));
      expect(outcomeText(run.receipt)).toMatch(/is as before, or on the release that served before$/);
    },
  );

  it("tries that once: when the release before is broken too, the host keeps the new one, and the rollout ends with 6", async () => {
    let goesBack = false;
    const run = await simulate({
      manifest: returning,
      parts: secondFails(),
      onEvent: (event) => (goesBack ||= event.name === "rollingBack"),
      behaviourOf: (release) => (goesBack && release.image === testImage(1) ? { startMs: 500, kind: "sick" } : healthy),
    });
    expect(run.receipt).toMatchObject({ exitCode: 6, error: { code: "StepFailed" } });
    expect(actions(run)).toEqual(["replaced", "restored", "untouched"]);
    const told = run.world.events.filter(({ name }) => name === "rollingBack");
    expect(told.map((event) => messageOf(event))).toEqual([expect.stringContaining(`${testImage(1)} (release `)]);
    expect(run.world.events.filter(({ name }) => name === "notRolledBack")).toHaveLength(1);
    expectUnharmed(run);
  });

  it("leaves the hosts where they are while the one that failed was not seen to serve again: its steps are not laid anew", async () => {
    let failed = false;
    const run = await simulate({
      manifest: returning,
      parts: secondFails(),
      onEvent: (event) => (failed ||= event.name === "hostStatus" && event.data.status === "failed"),
      heard: (observation, host) =>
        failed && host === "api-2" ? { ...observation, traffic: null, health: null } : observation,
    });
    expect(run.receipt.exitCode).toBe(6);
    expect(actions(run)).toEqual(["replaced", "unknown", "untouched"]);
    expect(run.world.events.some(({ name }) => name === "rollingBack")).toBe(false);
    expect(run.world.events.filter(({ name }) => name === "notRolledBack")).toHaveLength(1);
    expectUnharmed(run);
  });

  it("does not go forth again when the rollout itself was to go back", async () => {
    const failing = secondFails();
    const run = await simulate({
      manifest: returning,
      next: [{ do: "rollback" }],
      parts: { ...failing, steps: (context) => (context.goesBack ? failing : standardParts).steps(context) },
    });
    expect(run.receipts.map(({ exitCode }) => exitCode)).toEqual([0, 6]);
    expect(run.world.events.some(({ name }) => name === "rollingBack")).toBe(false);
    expectUnharmed(run);
  });
});

describe("a rollout that waits for another one", () => {
  it("starts when that one has ended: both end well, one after the other", async () => {
    const run = await simulate({ manifest, contenders: 2, waitSeconds: 600 });
    expect(run.receipts.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
    const actions = run.receipts.map(({ hosts }) => hosts.map(({ action }) => action));
    expect(actions).toEqual(expect.arrayContaining([expect.arrayContaining(["replaced"]), ["kept", "kept"]]));
    expect(run.world.events.filter(({ name }) => name === "waiting")).toHaveLength(1);
    expectUnharmed(run);
  });

  it("gives up after the time that it was told, and says who holds the lock, since when and what for", async () => {
    const run = await simulate({ manifest, contenders: 2, waitSeconds: 3 });
    const [held] = run.receipts.filter(({ exitCode }) => exitCode === 4);
    expect(held?.error?.code).toBe("LockHeld");
    expect(held?.error?.message).toMatch(
      /^api-1 is locked by another rollout \(run\d:test@lab, since 1970-01-01T00:\d\d:\d\d\.\d+Z, to deploy registry\S+\), for more than 3 s; .*--wait/,
    );
    expect(run.receipts.map(({ exitCode }) => exitCode).sort()).toEqual([0, 4]);
    expectUnharmed(run);
  });

  it("and is to keep what serves keeps what the other one brought, not what it saw at first", async () => {
    const run = await simulate({
      manifest,
      contenders: 2,
      waitSeconds: 600,
      wantedOf: (contender) => (contender === 0 ? { do: "deploy", image: testImage(2) } : keep),
    });
    expect(run.receipts.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
    expect(releases(run)).toEqual([testRelease(manifest, 2).id, testRelease(manifest, 2).id]);
    expectUnharmed(run);
  });
});
