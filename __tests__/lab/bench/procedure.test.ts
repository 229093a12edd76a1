/** Workflows on the embedded lab: real commands over real SSH connections. */
import { expect, it, jest } from "@jest/globals";
import { articleSteps, pullSteps, type ImageAndLogin } from "../../../lab/bench/article.js";
import { emptyFleet, startByHand } from "../../../lab/bench/baseline.js";
import { inRotation, withFleet } from "../../../lab/bench/fleet.js";
import { withLogin } from "../../../lab/bench/login.js";
import { naiveSteps } from "../../../lab/bench/naive.js";
import { oneByOne, type BegunStep } from "../../../lab/bench/remote.js";
import { onTarget, rollOut } from "../../../lab/bench/rollout.js";
import { unrelatedSteps } from "../../../lab/bench/unrelated.js";
import type { World } from "../../../lab/world.js";

jest.setTimeout(300_000);

const { signal } = new AbortController();
const noWaits = { ejectionSeconds: 0, admissionSeconds: 0 };

/** Its ports are told, as a rollout would. */
const reference = async (world: World, version: string): Promise<ImageAndLogin> =>
  withLogin(world, await world.pushReference(version, { environment: { PORT: "80" } }));

const running = (world: World): Promise<string[]> =>
  Promise.all(
    world.droplets.map(async (droplet) =>
      (await droplet.containers()).map(({ name, image, status }) => `${name} ${image} ${status}`).join(", "),
    ),
  );

it("gives its steps to one droplet after the other, and none to the droplets after one that failed", async () => {
  await withFleet({ site: "embedded", droplets: 2, intervalSeconds: 0.5 }, signal, async ({ world }) => {
    const [v1, v2] = [await reference(world, "v1"), await reference(world, "v2")];
    await startByHand(world, v1, signal);

    const begun: BegunStep[] = [];
    await oneByOne(world, naiveSteps(v2), { signal, onStep: (step) => begun.push(step) });
    const steps = ["login", "pull", "stop", "remove", "run"];
    expect(begun.map(({ droplet, step }) => [droplet, step])).toEqual(
      ["api-1", "api-2"].flatMap((droplet) => steps.map((step) => [droplet, step])),
    );
    expect(await running(world)).toEqual([`api ${v2.image} running`, `api ${v2.image} running`]);

    const broken = await withLogin(world, await world.pushBroken("never-healthy"));
    await expect(oneByOne(world, articleSteps(broken, noWaits), { signal })).rejects.toThrow("api-1");
    expect((await running(world))[0]).toContain(broken.image);
    expect((await running(world))[1]).toBe(`api ${v2.image} running`);

    await emptyFleet(world, signal);
    expect(await running(world)).toEqual(["", ""]);
  });
});

it("rolls out by the strategy of the side, and starts by hand what a front led past before", async () => {
  // Seldom enough that a busy machine looks at all hosts before a probe is old.
  await withFleet({ site: "embedded", droplets: 2, intervalSeconds: 3 }, signal, async (fleet) => {
    const { world } = fleet;
    onTarget(await rollOut(fleet, await world.pushReference("v1"), signal));
    await inRotation(world, signal);
    const handedOver = await rollOut(fleet, await world.pushReference("v2"), signal, "handoff");
    onTarget(handedOver);
    expect(handedOver.events.filter(({ name }) => name === "handedOver")).toHaveLength(2);
    expect(handedOver.events.filter(({ name }) => name === "ejected")).toEqual([]);

    const byHand = await reference(world, "v3");
    await oneByOne(world, [...pullSteps(byHand), ...unrelatedSteps(byHand.image)], { signal });
    await startByHand(world, byHand, signal);
    expect(await running(world)).toEqual([`api ${byHand.image} running`, `api ${byHand.image} running`]);
    expect((await fetch(world.balancer.url())).status).toBe(200);
  });
});
