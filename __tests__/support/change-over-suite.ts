/** Another health path, health port and service port, under load: at once, which is refused, then in two deploys. */
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import type { Deployment } from "../../lab/rehearsal.js";
import type { RolloutEvent } from "../../scripts/rollout/core/events.js";
import type { Asked, Move } from "./moves.js";
import { Scenario } from "./scenario.js";

/** One of the balancer's nodes takes a change in so much later: longer than a probe is evidence. */
const LATE_SECONDS = 5;

type Place = Pick<Asked, "path" | "port">;

/** What leads to a host's health path: the port that the health check asks, and the one that requests are sent to. */
const placesOf = ({ path, port, target }: Asked): Place[] => [
  { path, port },
  { path, port: target },
];

/** Nobody is taken out before the last node has left the ports that go. */
function expectWait({ events }: Deployment): void {
  const at = (name: RolloutEvent["name"]): number => events.find((event) => event.name === name)?.elapsedMs ?? NaN;
  expect(at("portsLeft")).toBeGreaterThan(at("portsAwaited"));
  expect(at("step")).toBeGreaterThan(at("portsLeft"));
}

export function describeChangeOver({ what, first, then, from, to, actions, told }: Move): void {
  describe(`another ${what}`, () => {
    let scenario: Scenario;
    let image: string;
    beforeEach(async () => {
      scenario = await Scenario.start({ world: { balancer: { nodes: 2, lateSeconds: [0, LATE_SECONDS] } } });
      image = await scenario.begin();
    });
    afterEach(() => scenario.end());

    /** Where the balancer asks, and where it sends requests. */
    const asked = () => {
      const { check, entries } = scenario.world.balancer.settings;
      return { path: check.path, port: check.port, targets: entries.map(({ targetPort }) => targetPort) };
    };
    /** What every host answers in each of those places; null where nobody listens. */
    const answered = (places: readonly Place[]) =>
      Promise.all(
        scenario.world.droplets.flatMap((droplet) =>
          places.map(({ path, port }) =>
            droplet.ask(path, port).then(
              ({ status }) => status,
              () => null,
            ),
          ),
        ),
      );
    const everywhere = [200, 200, 200, 200];
    const placesBefore = placesOf(from);
    const placesAfter = placesOf(to);
    const left = placesBefore.filter(
      (old) => !placesAfter.some((one) => one.path === old.path && one.port === old.port),
    );
    const askedBefore = { path: from.path, port: from.port, targets: [from.target] };

    it("is refused at once and changes nothing, and costs no request in two deploys", async () => {
      const { result, seen } = await scenario.under(async () => {
        const refused = await scenario.apply(then, image);
        const still = { asked: asked(), before: await answered(placesBefore), running: await scenario.running() };
        const expanded = await scenario.apply(first, image);
        const between = {
          ...{ asked: asked(), before: await answered(placesBefore), after: await answered(placesAfter) },
        };
        return { refused, still, expanded, between, contracted: await scenario.apply(then, image) };
      });
      const { refused, still, expanded, between, contracted } = result;
      expect([refused.exitCode, refused.receipt]).toEqual([3, null]);
      expect(refused.stderr).toContain("NotAnsweredYet");
      expect(refused.stderr).toContain(`deploy ${told} first`);
      expect(still).toEqual({ asked: askedBefore, before: everywhere, running: [image, image] });
      expect([expanded.exitCode, expanded.stderr]).toEqual([0, expanded.stderr]);
      expect(between).toEqual({ asked: askedBefore, before: everywhere, after: everywhere });
      expect([contracted.exitCode, contracted.stderr]).toEqual([0, contracted.stderr]);
      expect(contracted.stderr).toContain("may change over");
      if (to.port !== from.port || to.target !== from.target) expectWait(contracted);
      const became = [expanded, contracted].map(({ receipt }) => receipt?.hosts.map((host) => host.action));
      expect(became).toEqual(actions.map((action) => [action, action]));
      expect(asked()).toEqual({ path: to.path, port: to.port, targets: [to.target] });
      expect(await answered(placesAfter)).toEqual(everywhere);
      expect(left).not.toEqual([]);
      expect(await answered(left)).not.toContain(200);
      expect(await scenario.running()).toEqual([image, image]);
      expect(seen.failures).toEqual([]);
      expect(seen.sent).toBeGreaterThan(0);
    });
  });
}
