/** After any sequence of deploys, failures, kills and rollbacks, `rollback` leads to what a model says, which knows only what was proven. */
import { describe, expect, it, jest } from "@jest/globals";
import fc from "fast-check";
import { Faults } from "../../lab/sim/faults.js";
import type { SimWorld } from "../../lab/sim/world.js";
import type { Parts } from "../../scripts/rollout/context.js";
import type { Receipt } from "../../scripts/rollout/core/receipt.js";
import type { Ports } from "../../scripts/rollout/ports.js";
import { standardParts } from "../../scripts/rollout/run.js";
import { testImage, testManifest } from "../support/fleet.js";
import { newWorld, rolloutIn } from "../support/sim.js";

jest.setTimeout(300_000);

const manifest = testManifest({ rollout: { readyTimeoutSeconds: 20, leaseSeconds: 10 } });

interface Action {
  readonly do: "deploy" | "rollback";
  readonly image: number;
  readonly end: "well" | "fails on the second host" | "killed between hosts" | "killed before the proof";
}
const action: fc.Arbitrary<Action> = fc.record({
  do: fc.constantFrom("deploy", "deploy", "rollback"),
  image: fc.integer({ min: 1, max: 3 }),
  end: fc.constantFrom("well", "well", "fails on the second host", "killed between hosts", "killed before the proof"),
});

/** In the order of the hosts; the second one that is given steps to drain cannot do them. */
function failing(): Parts {
  let drains = 0;
  return {
    ...standardParts,
    turn: (hosts) => [...hosts],
    steps: (context) => {
      const plan = standardParts.steps(context);
      drains += 1;
      const impossible = { name: "impossible", run: { do: "start", slot: "failed" } } as const;
      return drains % 2 === 0 ? { ...plan, stages: { ...plan.stages, drain: [impossible] } } : plan;
    },
  };
}

/** The same ports for a controller that is gone once every host serves what was planned, before that is proven. */
function dyingBeforeProof(ports: Ports): { ports: Ports; killed: Promise<void> } {
  let die = (): void => undefined;
  const killed = new Promise<void>((resolve) => (die = resolve));
  let isPlanned = false;
  const ended = new Set<string | null>();
  const open: Ports["hosts"]["open"] = (info) =>
    new Proxy(ports.hosts.open(info), {
      get: (host, name) => {
        const method = Reflect.get(host, name) as unknown;
        if (typeof method !== "function" || ended.size < manifest.hosts.length) return method;
        return () => {
          die();
          return new Promise<never>(() => undefined);
        };
      },
    });
  const emit: Ports["events"]["emit"] = (event) => {
    ports.events.emit(event);
    if (event.name === "planned") isPlanned = true;
    if (isPlanned && event.name === "hostStatus" && event.data.status === "serving") ended.add(event.host);
  };
  return { killed, ports: { ...ports, hosts: { open }, events: { emit } } };
}

/** What somebody knows who wrote down each time that a rollout said that all is well, and what he began to go back to. */
class Model {
  /** Images that the whole fleet was proven to serve, oldest first, without what was gone back from. */
  readonly proven: string[] = [];
  pending: number | null = null;

  /** Place of the image that a rollback has to end on; null where it has to refuse. */
  target(running: readonly (string | undefined)[]): number | null {
    if (this.proven.length === 0) return null;
    if (this.pending !== null) return this.pending;
    const last = this.proven.length - 1;
    const isUniform = running.every((image) => image === this.proven[last]);
    if (!isUniform) return last;
    return last > 0 ? last - 1 : null;
  }

  deployed(image: string): void {
    this.pending = null;
    if (this.proven.at(-1) !== image) this.proven.push(image);
  }

  wentBack(place: number): void {
    this.pending = null;
    this.proven.length = place + 1;
  }
}

const running = (world: SimWorld) => manifest.hosts.map(({ name }) => world.machine(name).state("current")?.image);

async function carryOut(world: SimWorld, { do: what, image, end }: Action): Promise<Receipt | null> {
  const wanted =
    what === "deploy" ? ({ do: "deploy", image: testImage(image) } as const) : ({ do: "rollback" } as const);
  if (end === "well") return rolloutIn(world, manifest, wanted);
  if (end === "fails on the second host") return rolloutIn(world, manifest, wanted, { parts: failing() });
  const kill = new Faults({ kind: "killed-after", phase: "done", call: 0, lastsMs: 0 }, world.clock, world);
  const dying =
    end === "killed between hosts"
      ? { ports: kill.around(world.ports()), killed: kill.killed }
      : dyingBeforeProof(world.ports());
  const receipt = await Promise.race([
    rolloutIn(world, manifest, wanted, { ports: dying.ports }),
    dying.killed.then(() => null),
  ]);
  await world.clock.sleep(300_000);
  return receipt;
}

describe("SAFETY", () => {
  it("a rollback ends on the newest release before the present one that the whole fleet served, or is refused", async () => {
    const seen = { refused: 0, went: 0, mixed: 0 };
    const course = async (actions: readonly Action[]): Promise<void> => {
      const world = newWorld({ manifest });
      const model = new Model();
      await world.run(async () => {
        const first = await rolloutIn(world, manifest, { do: "deploy", image: testImage(1) });
        expect(first.exitCode).toBe(0);
        model.deployed(testImage(1));
        for (const one of [...actions, { do: "rollback", image: 0, end: "well" } as const]) {
          const before = running(world);
          const place = model.target(before);
          const begun = world.events.length;
          const receipt = await carryOut(world, one);
          if (new Set(before).size > 1) seen.mixed += 1;
          if (one.do === "deploy") {
            if (receipt?.exitCode === 0) model.deployed(testImage(one.image));
            continue;
          }
          if (place === null) {
            expect(receipt).toMatchObject({ exitCode: 3, error: { code: "NothingBefore" } });
            expect(running(world)).toEqual(before);
            seen.refused += 1;
            continue;
          }
          const to = model.proven[place];
          if (receipt) expect(receipt.release?.image).toBe(to);
          for (const image of running(world)) expect([...before, to]).toContain(image);
          if (receipt?.exitCode === 0) {
            expect(running(world)).toEqual(before.map(() => to));
            model.wentBack(place);
            seen.went += 1;
          } else if (world.events.slice(begun).some(({ name }) => name === "wentBack")) model.pending = place;
        }
      }, 86_400);
      expect(world.failures).toEqual([]);
    };
    await fc.assert(fc.asyncProperty(fc.array(action, { minLength: 1, maxLength: 6 }), course), { numRuns: 40 });
    // The property was about something.
    expect(Math.min(seen.refused, seen.went, seen.mixed)).toBeGreaterThan(0);
  });
});
