/** What the rollout knows of its clients, and how old that is: the balancer out of reach, and requests that fail before any host leaves. */
import { describe, expect, it } from "@jest/globals";
import type { SimWorld } from "../../lab/sim/world.js";
import type { Parts } from "../../scripts/rollout/context.js";
import { messageOf, type RolloutEvent } from "../../scripts/rollout/core/events.js";
import type { Receipt } from "../../scripts/rollout/core/receipt.js";
import type { Ports, WitnessReport } from "../../scripts/rollout/ports.js";
import { standardParts } from "../../scripts/rollout/run.js";
import { testImage, testManifest } from "../support/fleet.js";
import { newWorld, rolloutIn } from "../support/sim.js";

const manifest = testManifest();

const LIMIT_SECONDS = 24 * 3600;
const rollOut = (world: SimWorld, ports: Ports, parts = standardParts): Promise<Receipt> =>
  world.run(() => rolloutIn(world, manifest, { do: "deploy", image: testImage(2) }, { ports, parts }), LIMIT_SECONDS);

describe("a balancer that is to be asked from here", () => {
  /** The first so many requests of the preflight get no answer. */
  async function asked(failing: number): Promise<{ world: SimWorld; receipt: Receipt; tries: number }> {
    const world = newWorld({ manifest });
    const ports = world.ports();
    let tries = 0;
    const whyUnreachable = (): Promise<string | null> => {
      tries += 1;
      return Promise.resolve(tries <= failing ? "ETIMEDOUT" : null);
    };
    const receipt = await rollOut(world, { ...ports, witness: { ...ports.witness, whyUnreachable } });
    return { world, receipt, tries };
  }
  const told = ({ events }: SimWorld, name: string) =>
    events.flatMap((event) => (event.name === name ? [event.data] : []));

  it("can be when one request was lost, and that one is told", async () => {
    const { world, receipt } = await asked(1);
    expect(receipt).toMatchObject({ exitCode: 0, witness: { reachable: true } });
    expect(told(world, "witnessFailed")).toEqual([{ failed: 1, reasons: { ETIMEDOUT: 1 } }]);
    expect(told(world, "witnessUnreachable")).toEqual([]);
  });

  it("cannot be when it never answers, which is told once", async () => {
    const { world, receipt, tries } = await asked(Infinity);
    expect(receipt).toMatchObject({ exitCode: 0, witness: { reachable: false } });
    expect(told(world, "witnessUnreachable")).toEqual([{ address: manifest.loadBalancer.address, why: "ETIMEDOUT" }]);
    expect(told(world, "witnessFailed")).toEqual([]);
    expect(tries).toBe(3);
  });
});

describe("requests that fail before any host leaves", () => {
  const inOrder: Parts = { ...standardParts, turn: (hosts) => [...hosts] };

  /**
   * So many of ten requests of the rollout's own fail: at first, then from the first drain on, and then once a host was replaced.
   * @param onSecond happens when the second host begins to drain
   * @param firstTen so many of the first ten fail @default - as many as of any others at first
   */
  async function failing(
    shares: readonly [number, number, number],
    onSecond?: (world: SimWorld) => void,
    firstTen = shares[0],
  ) {
    const world = newWorld({ manifest });
    const ports = world.ports();
    let stage = 0;
    let sent = 0;
    let baselined = 0;
    const send = async (count: number): Promise<WitnessReport> => {
      const report = await ports.witness.send(count);
      const failures = [...report.failures];
      for (let index = 0; index < report.answered; index += 1) {
        const share = baselined < 10 ? firstTen : (shares[stage] ?? 0);
        if ((sent += 7) % 10 < share) failures.push("503");
        // The baseline asks ten at once, the prober one at a time.
        if (count === 10) baselined += 1;
      }
      return { ...report, answered: count - failures.length, failures };
    };
    const emit = (event: RolloutEvent): void => {
      ports.events.emit(event);
      if (event.name !== "hostStatus") return;
      const { status } = event.data;
      if (stage === 0 && status === "draining") stage = 1;
      else if (stage === 1 && status === "serving") stage = 2;
      else if (stage === 2 && status === "draining") onSecond?.(world);
    };
    const receipt = await rollOut(world, { ...ports, witness: { ...ports.witness, send }, events: { emit } }, inOrder);
    return { world, receipt };
  }
  const told = ({ events }: SimWorld): string[] =>
    events.flatMap((event) => (event.name === "baselineFails" ? [messageOf(event)] : []));

  it("do not hide for good what clients see: once they are answered, a drain is judged by that", async () => {
    const { world, receipt } = await failing([10, 0, 0], (happening) =>
      happening.lose(happening.machine("api-1"), { kind: "requests", node: null, lastsMs: null }),
    );
    expect(receipt.error?.code).toBe("ClientsFail");
    expect(receipt.hosts.map(({ action }) => action)).toEqual(["replaced", "restored"]);
    expect(told(world)).toEqual([
      expect.stringMatching(/^(\d+) of \1 requests .* only the gates decide until some are$/),
    ]);
  });

  it("are told with what counts from then on, where a drain can be judged beside them", async () => {
    const { world } = await failing([5, 0, 0]);
    expect(told(world)).toEqual([
      expect.stringMatching(/^50 of 100 requests .* only what fails beyond that takes a host back$/),
    ]);
  });

  it("are told as a drain is held against them, also where the first tries came off better", async () => {
    const { world, receipt } = await failing([10, 10, 0], undefined, 5);
    expect(told(world)).toEqual([
      "90 of 90 requests through the balancer fail before the next host leaves (503: 90): none is answered, so nobody can see more fail while it is out: only the gates decide until some are",
    ]);
    expect(receipt.error?.code ?? "").not.toBe("ClientsFail");
  });

  it("do not make usual what comes later", async () => {
    const { receipt } = await failing([5, 0, 10]);
    expect(receipt.error?.code).toBe("ClientsFail");
    expect(receipt.hosts.map(({ action }) => action)).toEqual(["replaced", "restored"]);
  });
});
