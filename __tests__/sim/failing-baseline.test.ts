/** Fleets whose clients fail before the rollout begins: it has to lead out of that, and to make nothing worse. */
import { describe, expect, it } from "@jest/globals";
import type { ManifestHost } from "../../contract/manifest.js";
import type { Release } from "../../contract/release.js";
import type { Behaviour } from "../../lab/sim/app.js";
import type { SimWorld } from "../../lab/sim/world.js";
import { RolloutError } from "../../scripts/rollout/core/errors.js";
import { windowMs } from "../../scripts/rollout/core/prober.js";
import type { Receipt } from "../../scripts/rollout/core/receipt.js";
import type { Host, Ports, WitnessReport } from "../../scripts/rollout/ports.js";
import { standardParts } from "../../scripts/rollout/run.js";
import { testImage, testManifest, testRelease } from "../support/fleet.js";
import { healthy, newWorld, rolloutIn, simulate, type RunOptions, type SimRun } from "../support/sim.js";

const LIMIT_SECONDS = 24 * 3600;
const RATE = 20;
const phasesMs = [1000, 2500];
const inOrder = { ...standardParts, turn: (hosts: Parameters<typeof standardParts.turn>[0]) => [...hosts] };

/** Hosts by their digit: 1 answers 500 to everything but its health path, 0 is as it should be. */
function ill(hosts: string, rollout: object = {}): RunOptions {
  const manifest = testManifest({ hosts: hosts.length, rollout: { readyTimeoutSeconds: 20, ...rollout } });
  const errs = testRelease(manifest, 3);
  const seed = (index: number): Release => (hosts[index] === "1" ? errs : testRelease(manifest, 1));
  return {
    ...{ manifest, phasesMs, ratePerSecond: RATE },
    seeds: new Map(manifest.hosts.map(({ name }, index) => [name, seed(index)])),
    behaviourOf: ({ id }: Release): Behaviour => (id === errs.id ? { startMs: 500, kind: "errs" } : healthy),
  };
}

/** What clients lose in the same time when nobody rolls anything out. @param happening what happens there before */
async function lostAnyway(
  { world: { clock } }: SimRun,
  options: RunOptions,
  happening: (world: SimWorld) => Promise<void> = () => Promise.resolve(),
): Promise<number> {
  const twin = newWorld(options);
  const lasts = async (): Promise<void> => {
    await happening(twin);
    await twin.clock.sleep(clock.now() - twin.clock.now());
  };
  await twin.run(lasts, LIMIT_SECONDS);
  return twin.failures.length;
}

const actions = ({ receipt }: SimRun): string[] => receipt.hosts.map(({ action }) => action);
const drained = ({ world }: Pick<SimRun, "world">): string[] =>
  world.events.flatMap((event) => (event.name === "step" && event.data.step === "drain" ? [event.host ?? ""] : []));

describe("a fleet of which some answer with failures", () => {
  for (const [hosts, first] of [
    ["01", ["api-2"]],
    ["11", ["api-1", "api-2"]],
    ["011", ["api-2", "api-3"]],
    ["101", ["api-1", "api-3"]],
    ["110", ["api-1", "api-2"]],
    ["001", ["api-3"]],
    ["0001", ["api-4"]],
  ] as const) {
    for (const [order, parts] of [
      ["as the balancer asks them", standardParts],
      ["in order", inOrder],
    ] as const) {
      it(`gets the release, and clients lose no more than without a rollout (${hosts}, ${order})`, async () => {
        const options = ill(hosts);
        const run = await simulate({ ...options, parts });
        expect(run.receipt.error).toBeNull();
        expect(new Set(actions(run))).toEqual(new Set(["replaced"]));
        expect(drained(run).slice(0, first.length).sort()).toEqual(first);
        expect(run.world.failures.length).toBeLessThanOrEqual(await lostAnyway(run, options));
        expect(run.world.broken).toEqual([]);
      });
    }
  }

  describe("by giving no answer at all", () => {
    /** Asked by itself, a host waits in vain for what clients get a 500 for. */
    const hanging = (ports: Ports, health: (host: Host, path: string) => Promise<number | null>): Ports => {
      const open = (info: ManifestHost): Host => {
        const host = ports.hosts.open(info);
        const answer = async (path: string): Promise<number | null> => {
          if (path !== "/") return health(host, path);
          const status = await host.answer(path);
          return status === 500 ? null : status;
        };
        return { ...host, answer };
      };
      return { ...ports, hosts: { open } };
    };
    const drainedOf = async (health: (host: Host, path: string) => Promise<number | null>): Promise<string[]> => {
      const options = ill("001");
      const world = newWorld(options);
      const wanted = { do: "deploy", image: testImage(2) } as const;
      const ports = hanging(world.ports(), health);
      const once = () => rolloutIn(world, options.manifest, wanted, { ports, parts: inOrder });
      const receipt = await world.run(once, LIMIT_SECONDS);
      expect(receipt.error).toBeNull();
      return drained({ world });
    };

    it("has those leave first, where their health path is answered", async () =>
      expect(await drainedOf((host, path) => host.answer(path))).toEqual(["api-3", "api-1", "api-2"]));

    it("tells nothing of a host that gets no answer from itself for its health path either", async () =>
      expect(await drainedOf(() => Promise.resolve(null))).toEqual(["api-1", "api-2", "api-3"]));

    it("tells nothing where the host could not be asked", async () => {
      const gone = new RolloutError("HostUnreachable", "no way there");
      expect(await drainedOf(() => Promise.reject(gone))).toEqual(["api-1", "api-2", "api-3"]);
    });
  });

  it("does not take out the last one that answers beside one that does not, where several leave at once", async () => {
    const run = await simulate({ ...ill("0110", { maxUnavailable: "75%" }), parts: inOrder });
    expect(run.receipt.error).toBeNull();
    expect(new Set(drained(run).slice(0, 2))).toEqual(new Set(["api-2", "api-3"]));
  });

  it("goes back to a release that answered", async () => {
    const options = ill("11");
    const [good, errs] = [testRelease(options.manifest, 1), testRelease(options.manifest, 3)];
    const run = await simulate({
      ...options,
      ...{ wanted: { do: "rollback" }, served: [good, errs] },
      before: async ({ machines }) => {
        for (const machine of machines.values()) machine.images.add(good.image);
      },
    });
    expect(run.receipt.error).toBeNull();
    expect(new Set(actions(run))).toEqual(new Set(["replaced"]));
  });
});

describe("a fleet of which the balancer loses the requests to some", () => {
  const lose =
    (...names: readonly string[]) =>
    async (world: SimWorld): Promise<void> => {
      for (const name of names) world.lose(world.machine(name), { kind: "requests", node: null, lastsMs: null });
      await world.clock.sleep(60_000);
    };

  it("has each out for no longer than that takes, where others answer beside it", async () => {
    const manifest = testManifest({ hosts: 3, rollout: { readyTimeoutSeconds: 20 } });
    const options = { manifest, phasesMs, ratePerSecond: RATE };
    const run = await simulate({ ...options, parts: inOrder, before: lose("api-2") });
    expect(actions(run).slice(0, 1)).toEqual(["replaced"]);
    // A new container that gets no request is one that the balancer may not have taken in.
    expect(run.receipt.error).toMatchObject({ code: "NotReadmitted" });
    const twin = await lostAnyway(run, options, lose("api-2"));
    // While api-1 is out, a half is lost, not a third.
    expect(run.world.failures.length - twin).toBeLessThanOrEqual((RATE / 2 - RATE / 3) * 20);
  });

  it("keeps the last one that answers, or has it back at once: nobody else would say that the others do not", async () => {
    const manifest = testManifest({ hosts: 3, rollout: { readyTimeoutSeconds: 20 } });
    const options = { manifest, phasesMs, ratePerSecond: RATE };
    const run = await simulate({ ...options, parts: inOrder, before: lose("api-2", "api-3") });
    expect(run.receipt).toMatchObject({ exitCode: 5, error: { code: "ClientsFail" } });
    expect(actions(run)).toEqual(["restored", "untouched", "untouched"]);
    expect(run.world.machine("api-1").serving?.state).toBe("serving");
    const { healthyThreshold, checkIntervalSeconds } = manifest.healthCheck;
    // A window of the prober tells it from chance; beside it the gate counts some requests, and tries again.
    const takeBackSeconds = windowMs({ sent: 3, failed: 2 }) / 1000 + 4 + (healthyThreshold + 1) * checkIntervalSeconds;
    const lost = run.world.failures.length - (await lostAnyway(run, options, lose("api-2", "api-3")));
    expect(lost).toBeLessThanOrEqual(takeBackSeconds * RATE);
  });

  it("is said to be that, not that the host was not let go, where nobody heeds what clients see", async () => {
    const manifest = testManifest({
      hosts: 3,
      rollout: { readyTimeoutSeconds: 20, drainTimeoutSeconds: 20, progressDeadlineSeconds: 30 },
    });
    const parts = { ...inOrder, clients: () => null };
    const run = await simulate({ manifest, phasesMs, parts, before: lose("api-2", "api-3") });
    expect(run.receipt.error).toMatchObject({ code: "NotEjected" });
    expect(run.receipt.error?.message).toMatch(
      /^api-1 gets no requests any more, but too few are answered by the others: 0 of \d+ witness requests were/,
    );
  });
});

describe("a fleet that fails some requests by chance", () => {
  /** Each request of the rollout's own fails with that chance, beside what really becomes of it. */
  async function chancy(hosts: number, share: number, seed: number, parts = standardParts) {
    const manifest = testManifest({ hosts, rollout: { readyTimeoutSeconds: 20 } });
    const world = newWorld({ manifest, phasesMs });
    const ports = world.ports();
    let drawn = seed;
    const random = (): number => (drawn = (drawn * 1103515245 + 12345) % 2 ** 31) / 2 ** 31;
    const send = async (count: number): Promise<WitnessReport> => {
      const report = await ports.witness.send(count);
      const failures = [...report.failures];
      for (let index = 0; index < report.answered; index += 1) if (random() < share) failures.push("500");
      return { ...report, answered: report.sent - failures.length, failures };
    };
    const withChance = { ...ports, witness: { ...ports.witness, send } };
    const wanted = { do: "deploy", image: testImage(2) } as const;
    const rollOut = (): Promise<Receipt> => rolloutIn(world, manifest, wanted, { ports: withChance, parts });
    return { world, receipt: await world.run(rollOut, LIMIT_SECONDS) };
  }

  it.each([0.1, 0.2])(
    "is hardly ever taken for an outage, once its baseline shows failures (a share of %s)",
    async (share) => {
      const codes: (string | undefined)[] = [];
      for (let seed = 1; seed <= 20; seed += 1) {
        const { world, receipt } = await chancy(2, share, seed * 7919);
        if (world.events.some(({ name }) => name === "baselineFails")) codes.push(receipt.error?.code);
      }
      expect(codes.length).toBeGreaterThanOrEqual(10);
      expect(codes.filter((code) => code !== undefined).length).toBeLessThanOrEqual(codes.length / 7);
    },
  );

  const unheeding = { ...standardParts, clients: () => null };
  for (const hosts of [2, 3, 6, 10]) {
    for (const share of [0.02, 0.05, 0.1]) {
      it(`gets the release where nobody heeds what clients see (${hosts} hosts, a share of ${share})`, async () => {
        const { receipt } = await chancy(hosts, share, 7, unheeding);
        expect(receipt.error).toBeNull();
        expect(receipt.hosts.map(({ action }) => action)).toEqual(Array.from({ length: hosts }, () => "replaced"));
        expect(receipt.seconds).toBeLessThan(60 + 15 * hosts);
      });
    }
  }
});
