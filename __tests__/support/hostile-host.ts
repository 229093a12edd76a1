/** A host that lies among honest ones: the same questions for every lie. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import type { EmbeddedDroplet } from "../../lab/embedded/droplet.js";
import { EVIL_REGISTRY, framedLies } from "../../lab/embedded/framed-lies.js";
import { lies, lyingPrograms, type Lie } from "../../lab/embedded/liar.js";
import type { Load } from "../../lab/load/load.js";
import { expectHarmless, expectTrueCode, restore, runCommand, startHostile, type Ended } from "./hostile.js";
import type { Scenario } from "./scenario.js";

const overSsh: Readonly<Record<keyof typeof lies | keyof typeof framedLies, Lie>> = { ...lies, ...framedLies };
export type LieName = keyof typeof overSsh | keyof typeof lyingPrograms;

const isOverSsh = (name: LieName): name is keyof typeof overSsh => name in overSsh;

/**
 * What one host says counts for all: a node of the balancer is whatever any host was asked by, as an honest one may be the first to see a new node.
 * So the honest host is then out of rotation too, and named for it. It is refused service that way, and nothing else (docs/security.md).
 */
const COUNTS_FOR_ALL: readonly LieName[] = ["a node of the balancer that there is not"];

/** Of the hosts. */
const HONEST = "api-1";
const LIAR = "api-2";
const LIAR_INDEX = 1;

/** Each test of it begins with a fleet that serves version 2, was on version 1 before, and has learned to lie since. */
export function itHoldsAgainst(names: readonly LieName[]): void {
  let scenario: Scenario;
  let load: Load;
  const images = { first: "", second: "", third: "" };
  /** What the hosts were ordered, as it came over SSH. */
  const orders: string[] = [];
  beforeAll(async () => {
    scenario = await startHostile();
    images.first = await scenario.begin();
    images.second = await scenario.world.pushReference("v2");
    images.third = await scenario.world.pushReference("v3");
    await restore(scenario, images.second);
    for (const droplet of scenario.world.droplets) droplet.on("input", (given) => orders.push(given));
    load = await scenario.load({ ratePerSecond: 20, mostSeconds: 7200 });
  });
  afterAll(() => (scenario as Scenario | undefined)?.end());

  const liar = (): EmbeddedDroplet => scenario.world.droplet(LIAR);
  afterEach(async () => {
    if (!(scenario as Scenario | undefined)) return;
    liar().lie(null);
    liar().lieWith(null);
    await restore(scenario, images.second);
  });

  /** What a command came to, and the fleet: nothing raw, no bug, no request lost, and a code that is true. */
  async function attempt(name: "deploy" | "rollback", target: string | null, blamed: RegExp): Promise<Ended> {
    const before = await scenario.running();
    const failedBefore = load.progress().failed;
    const ended = await runCommand(scenario, name, { image: target ?? "" });
    const shown = { exitCode: ended.exitCode, stderr: ended.stderr.slice(-3000) };
    expect({ ...shown, bug: ended.exitCode === 1 }).toEqual({ ...shown, bug: false });
    expectHarmless(ended);
    const running = await scenario.running();
    expectTrueCode({
      exitCode: ended.exitCode,
      running,
      before,
      target,
      honest: Object.values(images),
      hostile: LIAR_INDEX,
    });
    if (ended.exitCode !== 0) expect(ended.stderr).toMatch(blamed);
    // No login either: it goes only with the order to pull.
    expect(orders.filter((given) => given.includes(EVIL_REGISTRY))).toEqual([]);
    expect(load.progress().failed - failedBefore).toBe(0);
    return ended;
  }

  describe.each(names)("%s", (name) => {
    const blamed = new RegExp(COUNTS_FOR_ALL.includes(name) ? `${HONEST}|${LIAR}` : LIAR);
    const tellLie = (): void => {
      if (isOverSsh(name)) liar().lie(overSsh[name]);
      else liar().lieWith(lyingPrograms[name]);
    };

    it("status shows the honest host as it is, and verify ends with 0 only where that is so", async () => {
      tellLie();
      const status = await runCommand(scenario, "status");
      expectHarmless(status);
      expect({ exitCode: status.exitCode, stderr: status.stderr.slice(-1000) }).toEqual({ exitCode: 0, stderr: "" });
      const state = COUNTS_FOR_ALL.includes(name) ? "not in rotation: node 192.0.2.7 has not asked it yet" : "serving";
      expect(status.stdout).toMatch(new RegExp(`^${HONEST} .* ${state} .*${images.second}`, "m"));
      expect(status.stdout).toMatch(new RegExp(`^${LIAR} `, "m"));
      const verify = await runCommand(scenario, "verify", { image: images.second });
      expectHarmless(verify);
      expect([0, 6]).toContain(verify.exitCode);
      if (verify.exitCode === 6) expect(verify.stdout).toContain(COUNTS_FOR_ALL.includes(name) ? HONEST : LIAR);
      expect(await scenario.running()).toEqual([images.second, images.second]);
    });

    it("a deploy ends with a code that is true, and the honest host is untouched or on the release", async () => {
      tellLie();
      await attempt("deploy", images.third, blamed);
    });

    it("a rollback ends with a code that is true, and the honest host is untouched or on the release before", async () => {
      tellLie();
      await attempt("rollback", null, blamed);
    });
  });
}
