/** The balancer has lost a host before a rollout, on real droplets: nobody may be drained, and every command names the host. */
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { environmentNames } from "../../contract/manifest.js";
import type { RealDroplet } from "../../lab/real/droplet.js";
import { runCommand } from "./hostile.js";
import { startReal, type RealScenario } from "./real.js";

const LOST = "api-2";
/** Every host has been asked by every node once: the fleet served before. */
const UNASKED = String.raw`not in rotation: node \S+ has not asked it for \d+ s`;
/** Few enough that a machine which boots droplets answers all of them; none of them slow, so that each failure is the balancer's. */
export const LIGHT = { ratePerSecond: 40, slowShare: 0 } as const;

export interface Loss {
  /** How the balancer loses it. */
  readonly what: string;
  readonly lose: (scenario: RealScenario, host: RealDroplet) => Promise<void>;
  readonly find: (scenario: RealScenario, host: RealDroplet) => Promise<void>;
  /** Numbers of the nodes that keep it. */
  readonly nodesLeft: readonly number[];
}

const cutOff = (what: string, nodesLeft: readonly number[], node?: number): Loss => ({
  what,
  nodesLeft,
  lose: ({ world }, host) => world.site.cutOff(host, true, node),
  find: ({ world }, host) => world.site.cutOff(host, false, node),
});

export const losses = {
  firewall: cutOff("a firewall between the balancer and the host", []),
  oneNode: cutOff("a firewall between the second node alone and the host", [0], 1),
  tag: {
    what: "a tag that somebody took off the host",
    nodesLeft: [],
    lose: (scenario, host) => changeTag(scenario, host, "DELETE"),
    find: (scenario, host) => changeTag(scenario, host, "POST"),
  },
} as const satisfies Readonly<Record<string, Loss>>;

/** Through the API, as a person would in the control panel. */
async function changeTag({ world, stackFolder }: RealScenario, host: RealDroplet, method: string): Promise<void> {
  const { environment } = world.rolloutCommand({ image: "", stackFolder });
  const { fleetTag } = JSON.parse(environment[environmentNames.manifest] ?? "") as { fleetTag: string };
  const response = await fetch(`${environment[environmentNames.digitaloceanApi]}/v2/tags/${fleetTag}/resources`, {
    method,
    headers: {
      authorization: `Bearer ${environment[environmentNames.digitaloceanToken]}`,
      "content-type": "application/json",
    },
    body: JSON.stringify({ resources: [{ resource_id: host.id, resource_type: "droplet" }] }),
  });
  if (!response.ok) throw new Error(`${method} of the tag ${fleetTag}: ${response.status} ${await response.text()}`);
}

/** Resolves once these nodes of the balancer, and no others, send requests to the host. */
export async function heldBy({ world }: RealScenario, host: RealDroplet, nodes: readonly number[]): Promise<void> {
  const wanted = nodes.join();
  while (world.balancer.nodesUp(host.id).join() !== wanted) await new Promise((settle) => setTimeout(settle, 50));
}

/** Two droplets behind two nodes; waits for the balancer end soon. */
export const startForLoss = (): Promise<RealScenario> =>
  startReal({
    fleet: {
      dropletCount: 2,
      rollout: { progressDeadlineSeconds: 30, readyTimeoutSeconds: 30, drainTimeoutSeconds: 20 },
    },
    world: { balancer: { nodes: 2 } },
  });

/** One fleet for all of them: each loss is made good before the next one. */
export function itTouchesNobodyAfter(cases: readonly Loss[]): void {
  let scenario: RealScenario;
  let serving: string;
  let next: string;
  beforeAll(async () => {
    scenario = await startForLoss();
    await scenario.world.booted();
    serving = await scenario.begin();
    next = await scenario.world.pushReference("v2");
  });
  afterAll(() => (scenario as RealScenario | undefined)?.end());

  describe.each(cases)("$what", (loss) => {
    const host = (): RealDroplet => scenario.world.droplet(LOST);
    beforeAll(async () => {
      // Where the fleet did not start, that is what the test says.
      if (!(scenario as RealScenario | undefined)) return;
      await loss.lose(scenario, host());
      await heldBy(scenario, host(), loss.nodesLeft);
    });
    afterAll(async () => {
      if (!(scenario as RealScenario | undefined)) return;
      await loss.find(scenario, host());
      await heldBy(scenario, host(), [0, 1]);
    });

    it.each([
      ["another image", () => next],
      ["the same image", () => serving],
    ])("a deploy of %s ends with 3 and names the host: no request fails, nobody is touched", async (_what, image) => {
      const { result, seen } = await scenario.under(() => scenario.deploy(image()), LIGHT);
      expect({ failed: seen.failed, byKind: seen.failedByKind }).toEqual({ failed: 0, byKind: {} });
      expect({ exitCode: result.exitCode, stderr: result.stderr }).toEqual({ exitCode: 3, stderr: result.stderr });
      expect(result.receipt?.error?.code).toBe("NotInRotation");
      expect(result.receipt?.error?.message).toMatch(new RegExp(`^${LOST} is ${UNASKED}`));
      expect(result.receipt?.hosts.map(({ action }) => action)).toEqual(["untouched", "untouched"]);
      expect(await scenario.running()).toEqual([serving, serving]);
    });

    it("verify ends with 6, and says as status does which node has not asked the host", async () => {
      const verify = await runCommand(scenario, "verify", { image: serving });
      expect({ exitCode: verify.exitCode, stdout: verify.stdout }).toEqual({ exitCode: 6, stdout: verify.stdout });
      expect(verify.stdout).toMatch(new RegExp(`${LOST} .*${UNASKED}`));
      const { stdout } = await runCommand(scenario, "status");
      expect(stdout).toMatch(new RegExp(`^${LOST} .*${UNASKED}`, "m"));
      expect(stdout).toMatch(/^api-1 .* serving /m);
    });
  });
}
