/** What every implementation of the `Host` port promises where hosts are handed over. Journals and fronts are compared, in each world alike. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { frontPorts, type ManifestHost } from "../../contract/manifest.js";
import type { Release } from "../../contract/release.js";
import type { Host, Survey } from "../../scripts/rollout/ports.js";
import { lines, Run, type ContractWorld } from "./host-contract.js";

/** Hosts that the suite uses up, one a test. */
export const HANDOFF_HOSTS = 3;

const LIMIT_MS = 90_000;
const LOOK_MS = 200;

const HAND_OVER = [
  ...["old-dismiss", "failed-dismiss", "failed-clear", "older-clear", "previous-older", "expect-space"],
  ...["front-back", "old-on", "old-keep", "name-free", "new-run", "new-ready"],
].map((step) => `step ${step}`);
const COMMIT = ["restart-on", "front-led", "older-remove", "front-keep", "old-stay-down"].map((step) => `step ${step}`);

/** @param start gives a world of {@link HANDOFF_HOSTS} empty hosts, whose manifest hands over */
export function describeHandoffContract(name: string, start: () => Promise<ContractWorld>): void {
  describe(`Host port, handing over: ${name}`, () => {
    let world: ContractWorld;
    let serving: { readonly info: ManifestHost; readonly release: Release }[];
    let runs = 0;
    const opened: Host[] = [];
    const open = (info: ManifestHost): Run => {
      const host = world.hosts.open(info);
      opened.push(host);
      runs += 1;
      return new Run(world, host, `run${runs}`);
    };
    const close = async (): Promise<void> => {
      await Promise.all(opened.splice(0).map((host) => host.close()));
    };

    beforeAll(async () => {
      world = await start();
      await world.run(async () => {
        serving = await Promise.all(
          world.manifest.hosts.map(async (info) => {
            const run = await open(info).locked();
            const release = await run.prepared(world.images.first);
            await run.orders("replace", "commit");
            await run.left();
            return { info, release };
          }),
        );
      });
      await close();
    });
    afterEach(() => close());
    afterAll(() => (world as ContractWorld | undefined)?.end());

    /** A test in the world's own time, on a host that serves the first image. */
    const promises = (what: string, work: (info: ManifestHost, old: Release) => Promise<void>): void => {
      it(what, () =>
        world.run(async () => {
          const next = serving.shift();
          if (!next) throw new Error(`the suite needs more than ${HANDOFF_HOSTS} hosts`);
          await work(next.info, next.release);
        }),
      );
    };
    const until = async (host: Host, condition: (survey: Survey) => boolean): Promise<Survey> => {
      const deadline = world.clock.now() + LIMIT_MS;
      for (;;) {
        const survey = await host.survey();
        if (condition(survey) || world.clock.now() > deadline) return survey;
        await world.clock.sleep(LOOK_MS);
      }
    };

    promises(
      "the ports lead to the new container, which is kept, and the old one ends by itself",
      async (info, old) => {
        const run = await open(info).locked();
        const release = await run.prepared(world.images.second);
        const before = (await run.host.survey()).front;
        await run.orders("replace");
        const led = await run.host.survey();
        expect(led.front).toEqual({
          ...frontPorts(world.manifest, info),
          ...{ target: expect.any(String), port: release.service.port, state: "open" },
        });
        expect(led.front?.target).not.toBe(before?.target);
        expect([led.containers.current?.release, led.containers.previous?.release]).toEqual([release.id, old.id]);
        expect([led.containers.current?.running, led.containers.previous?.running]).toEqual([true, true]);
        await run.orders("commit");
        expect(await run.left()).toEqual([
          "0 held",
          ...lines(1, ...HAND_OVER, "step front-lead", "done replace"),
          ...lines(2, ...COMMIT, "done commit"),
          "3 done leave",
          "0 left",
        ]);
        const { host } = open(info);
        const after = await until(host, ({ containers }) => containers.previous?.running === false);
        expect(after.containers.previous).toMatchObject({ release: old.id, running: false });
        expect([after.front, after.health]).toEqual([led.front, 200]);
      },
    );

    promises("what is taken back leads to the old container again, which never stopped", async (info, old) => {
      const run = await open(info).locked();
      const release = await run.prepared(world.images.second);
      const before = await run.host.survey();
      await run.orders("replace", "undo");
      const after = await run.host.survey();
      expect(after.front).toEqual(before.front);
      expect(after.containers.current).toEqual(before.containers.current);
      expect(after.containers.failed).toMatchObject({ release: release.id, running: false });
      expect([after.containers.current?.release, after.health]).toEqual([old.id, 200]);
      expect(await run.left()).toEqual([
        "0 held",
        ...lines(1, ...HAND_OVER, "step front-lead", "done replace"),
        ...lines(2, "undone all", "done undo"),
        "3 done leave",
        "0 left",
      ]);
    });

    promises("a release that ends at once is led to by nobody, and its log is there", async (info) => {
      const run = await open(info).locked();
      await run.prepared(world.images.exits);
      const before = await run.host.survey();
      expect(await run.order("replace")).toBe("failed");
      const after = await run.host.survey();
      expect([after.front, after.containers.current]).toEqual([before.front, before.containers.current]);
      expect((await run.host.logs("failed", 20)).length).toBeGreaterThan(0);
      expect(await run.left()).toEqual([
        "0 held",
        ...lines(1, ...HAND_OVER, "undone all", "failed"),
        "2 done leave",
        "0 left",
      ]);
    });
  });
}
