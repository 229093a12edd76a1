/** Hosts that the balancer loses, before a rollout and during one: what clients lose, what the rollout says, what becomes of the hosts. */
import { describe, expect, it } from "@jest/globals";
import type { Behaviour } from "../../lab/sim/app.js";
import { HANG_MS } from "../../lab/sim/app.js";
import type { Loss, SimWorld } from "../../lab/sim/world.js";
import type { RolloutEvent } from "../../scripts/rollout/core/events.js";
import { testImage, testManifest, testRelease } from "../support/fleet.js";
import type { Release } from "../../contract/release.js";
import { healthy, newWorld, rolloutIn, simulate, type RunOptions, type SimRun } from "../support/sim.js";
import { WITNESS_PER_HOST } from "../../scripts/rollout/core/gates.js";
import type { WitnessReport } from "../../scripts/rollout/ports.js";
import { WINDOW_MS } from "../../scripts/rollout/core/prober.js";
import { standardParts } from "../../scripts/rollout/run.js";

const manifest = testManifest({ rollout: { readyTimeoutSeconds: 20 } });
const old = testRelease(manifest, 1).id;
const inOrder = { ...standardParts, turn: (hosts: Parameters<typeof standardParts.turn>[0]) => [...hosts] };
const BEFORE_MS = 60_000;

const losses = {
  "the link of all nodes to it is cut": { kind: "link", node: null, lastsMs: null },
  "a firewall drops the probes": { kind: "probes", node: null, lastsMs: null },
  "it loses its tag": { kind: "tag", node: null, lastsMs: null },
  "the second node alone is cut off from it": { kind: "link", node: 1, lastsMs: null },
} satisfies Record<string, Loss>;

/** With its power a host loses its answers to looks as well: each takes as long as the real adapter tries, see its pauses and timeouts. */
type Mishap = Loss | "power";
const OFF_MS = 600_000;
const GIVES_UP_MS = 90_000;

const mishaps = { ...losses, "it loses its power": "power" } satisfies Record<string, Mishap>;

function befall(world: SimWorld, mishap: Mishap): void {
  const machine = world.machine("api-2");
  if (mishap === "power") world.powerCycle(machine, OFF_MS);
  else world.lose(machine, mishap);
}

interface Lost {
  readonly loss: Mishap;
  readonly options?: Partial<RunOptions>;
  /** The moment at which api-2 is lost. @default - {@link BEFORE_MS} before the rollout begins */
  readonly at?: (event: RolloutEvent) => boolean;
}

/** Two nodes, two hosts that serve release 1. */
async function lose({ loss, options, at }: Lost): Promise<SimRun> {
  let lost = false;
  const onEvent = (event: RolloutEvent, world: SimWorld): void => {
    if (lost || !at?.(event)) return;
    lost = true;
    befall(world, loss);
  };
  const before = async (world: SimWorld): Promise<void> => {
    if (!at) befall(world, loss);
    await world.clock.sleep(BEFORE_MS);
    lostBefore.set(world, world.failures.length);
  };
  const power: Partial<RunOptions> = {
    // The simulation itself gives up after 15 s.
    beforeLook: (host, _order, clock) =>
      lost && host === "api-2" ? clock.sleep(GIVES_UP_MS - 15_000) : Promise.resolve(),
    after: (world) => world.clock.sleep(OFF_MS),
  };
  const more = loss === "power" ? power : {};
  return simulate({ manifest, parts: inOrder, phasesMs: [1000, 2500], before, onEvent, ...more, ...options });
}
/** Requests that clients had lost when the rollout began. */
const lostBefore = new WeakMap<SimWorld, number>();
const lostIn = ({ world }: SimRun): number => world.failures.length - (lostBefore.get(world) ?? 0);

/** Both run the old release and serve, and none was drained for long. */
function expectAsBefore({ world }: SimRun): void {
  for (const { name } of manifest.hosts) {
    expect(world.machine(name).state("current")?.release).toBe(old);
    expect(world.machine(name).serving?.state).toBe("serving");
  }
  expect(world.broken).toEqual([]);
}
const drained = ({ world }: SimRun): string[] =>
  world.events.flatMap((event) => (event.name === "step" && event.data.step === "drain" ? [event.host ?? ""] : []));

/** A status of api-1 in the rollout. */
const is = (status: string) => (event: RolloutEvent) =>
  event.name === "hostStatus" && event.host === "api-1" && event.data.status === status;

/** What clients lose of the same loss when nobody rolls anything out: requests of half of them, until the balancer lets the host go. */
async function lostAnyway(loss: Mishap, atMs: number, untilMs: number, phasesMs: readonly number[]): Promise<number> {
  const world = newWorld({ manifest, phasesMs });
  await world.run(async () => {
    await world.clock.sleep(atMs - world.clock.now());
    befall(world, loss);
    await world.clock.sleep(untilMs - world.clock.now());
  }, 24 * 3600);
  return allLost(world);
}

/** Also those that no rollout could have saved, as it seems to the simulation: none is left while the power is off. */
const allLost = ({ failures, lost }: SimWorld): number => failures.length + lost;

/** Seconds of a take-back: the prober's window, what the balancer takes to give requests up, stop and start, and what it needs to take the host in again. */
const { healthCheck: check } = manifest;
const TAKE_BACK_SECONDS = 2 + 1 + 2 + (check.healthyThreshold + 1) * check.checkIntervalSeconds;

/** Seconds that a balancer needs at most to let a host go. */
const LET_GO_SECONDS = (check.unhealthyThreshold + 1) * check.checkIntervalSeconds;

describe("a host that the balancer loses while another one is out", () => {
  for (const [name, loss] of Object.entries(mishaps)) {
    for (const status of ["draining", "ejected", "ready"] as const) {
      it(`costs one take-back at most (${name}, ${status})`, async () => {
        let lostMs = 0;
        const phasesMs = [1000, 2500];
        const at = (event: RolloutEvent): boolean => {
          if (!is(status)(event)) return false;
          lostMs = event.elapsedMs + BEFORE_MS + 60_000;
          return true;
        };
        const run = await lose({ loss, at });
        const twin = await lostAnyway(loss, lostMs, run.world.clock.now(), phasesMs);
        expect(run.world.sent).toBeGreaterThan(0);
        expect(allLost(run.world) - twin).toBeLessThanOrEqual(TAKE_BACK_SECONDS * 20);
        expect([3, 5, 6]).toContain(run.receipt.exitCode);
        expect(run.world.broken).toEqual([]);
        for (const { name: host } of manifest.hosts) expect(run.world.machine(host).serving?.state).toBe("serving");
      });
    }
  }

  const slow: Record<string, Behaviour> = {
    "never gets ready": { startMs: 500, kind: "sick" },
    "takes 50 s to get ready": { startMs: 50_000, kind: "healthy" },
  };
  /** A rollout that loses api-2 as api-1 gets a status, and how many more requests clients lose than without it. */
  async function loseAt(
    status: string,
    loss: Mishap,
    behaviour: Behaviour,
    rollout: Record<string, unknown> = {},
  ): Promise<{ run: SimRun; more: number }> {
    const patient = testManifest({ rollout: { readyTimeoutSeconds: 120, ...rollout } });
    let lostMs = 0;
    const at = (event: RolloutEvent): boolean => {
      if (!is(status)(event)) return false;
      lostMs = event.elapsedMs + BEFORE_MS + 60_000;
      return true;
    };
    const behaviourOf = ({ id }: Release): Behaviour => (id === old ? healthy : behaviour);
    const run = await lose({ loss, at, options: { manifest: patient, behaviourOf } });
    expect(lostMs).toBeGreaterThan(0);
    expect(run.receipt.hosts.map(({ action }) => action)).toEqual(["restored", "untouched"]);
    expectAsBefore(run);
    return { run, more: allLost(run.world) - (await lostAnyway(loss, lostMs, run.world.clock.now(), [1000, 2500])) };
  }

  const whole = ["the link of all nodes to it is cut", "it loses its power"] as const;
  for (const [name, behaviour] of Object.entries(slow)) {
    const lostToIt = async (loss: Mishap): Promise<number> => {
      const { run, more } = await loseAt("starting", loss, behaviour);
      expect(run.receipt).toMatchObject({ exitCode: 5, error: { code: "ClientsFail" } });
      expect(run.world.events.filter((event) => event.name === "retreatFailed")).toEqual([]);
      return more;
    };

    for (const loss of whole) {
      it(`costs one take-back at most while a new container ${name} (${loss})`, async () =>
        expect(await lostToIt(mishaps[loss])).toBeLessThanOrEqual(TAKE_BACK_SECONDS * 20));
    }

    it(`costs clients of one node a take-back, and the time in which a balancer lets a host go, while a new container ${name}`, async () => {
      const loss: Loss = { kind: "link", node: 0, lastsMs: null };
      expect(await lostToIt(loss)).toBeLessThanOrEqual(((TAKE_BACK_SECONDS + LET_GO_SECONDS) * 20) / 2);
    });
  }

  it.each(whole)(
    "costs one take-back at most while a new container leaves rotation to be taken back (%s)",
    async (loss) => {
      const passing: Behaviour = { startMs: 500, kind: "healthy", healthyMs: 12_000 };
      const { run, more } = await loseAt("failed", mishaps[loss], passing, { minReadySeconds: 30 });
      expect(run.receipt).toMatchObject({ exitCode: 5, error: { code: "InstanceChanged" } });
      expect(more).toBeLessThanOrEqual(TAKE_BACK_SECONDS * 20);
    },
  );

  it("is not looked at again and again while it has no power, as such looks take the turns of others", async () => {
    const three = testManifest({ hosts: 3, rollout: { readyTimeoutSeconds: 120 } });
    let isOff = false;
    let [underWay, most, mostOfStart] = [0, 0, 0];
    const run = await simulate({
      ...{ manifest: three, parts: inOrder, phasesMs: [1000, 2500] },
      behaviourOf: ({ id }) => (id === old ? healthy : { startMs: 500, kind: "sick" }),
      onEvent: (event, world) => {
        if (is("failed")(event)) mostOfStart = most;
        if (isOff || !is("starting")(event)) return;
        isOff = true;
        befall(world, "power");
        // Clients of that node go on failing, while those of the other one are answered.
        world.lose(world.machine("api-3"), { kind: "link", node: 0, lastsMs: null });
      },
      beforeLook: async (host, _order, clock) => {
        if (!isOff || host !== "api-2") return;
        most = Math.max(most, (underWay += 1));
        await clock.sleep(GIVES_UP_MS);
        underWay -= 1;
      },
    });
    expect(run.receipt.hosts[0]?.action).toBe("restored");
    // One that counts requests, and one that keeps the lock.
    expect(mostOfStart).toBeLessThanOrEqual(2);
  });

  it("does not end the start of a new container that has got ready while requests were counted", async () => {
    const patient = testManifest({ rollout: { readyTimeoutSeconds: 120 } });
    const loss: Loss = { kind: "requests", node: null, lastsMs: null, hangs: true };
    const behaviourOf = ({ id }: Release): Behaviour => (id === old ? healthy : { startMs: 8000, kind: "healthy" });
    const run = await lose({ loss, at: is("starting"), options: { manifest: patient, behaviourOf } });
    const [clientsFail, ready] = ["clientsFail", "ready"].map((what) =>
      run.world.events.findIndex((event) => event.name === what || is(what)(event)),
    );
    expect(clientsFail).toBeGreaterThan(0);
    expect(ready).toBe((clientsFail ?? 0) + 1);
    expect(run.receipt.hosts[0]?.action).toBe("replaced");
  });

  it("does not end the start of a new container while another host gets requests", async () => {
    const three = testManifest({ hosts: 3, rollout: { readyTimeoutSeconds: 120 } });
    const behaviourOf = ({ id }: Release): Behaviour => (id === old ? healthy : { startMs: 12_000, kind: "healthy" });
    const loss: Loss = { kind: "requests", node: null, lastsMs: 5000 };
    const run = await lose({ loss, at: is("starting"), options: { manifest: three, behaviourOf } });
    expect(lostIn(run)).toBeGreaterThan(0);
    expect(run.receipt).toMatchObject({ exitCode: 0, error: null });
  });

  it("does not end the start of a new container for two short losses with a quiet time between them", async () => {
    const three = testManifest({ hosts: 3, rollout: { readyTimeoutSeconds: 120 } });
    const loss: Loss = { kind: "requests", node: null, lastsMs: 5000 };
    let beganMs = 0;
    const run = await simulate({
      ...{ manifest: three, parts: inOrder, phasesMs: [1000, 2500] },
      behaviourOf: ({ id }) => (id === old ? healthy : { startMs: 20_000, kind: "healthy" }),
      onEvent: (event, world) => {
        if (beganMs > 0 || !is("starting")(event)) return;
        beganMs = world.clock.now();
        world.lose(world.machine("api-2"), loss);
        world.clock.after(12_000, () => world.lose(world.machine("api-2"), loss));
      },
    });
    expect(run.world.failures.some(({ atMs }) => atMs > beganMs + 12_000)).toBe(true);
    expect(run.receipt).toMatchObject({ exitCode: 0, error: null });
  });

  it("ends the start of a new container for clients of one node of four, whose failures are not in every window", async () => {
    const options: Partial<RunOptions> = {
      manifest: testManifest({ rollout: { readyTimeoutSeconds: 120 } }),
      phasesMs: [500, 1000, 1500, 2500],
      behaviourOf: ({ id }) => (id === old ? healthy : { startMs: 500, kind: "sick" }),
    };
    const run = await lose({ loss: { kind: "link", node: 0, lastsMs: null }, at: is("starting"), options });
    expect(run.receipt).toMatchObject({ exitCode: 5, error: { code: "ClientsFail" } });
    const msOf = (found: (event: RolloutEvent) => boolean): number => run.world.events.find(found)?.elapsedMs ?? NaN;
    const toldMs = msOf(({ name }) => name === "clientsFail") - msOf(is("starting"));
    expect(toldMs).toBeLessThanOrEqual(LET_GO_SECONDS * 1000 + 2 * WINDOW_MS);
    expectAsBefore(run);
  });

  it("ends the start of a new container while the only other host gets requests and fails them", async () => {
    const turning = testRelease(manifest, 3);
    let errs = false;
    const run = await simulate({
      ...{ manifest: testManifest({ rollout: { readyTimeoutSeconds: 120 } }), parts: inOrder },
      seeds: new Map([
        ["api-1", testRelease(manifest, 1)],
        ["api-2", turning],
      ]),
      behaviourOf: ({ id }) => {
        if (id === old) return healthy;
        if (id !== turning.id) return { startMs: 50_000, kind: "healthy" };
        return {
          startMs: 500,
          get kind() {
            return errs ? "errs" : "healthy";
          },
        };
      },
      onEvent: (event) => {
        errs ||= is("starting")(event);
      },
    });
    expect(run.receipt).toMatchObject({ exitCode: 5, error: { code: "ClientsFail" } });
    expect(run.receipt.hosts.map(({ action }) => action)).toEqual(["restored", "untouched"]);
  });

  it("is told: the drain is taken back within a window of the first failures, and the receipt says how many requests failed", async () => {
    const run = await lose({ loss: losses["the link of all nodes to it is cut"], at: is("draining") });
    expect(run.receipt).toMatchObject({ exitCode: 5, error: { code: "ClientsFail" } });
    expect(run.receipt.error?.message).toMatch(
      /^api-1 goes back, as clients fail while it is out: \d+ of \d+ requests .* failed from second [\d.]+ to [\d.]+ .*\(503: \d+\)/,
    );
    expect(run.receipt.hosts.map(({ action }) => action)).toEqual(["restored", "untouched"]);
    expect(run.world.events.filter((event) => event.name === "clientsFail")).toHaveLength(1);
    expectAsBefore(run);
  });

  it("is found by the prober while the balancer hangs, at the latest when clients have waited in vain", async () => {
    const run = await lose({ loss: { kind: "requests", node: null, lastsMs: null, hangs: true }, at: is("draining") });
    expect(run.receipt).toMatchObject({ exitCode: 5, error: { code: "ClientsFail" } });
    const msOf = (found: (event: RolloutEvent) => boolean): number => run.world.events.find(found)?.elapsedMs ?? NaN;
    const outMs = msOf(({ name }) => name === "clientsFail") - msOf(is("draining"));
    expect(outMs).toBeLessThanOrEqual(HANG_MS + 2 * WINDOW_MS);
    expectAsBefore(run);
  });

  it("is found by the prober as well while a host leaves that redirects", async () => {
    const moved = testRelease(manifest, 3);
    const options: Partial<RunOptions> = {
      seeds: new Map([
        ["api-1", moved],
        ["api-2", testRelease(manifest, 1)],
      ]),
      behaviourOf: ({ id }) => (id === moved.id ? { startMs: 500, kind: "redirects" } : healthy),
    };
    const run = await lose({ loss: losses["the link of all nodes to it is cut"], at: is("draining"), options });
    expect(run.receipt).toMatchObject({ exitCode: 5, error: { code: "ClientsFail" } });
    expect(lostIn(run)).toBeLessThanOrEqual(TAKE_BACK_SECONDS * 20);
    expect(run.world.machine("api-1").serving?.state).toBe("serving");
  });

  it("is found while requests are counted that show the host unasked, however long these take", async () => {
    const phasesMs = [1000, 2500];
    const world = newWorld({ manifest, phasesMs });
    const { witness, ...ports } = world.ports();
    let lostMs = 0;
    const send = async (count: number): Promise<WitnessReport> => {
      if (lostMs === 0 && count === WITNESS_PER_HOST * manifest.hosts.length) {
        lostMs = world.clock.now();
        world.lose(world.machine("api-2"), losses["the link of all nodes to it is cut"]);
        await world.clock.sleep(120_000);
      }
      return witness.send(count);
    };
    const slow = { ...ports, witness: { ...witness, send } };
    const receipt = await world.run(
      () => rolloutIn(world, manifest, { do: "deploy", image: testImage(2) }, { ports: slow, parts: inOrder }),
      24 * 3600,
    );
    expect(receipt).toMatchObject({ exitCode: 5, error: { code: "ClientsFail" } });
    const loss = losses["the link of all nodes to it is cut"];
    const twin = await lostAnyway(loss, lostMs, world.clock.now(), phasesMs);
    expect(world.failures.length - twin).toBeLessThanOrEqual(TAKE_BACK_SECONDS * 20);
    expect(world.machine("api-1").serving?.state).toBe("serving");
  });

  it("is found by the prober where no host served at first: one has no container, and one redirects", async () => {
    const moved = testRelease(manifest, 3);
    const options: Partial<RunOptions> = {
      seeds: new Map([
        ["api-1", moved],
        ["api-2", null],
      ]),
      behaviourOf: ({ id }) => (id === moved.id ? { startMs: 500, kind: "redirects" } : healthy),
    };
    const run = await lose({ loss: losses["the link of all nodes to it is cut"], at: is("draining"), options });
    expect(run.receipt).toMatchObject({ exitCode: 6, error: { code: "ClientsFail" } });
    expect(run.receipt.hosts.map(({ action }) => action)).toEqual(["restored", "deployed"]);
    expect(lostIn(run)).toBeLessThanOrEqual(TAKE_BACK_SECONDS * 20);
  });
});

describe("clients that fail", () => {
  const errs = (release: Release): Behaviour => (release.id === old ? healthy : { startMs: 500, kind: "errs" });
  const watched = testManifest({ rollout: { minReadySeconds: 20 } });

  it("at a new release that says it is healthy send it back, and no other host gets it", async () => {
    const run = await simulate({ manifest: watched, parts: inOrder, behaviourOf: errs });
    expect(run.receipt).toMatchObject({ exitCode: 5, error: { code: "ClientsFail" } });
    expect(run.receipt.error?.message).toContain("500: ");
    expect(run.receipt.hosts.map(({ action }) => action)).toEqual(["restored", "untouched"]);
    expectAsBefore(run);
    expect(run.receipt.witness.failed).toBeGreaterThan(0);
  });

  it.each([
    [2, 2500],
    [2, 4000],
    [3, 2500],
  ])("at a new release send it back although looks at another of %d hosts take %d ms", async (hosts, lookMs) => {
    const fleet = testManifest({ hosts, rollout: { minReadySeconds: 20 } });
    const run = await simulate({
      ...{ manifest: fleet, parts: inOrder, phasesMs: [1000, 2500], behaviourOf: errs },
      beforeLook: (host, _order, clock) => (host === "api-2" ? clock.sleep(lookMs) : Promise.resolve()),
    });
    expect(run.receipt).toMatchObject({ exitCode: 5, error: { code: "ClientsFail" } });
    expect(run.receipt.hosts.map(({ action }) => action)).toEqual([
      "restored",
      ...Array.from({ length: hosts - 1 }, () => "untouched"),
    ]);
    expectAsBefore(run);
  });

  it("at another host do not send a new release back, although looks at a third one show nothing now and then", async () => {
    const three = testManifest({ hosts: 3, rollout: { minReadySeconds: 20 } });
    let looks: number | null = null;
    const run = await simulate({
      ...{ manifest: three, parts: inOrder, phasesMs: [1000, 2500] },
      onEvent: (event, world) => {
        if (looks !== null || event.name !== "readmitted") return;
        looks = 0;
        world.lose(world.machine("api-3"), { kind: "requests", node: null, lastsMs: 5000 });
      },
      heard: (observation, host) =>
        looks !== null && host === "api-2" && (looks += 1) % 3 === 0 ? { ...observation, traffic: null } : observation,
    });
    expect(looks).toBeGreaterThan(6);
    expect(run.world.failures.length).toBeGreaterThan(0);
    expect(run.receipt).toMatchObject({ exitCode: 0, error: null });
  });

  it("by the new release do not keep its hosts from going back", async () => {
    const back = testManifest({ hosts: 3, rollout: { onFailure: "rollback" } });
    const run = await simulate({ manifest: back, parts: inOrder, behaviourOf: errs });
    expect(run.world.events.filter(({ name }) => name === "notRolledBack")).toEqual([]);
    for (const { name } of back.hosts) expect(run.world.machine(name).state("current")?.release).toBe(old);
  });

  it("are told once a second at most, and no failed request is left out", async () => {
    const one = testManifest({ hosts: 1, rollout: { minReadySeconds: 20 } });
    const run = await simulate({ manifest: one, behaviourOf: errs });
    const told = run.world.events.filter((event) => event.name === "witnessFailed");
    const failed = told.map(({ data }) => data.failed).reduce((sum, count) => sum + count, 0);
    expect(failed).toBe(run.receipt.witness.failed);
    expect(told.length).toBeGreaterThan(10);
    // The last one is told as the rollout ends.
    const apart = told.slice(1, -1).map(({ elapsedMs }, index) => elapsedMs - (told[index]?.elapsedMs ?? 0));
    expect(Math.min(...apart)).toBeGreaterThanOrEqual(1000);
  });

  it("do not take back a fleet of one's only host, as nobody else would answer them; it does not end well either", async () => {
    const one = testManifest({ hosts: 1, rollout: { minReadySeconds: 20 } });
    const run = await simulate({ manifest: one, behaviourOf: errs });
    expect(run.receipt).toMatchObject({ exitCode: 6, error: { code: "ClientsFail" } });
    expect(run.receipt.hosts.map(({ action }) => action)).toEqual(["replaced"]);
  });

  it("failed before any host left: nothing is taken back for that, and an event says so", async () => {
    const behaviourOf = (): Behaviour => ({ startMs: 500, kind: "errs" });
    const run = await simulate({ manifest, behaviourOf });
    expect(run.receipt.error).toBeNull();
    expect(run.receipt.hosts.map(({ action }) => action)).toEqual(["replaced", "replaced"]);
    expect(run.world.events.filter(({ name }) => name === "undone" || name === "clientsFail")).toEqual([]);
    const told = run.world.events.filter((event) => event.name === "baselineFails");
    // All that were asked before, over the rounds that a host lost just now needs to be let go.
    expect(told.map(({ data }) => data)).toEqual([{ failed: 100, sent: 100, reasons: { "500": 100 } }]);
  });
});

describe("a fleet with a health path that redirects, which the balancer takes for healthy", () => {
  const moved = testRelease(manifest, 3);
  const sick = testRelease(manifest, 4);
  const behaviourOf = ({ id }: Release): Behaviour =>
    id === moved.id ? { startMs: 500, kind: "redirects" } : id === sick.id ? { startMs: 500, kind: "sick" } : healthy;
  const redirecting: Partial<RunOptions> = {
    behaviourOf,
    seeds: new Map(manifest.hosts.map(({ name }) => [name, moved])),
  };

  it.each([
    ["and a prober", true],
    ["and no prober", false],
  ])(
    "keeps the host that still gets requests when the balancer has lost the other, with evidence %s",
    async (_name, witnessReachable) => {
      const loss = losses["it loses its tag"];
      const run = await lose({ loss, options: { ...redirecting, witnessReachable, reruns: 1 } });
      for (const receipt of run.receipts)
        expect(receipt).toMatchObject({ exitCode: 3, error: { code: "NotInRotation" } });
      expect(run.world.sent).toBeGreaterThan(0);
      expect(lostIn(run)).toBe(0);
      expect(drained(run)).toEqual([]);
    },
  );

  it("is replaced host by host when the balancer asks all", async () => {
    const run = await simulate({ manifest, parts: inOrder, phasesMs: [1000, 2500], ...redirecting });
    expect(run.receipt).toMatchObject({ exitCode: 0, error: null });
    expect(run.receipt.hosts.map(({ action }) => action)).toEqual(["replaced", "replaced"]);
    expect(run.world.failures).toEqual([]);
    expect(run.world.broken).toEqual([]);
  });

  it("is as before when the new release never gets ready: nothing is restarted under its clients", async () => {
    const run = await simulate({
      ...{ manifest, parts: inOrder, phasesMs: [1000, 2500], ratePerSecond: 50, ...redirecting },
      behaviourOf: ({ id }) => ({ startMs: 500, kind: id === moved.id ? "redirects" : "sick" }),
    });
    expect(run.receipt).toMatchObject({ exitCode: 5, error: { code: "StepFailed" } });
    expect(run.receipt.hosts.map(({ action }) => action)).toEqual(["restored", "untouched"]);
    expect(run.world.sent).toBeGreaterThan(0);
    expect(run.world.failures).toEqual([]);
  });

  it("is not drained before a host that is down is brought back", async () => {
    const seeds = new Map([
      ["api-1", moved],
      ["api-2", sick],
    ]);
    let began = 0;
    const before = async (world: SimWorld): Promise<void> => {
      await world.clock.sleep(BEFORE_MS);
      began = world.failures.length;
    };
    const run = await simulate({ manifest, parts: inOrder, phasesMs: [1000, 2500], behaviourOf, seeds, before });
    expect(run.receipt).toMatchObject({ exitCode: 0, error: null });
    expect(run.receipt.hosts.map(({ action }) => action)).toEqual(["replaced", "deployed"]);
    expect(run.world.failures.length - began).toBe(0);
  });
});

describe("a host that the balancer lost before the rollout", () => {
  for (const [name, loss] of Object.entries(losses)) {
    for (const [what, wanted] of [
      ["another image", undefined],
      ["the same image", { do: "deploy", image: "" }],
    ] as const) {
      it(`ends it with 3 before anything changes (${name}, ${what})`, async () => {
        const run = await lose({ loss, options: wanted ? { wanted } : {} });
        expect(run.receipt.exitCode).toBe(3);
        expect(run.receipt.error?.code).toBe("NotInRotation");
        const node = loss.node === 1 ? "10.0.0.2" : "10.0.0.1";
        expect(run.receipt.error?.message).toMatch(
          new RegExp(`^api-2 is not in rotation: node ${node} has not asked it`),
        );
        expect(run.receipt.error?.message).toMatch(/tag.*firewall.*private network/);
        expect(drained(run)).toEqual([]);
        // The balancer is given the time that it needs to take a host in, not progressDeadlineSeconds.
        expect(run.receipt.seconds).toBeLessThan(20);
        expect(lostIn(run)).toBe(0);
        expectAsBefore(run);
      });
    }
  }

  it("is told apart from a node that one host makes up: the message says whose word that is", async () => {
    const three = testManifest({ hosts: 3 });
    const made = { port: 8086, node: "192.0.2.7", outcome: "passed", count: 9, oldestMs: 900, newestMs: 1 } as const;
    const run = await simulate({
      manifest: three,
      heard: (observation, host) => {
        const { traffic } = observation;
        if (host !== "api-3" || !traffic) return observation;
        return { ...observation, traffic: { ...traffic, probes: [...traffic.probes, made] } };
      },
    });
    expect(run.receipt).toMatchObject({ exitCode: 3, error: { code: "NotInRotation" } });
    expect(run.receipt.error?.message).toMatch(/^api-1 is not in rotation: node 192\.0\.2\.7 has not asked it/);
    expect(run.receipt.error?.message).toContain("one host alone tells: api-3 of node 192.0.2.7;");
    const lost = await lose({ loss: losses["the second node alone is cut off from it"] });
    expect(lost.receipt.error?.message).toContain("one host alone tells: api-1 of node 10.0.0.2;");
  });

  it("is told apart from one that this machine cannot look at in time: neither firewall nor balancer is blamed", async () => {
    const run = await simulate({ manifest, beforeLook: (_host, _order, clock) => clock.sleep(10_000) });
    expect(run.receipt).toMatchObject({ exitCode: 3, error: { code: "NotInRotation" } });
    expect(run.receipt.error?.message).toMatch(
      /^api-1 is not known to be in rotation: what it said is 10\.\d s old by now, .* is too slow, and the look at api-1 took 10\.\d s; look at /,
    );
    expect(run.receipt.error?.message).not.toMatch(/firewall|tag/);
    expect(run.receipt.hosts.map(({ action }) => action)).toEqual(["untouched", "untouched"]);
  });

  it("is waited for when it comes back: the rollout goes on", async () => {
    const loss = { kind: "link", node: null, lastsMs: BEFORE_MS + 2000 } as const;
    const run = await lose({ loss });
    expect(run.receipt.error).toBeNull();
    expect(lostIn(run)).toBe(0);
  });

  it("does not stand in the way where it serves nothing: it is brought onto the release", async () => {
    const seeds = new Map(
      manifest.hosts.map(({ name }, index) => [name, index === 1 ? null : testRelease(manifest, 1)]),
    );
    const run = await simulate({ manifest, parts: inOrder, seeds });
    expect(run.receipt.exitCode).toBe(0);
    expect(run.receipt.hosts.map(({ action }) => action)).toEqual(["replaced", "deployed"]);
  });
});
