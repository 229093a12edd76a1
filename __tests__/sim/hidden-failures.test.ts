/** Failures that the count of requests does not show: a release that fails is taken back all the same, and a healthy one is not. */
import { describe, expect, it } from "@jest/globals";
import type { Behaviour } from "../../lab/sim/app.js";
import type { ManifestHost } from "../../contract/manifest.js";
import type { RolloutEvent } from "../../scripts/rollout/core/events.js";
import type { Host } from "../../scripts/rollout/ports.js";
import { standardParts } from "../../scripts/rollout/run.js";
import { testImage, testManifest, testRelease } from "../support/fleet.js";
import { healthy, newWorld, rolloutIn, simulate } from "../support/sim.js";

const inOrder = { ...standardParts, turn: (hosts: Parameters<typeof standardParts.turn>[0]) => [...hosts] };
const manifest = testManifest({ hosts: 3, rollout: { readyTimeoutSeconds: 20, minReadySeconds: 0 } });
const old = testRelease(manifest, 1).id;
const errs: Behaviour = { startMs: 500, kind: "errs" };
const bad = ({ id }: { id: string }): Behaviour => (id === old ? healthy : errs);
const phasesMs = [1000, 2500];

describe("a release that answers every request with a failure", () => {
  it("is taken back also where another host serves, and does not tell what it gets", async () => {
    let entering = false;
    const { receipt } = await simulate({
      ...{ manifest, phasesMs, parts: inOrder, behaviourOf: bad },
      onEvent: ({ name }) => {
        if (name === "readmitted") entering = true;
      },
      heard: (observation, host) => (entering && host === "api-3" ? { ...observation, traffic: null } : observation),
    });
    expect(receipt).toMatchObject({ exitCode: 5, error: { code: "ClientsFail" } });
    expect(receipt.hosts.map(({ action }) => action)).toEqual(["restored", "untouched", "untouched"]);
  });
});

describe("a healthy release", () => {
  it("is not blamed for an answer that each host gets when it asks itself, while the balancer loses another host", async () => {
    const world = newWorld({ manifest, phasesMs, behaviourOf: () => healthy });
    let isLost = false;
    const real = world.ports();
    const open = (info: ManifestHost): Host => ({ ...real.hosts.open(info), answer: () => Promise.resolve(500) });
    const emit = (event: RolloutEvent): void => {
      real.events.emit(event);
      if (isLost || event.name !== "readmitted") return;
      isLost = true;
      world.lose(world.machine("api-3"), { kind: "requests", node: null, lastsMs: 6000 });
    };
    const ports = { ...real, hosts: { open }, events: { emit } };
    const wanted = { do: "deploy", image: testImage(2) } as const;
    const receipt = await world.run(() => rolloutIn(world, manifest, wanted, { ports, parts: inOrder }), 24 * 3600);
    expect(world.failures.length).toBeGreaterThan(0);
    expect(receipt.hosts[0]?.action).toBe("replaced");
    expect(receipt.error?.message ?? "").not.toContain("since its new container gets requests");
  });
});

describe("a rollout that loses its own way to the balancer while a new container enters", () => {
  it("stops no container that gets requests: its clients lose none", async () => {
    const { receipt, world } = await simulate({
      ...{ manifest: { ...manifest, rollout: { ...manifest.rollout, progressDeadlineSeconds: 60 } } },
      ...{ phasesMs, parts: inOrder, behaviourOf: () => healthy },
      onEvent: ({ data }, sim) => {
        if ("status" in data && data.status === "ready") sim.witnessCut = true;
      },
    });
    expect(world.failures).toEqual([]);
    expect(receipt.exitCode).toBe(5);
    expect(receipt.hosts.map(({ action }) => action)).toEqual(["restored", "untouched", "untouched"]);
  });
});
