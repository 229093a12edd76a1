/** Another health path and another service port, under load: at once, which is refused, then in two deploys. */
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import type { Asked, Move } from "./moves.js";
import { Scenario } from "./scenario.js";

export function describeChangeOver({ what, first, then, from, to, told }: Move): void {
  describe(`another ${what}`, () => {
    let scenario: Scenario;
    let image: string;
    beforeEach(async () => {
      scenario = await Scenario.start();
      image = await scenario.begin();
    });
    afterEach(() => scenario.end());

    /** Where the balancer asks, and where it sends requests. */
    const asked = () => {
      const { check, entries } = scenario.world.balancer.settings;
      return { path: check.path, port: check.port, targets: entries.map(({ targetPort }) => targetPort) };
    };
    /** What every host answers there; null where nothing is published. */
    const answered = ({ path, port }: Asked) =>
      Promise.all(
        scenario.world.droplets.map((droplet) =>
          droplet.ask(path, port).then(
            ({ status }) => status,
            () => null,
          ),
        ),
      );

    it("is refused at once and changes nothing, and costs no request in two deploys", async () => {
      const { result, seen } = await scenario.under(async () => {
        const refused = await scenario.apply(then, image);
        const still = { asked: asked(), from: await answered(from), running: await scenario.running() };
        const expanded = await scenario.apply(first, image);
        const between = { asked: asked(), from: await answered(from), to: await answered(to) };
        return { refused, still, expanded, between, contracted: await scenario.apply(then, image) };
      });
      const { refused, still, expanded, between, contracted } = result;
      expect([refused.exitCode, refused.receipt]).toEqual([3, null]);
      expect(refused.stderr).toContain("NotAnsweredYet");
      expect(refused.stderr).toContain(`deploy ${told} first`);
      expect(still).toEqual({ asked: { ...from, targets: [from.port] }, from: [200, 200], running: [image, image] });
      expect([expanded.exitCode, expanded.stderr]).toEqual([0, expanded.stderr]);
      expect(between).toEqual({ asked: { ...from, targets: [from.port] }, from: [200, 200], to: [200, 200] });
      expect([contracted.exitCode, contracted.stderr]).toEqual([0, contracted.stderr]);
      expect(contracted.stderr).toContain("may change over");
      for (const { receipt } of [expanded, contracted])
        expect(receipt?.hosts.map((host) => host.action)).toEqual(["replaced", "replaced"]);
      expect(asked()).toEqual({ ...to, targets: [to.port] });
      expect(await answered(to)).toEqual([200, 200]);
      expect(await answered(from)).not.toContain(200);
      expect(await scenario.running()).toEqual([image, image]);
      expect(seen.failures).toEqual([]);
      expect(seen.sent).toBeGreaterThan(0);
    });
  });
}
