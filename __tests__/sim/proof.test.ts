/** The proof at the end: a rollout does not end well while its own requests fail, also where nothing was asked before. */
import { describe, expect, it } from "@jest/globals";
import type { Behaviour } from "../../lab/sim/app.js";
import { standardParts } from "../../scripts/rollout/run.js";
import { testImage, testManifest, testRelease } from "../support/fleet.js";
import { healthy, simulate, type SimRun } from "../support/sim.js";

const manifest = testManifest({ rollout: { readyTimeoutSeconds: 20 } });
const phasesMs = [1000, 2500];
const errs: Behaviour = { startMs: 500, kind: "errs" };
const hangs: Behaviour = { startMs: 500, kind: "hangs" };
const inOrder = { ...standardParts, turn: (hosts: Parameters<typeof standardParts.turn>[0]) => [...hosts] };
const actions = ({ receipt }: SimRun): string[] => receipt.hosts.map(({ action }) => action);

describe("a first rollout", () => {
  const empty = new Map(manifest.hosts.map(({ name }) => [name, null]));

  it("of a release that answers every request with a failure does not end well, and counts them", async () => {
    const run = await simulate({ manifest, phasesMs, seeds: empty, behaviourOf: () => errs });
    expect(run.receipt).toMatchObject({ exitCode: 6, error: { code: "ClientsFail" } });
    expect(run.receipt.error?.message).toMatch(
      /^every host runs the release, but clients fail: (\d+) of \1 requests .*\(500: \1\)/,
    );
    expect(actions(run)).toEqual(["deployed", "deployed"]);
    expect(run.receipt.witness.failed).toBeGreaterThanOrEqual(10);
  });

  it("does not take for usual what the first of its hosts answers", async () => {
    const stuck = testRelease(manifest, 1);
    const run = await simulate({
      ...{ manifest, phasesMs },
      seeds: new Map([
        ["api-1", null],
        ["api-2", stuck],
      ]),
      behaviourOf: ({ id }) => (id === stuck.id ? { startMs: 500, kind: "sick" } : errs),
    });
    expect(run.receipt).toMatchObject({ exitCode: 6, error: { code: "ClientsFail" } });
  });

  it("ends well where requests are answered", async () => {
    const run = await simulate({ manifest, phasesMs, seeds: empty, behaviourOf: () => healthy });
    expect(run.receipt.error).toBeNull();
    expect(run.receipt.witness.failed).toBe(0);
    expect(run.receipt.witness.sent).toBeGreaterThan(10);
  });
});

describe("a release of which the last container comes to grief", () => {
  /** The last host's container does that and all others are healthy: in order, with nothing to wait for before the next one. */
  const lastOne = (hosts: number, last: Behaviour): Promise<SimRun> => {
    const fleet = testManifest({
      hosts,
      rollout: { readyTimeoutSeconds: 20, minReadySeconds: 0 },
    });
    const { id: wanted } = testRelease(fleet, 2);
    let boots = 0;
    return simulate({
      ...{ manifest: fleet, phasesMs, parts: inOrder },
      behaviourOf: ({ id }) => (id === wanted && (boots += 1) === hosts ? last : healthy),
    });
  };

  for (const hosts of [1, 2, 3, 4]) {
    for (const last of [errs, hangs]) {
      it(`does not end well: no request tells of it before the end (${hosts} hosts, ${last.kind})`, async () => {
        const { receipt } = await lastOne(hosts, last);
        expect(receipt.error).toMatchObject({ code: "ClientsFail" });
        expect(receipt.exitCode).not.toBe(0);
        expect(receipt.witness.failed).toBeGreaterThanOrEqual(3);
      });
    }
  }
});

describe("a release that answers every request with a failure, with nothing to wait for before the next host", () => {
  const fleetOf = (hosts: number) => testManifest({ hosts, rollout: { minReadySeconds: 0, onFailure: "rollback" } });
  const old = testRelease(manifest, 1);
  const behaviourOf = ({ id }: { id: string }) => (id === old.id ? healthy : errs);

  it.each([2, 3, 4, 5, 6])(
    "is taken back from the first of %d hosts, whose old container is still there",
    async (hosts) => {
      const fleet = fleetOf(hosts);
      const run = await simulate({ manifest: fleet, phasesMs, behaviourOf, parts: inOrder });
      expect(run.receipt).toMatchObject({ exitCode: 5, error: { code: "ClientsFail" } });
      expect(actions(run)).toEqual(["restored", ...Array.from({ length: hosts - 1 }, () => "untouched")]);
      expect(run.receipt.error?.message).toMatch(
        /^api-1 goes back, as clients fail since its new container gets requests: .*; look at the log of the release, then at what/,
      );
    },
  );

  it.each([1, 2, 3, 4])(
    "is taken back also where look %d at it tells nothing of its traffic: what was seen stays known",
    async (odd) => {
      let looks: number | null = null;
      const run = await simulate({
        ...{ manifest, phasesMs, behaviourOf, parts: inOrder },
        onEvent: ({ name }) => {
          if (name === "readmitted") looks ??= 0;
        },
        heard: (observation, host) => {
          const isOdd = host === "api-1" && looks !== null && (looks += 1) === odd;
          return isOdd ? { ...observation, traffic: null } : observation;
        },
      });
      expect(run.receipt).toMatchObject({ exitCode: 5, error: { code: "ClientsFail" } });
    },
  );

  it.each([1, 2, 3])("lets no superseded droplet go where all %d droplets are new", async (hosts) => {
    const fleet = fleetOf(hosts);
    const run = await simulate({
      ...{ manifest: fleet, phasesMs, behaviourOf, served: [old] },
      seeds: new Map(fleet.hosts.map(({ name }) => [name, null])),
      superseded: supersededOnes(hosts, old),
    });
    expect(run.receipt).toMatchObject({ exitCode: 5, error: { code: "ClientsFail" } });
    expect(actions(run)).toEqual(Array.from({ length: 2 * hosts }, (_, i) => (i < hosts ? "restored" : "untouched")));
  });
});

const supersededOnes = (hosts: number, release: ReturnType<typeof testRelease>) =>
  Array.from({ length: hosts }, (_, index) => ({
    host: {
      ...{ name: `old-${index}`, id: String(7 + index) },
      ...{ address: `203.0.113.2${index}`, privateAddress: `10.110.0.2${index}` },
    },
    release,
  }));

describe("a release of which clients begin to fail as superseded droplets are to leave", () => {
  const [old, wanted] = [testRelease(manifest, 1), testRelease(manifest, 2)];
  /** The balancer loses the requests to a host that was just brought onto the release. */
  const failingLate = (seed: typeof old | null): Promise<SimRun> => {
    let served = -1;
    return simulate({
      ...{ manifest: testManifest({ rollout: { onFailure: "rollback", minReadySeconds: 0 } }) },
      ...{ phasesMs, parts: inOrder, served: [old] },
      seeds: new Map(manifest.hosts.map(({ name }) => [name, seed])),
      superseded: supersededOnes(1, old),
      onEvent: ({ name, data }, world) => {
        if (name === "planned") served = 0;
        if (served < 0 || name !== "hostStatus" || !("status" in data) || data.status !== "serving") return;
        served += 1;
        if (served === 2) world.lose(world.machine("api-1"), { kind: "requests", node: null, lastsMs: 4000 });
      },
    });
  };

  it("is taken back by `onFailure`", async () => {
    const run = await failingLate(old);
    expect(run.receipt).toMatchObject({ exitCode: 5, error: { code: "ClientsFail" } });
    expect(actions(run)).toEqual(["rolled-back", "rolled-back", "restored"]);
  });

  it("stays, and that is told, where no listed host served before", async () => {
    const run = await failingLate(null);
    expect(run.receipt).toMatchObject({ exitCode: 6, error: { code: "ClientsFail" } });
    expect(run.world.events.map(({ name }) => name)).toContain("notRolledBack");
    expect(run.world.machine("api-2").state("current")?.release).toBe(wanted.id);
  });
});

describe("a rollout that changes nothing", () => {
  it("does not end well where the balancer loses the requests to a host", async () => {
    const run = await simulate({
      manifest: testManifest(),
      phasesMs,
      wanted: { do: "deploy", image: testImage(1) },
      before: async (world) => {
        world.lose(world.machine("api-2"), { kind: "requests", node: null, lastsMs: null });
        await world.clock.sleep(60_000);
      },
    });
    expect(run.receipt).toMatchObject({ exitCode: 3, error: { code: "ClientsFail" } });
    expect(run.receipt.error?.message).toMatch(/whether the balancer reaches them$/);
    expect(actions(run)).toEqual(["kept", "kept"]);
    expect(run.receipt.witness.failed).toBeGreaterThanOrEqual(5);
  });

  it("waits for a balancer that does not reach a host for a moment", async () => {
    const run = await simulate({
      ...{ manifest, phasesMs, wanted: { do: "deploy", image: testImage(1) } },
      before: async (world) => world.lose(world.machine("api-2"), { kind: "requests", node: null, lastsMs: 5000 }),
    });
    expect(run.receipt.error).toBeNull();
    expect(run.receipt.seconds).toBeGreaterThan(5);
  });

  it("judges the requests that come after a balancer's time to take a host in, however short that is", async () => {
    const run = await simulate({
      manifest: testManifest({
        healthCheck: { checkIntervalSeconds: 1, responseTimeoutSeconds: 1, unhealthyThreshold: 1, healthyThreshold: 1 },
      }),
      ...{ phasesMs, wanted: { do: "deploy", image: testImage(1) } },
      before: async (world) => world.lose(world.machine("api-2"), { kind: "requests", node: null, lastsMs: 1500 }),
    });
    expect(run.receipt.witness.failed).toBeGreaterThan(0);
    expect(run.receipt.error).toBeNull();
  });
});
