/** Workflows on the embedded lab: real commands over real SSH connections. */
import { expect, it, jest } from "@jest/globals";
import { articleSteps, type ImageAndLogin } from "../../../lab/bench/article.js";
import { emptyFleet, startByHand } from "../../../lab/bench/baseline.js";
import { withFleet } from "../../../lab/bench/fleet.js";
import { withLogin } from "../../../lab/bench/login.js";
import { naiveSteps } from "../../../lab/bench/naive.js";
import { oneByOne, type BegunStep } from "../../../lab/bench/remote.js";
import type { World } from "../../../lab/world.js";

jest.setTimeout(180_000);

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
