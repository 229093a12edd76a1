/**
 * What every implementation of the `Host` port promises. Run against the simulation and against real commands over SSH, so that
 * what holds in the one is known to hold in the other. Journals are compared line by line.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import type { Front, JournalEntry, ProbeRun, Traffic } from "../../contract/host.js";
import { frontPorts, type Manifest, type ManifestHost } from "../../contract/manifest.js";
import type { Release } from "../../contract/release.js";
import { releaseOf } from "../../scripts/rollout/core/target.js";
import { hostSteps, longestSeconds, type OrderName, type Standing } from "../../scripts/rollout/host-steps.js";
import type { Clock, Host, Hosts, LockResult, Survey } from "../../scripts/rollout/ports.js";

/** A world with as many empty, booted hosts as the suite asks for. */
export interface ContractWorld {
  readonly manifest: Manifest;
  readonly hosts: Hosts;
  readonly clock: Clock;
  /** By digest; `exits` names an image whose process ends at once. */
  readonly images: { readonly first: string; readonly second: string; readonly exits: string };
  login(): Promise<string | null>;
  /** Lets time pass until the work is done. */
  run(work: () => Promise<void>): Promise<void>;
  end(): Promise<void>;
}

/** Hosts that the suite uses up, one a test: some stay empty until then, the others serve the first image. */
const EMPTY_HOSTS = 5;
const SERVING_HOSTS = 9;
export const CONTRACT_HOSTS = EMPTY_HOSTS + SERVING_HOSTS;

/** Longest time of one order on the world's clock; real machines may be busy. */
const ORDER_MS = 90_000;
/** Longer than anything here takes, also on a busy machine. */
const FOLLOWED_SECONDS = 100;
const LOOK_MS = 100;

const DRAIN = [
  ...["step old-dismiss", "step failed-dismiss"],
  ...["step failed-clear", "step older-clear", "step previous-older", "step expect-address"],
  ...["step restart-off", "step drain"],
];
/** Steps of an order on a host that serves and was drained, up to the moment when the new container runs. */
const SWAP = [
  "step front-back",
  "step expect-space",
  "step expect-drained",
  "step old-stop",
  "step old-keep",
  "step name-free",
  "step new-run",
  "step new-ready",
];
const COMMIT = ["step restart-on", "step front-led", "step front-keep", "step older-remove", "done commit"];

/** One run on one host, over a connection of its own. */
export class Run {
  constructor(
    private readonly world: ContractWorld,
    readonly host: Host,
    readonly id: string,
  ) {}

  get owner(): string {
    return `${this.id}@contract`;
  }

  lock(): Promise<LockResult> {
    const { manifest } = this.world;
    const request = { runId: this.id, owner: this.owner, leaseSeconds: manifest.rollout.leaseSeconds };
    return this.host.lock(request, longestSeconds(manifest, manifest.healthCheck));
  }

  async locked(): Promise<this> {
    expect(await this.lock()).toEqual({ type: "held" });
    return this;
  }

  /** Pulls the image and lays out the steps from what the host looks like. */
  async prepared(image: string): Promise<Release> {
    const { manifest } = this.world;
    const pulled = await this.host.pull(image, await this.world.login(), manifest.rollout.pullTimeoutSeconds);
    expect(pulled).toMatchObject({ type: "pulled", images: [image] });
    const release = releaseOf(image, manifest.service, manifest.healthCheck.path);
    await this.host.prepare(
      hostSteps({ release, policy: manifest.rollout, check: manifest.healthCheck, ...(await this.occupation()) }),
      {},
    );
    return release;
  }

  /** For a host that is to leave the fleet. */
  async preparedToLeave(): Promise<void> {
    const { manifest } = this.world;
    await this.host.prepare(
      hostSteps({ release: null, policy: manifest.rollout, check: manifest.healthCheck, ...(await this.occupation()) }),
      {},
    );
  }

  private async occupation(): Promise<{ standing: Standing; goesBack: boolean; isWarm: boolean; letsGo: boolean }> {
    const { current } = (await this.host.survey()).containers;
    return { standing: current ? "in-rotation" : "empty", goesBack: false, isWarm: false, letsGo: false };
  }

  /** Gives an order, and tells whether it ended as done or as failed. */
  async order(name: OrderName, argument?: string): Promise<"done" | "failed"> {
    const sequence = await this.host.order(name, argument);
    const deadline = this.world.clock.now() + ORDER_MS;
    for (;;) {
      const { journal } = await this.host.follow(sequence, 1);
      const end = journal.find(
        (entry) => entry.sequence === sequence && (entry.state === "done" || entry.state === "failed"),
      );
      if (end) return end.state as "done" | "failed";
      if (this.world.clock.now() > deadline) throw new Error(`"${name}" has not ended: ${told(journal).join(" · ")}`);
    }
  }

  /** Gives orders that must all be done. */
  async orders(...names: readonly OrderName[]): Promise<void> {
    for (const name of names) expect([name, await this.order(name)]).toEqual([name, "done"]);
  }

  /** Leaves, and gives the whole journal once the steward is gone. */
  async left(): Promise<string[]> {
    await this.orders("leave");
    for (;;) {
      const { stewardAlive, journal } = await this.host.observe();
      if (!stewardAlive) return told(journal);
      await this.world.clock.sleep(LOOK_MS);
    }
  }

  async journal(): Promise<string[]> {
    return told((await this.host.observe()).journal);
  }

  /** What comes to the host, whose front must lead to its container. */
  async traffic(): Promise<Traffic> {
    const { traffic } = await this.host.observe();
    if (!traffic) throw new Error(`the front of ${this.host.name} does not lead to its container`);
    return traffic;
  }

  /** The same once each of the balancer's nodes has come to this at its last probe. */
  async probed(outcome: ProbeRun["outcome"]): Promise<Traffic> {
    const deadline = this.world.clock.now() + ORDER_MS;
    for (;;) {
      const traffic = await this.traffic();
      const { probes } = traffic;
      if (probes.length > 0 && probes.every((run) => run.outcome === outcome)) return traffic;
      if (this.world.clock.now() > deadline) throw new Error(`not every probe ${outcome}: ${JSON.stringify(probes)}`);
      await this.world.clock.sleep(LOOK_MS);
    }
  }
}

/** Lines of a journal without what may differ: who holds the lock, the words for why something failed, and each step that was taken back. */
const told = (journal: readonly JournalEntry[]): string[] =>
  journal
    .filter(({ state }) => state !== "back")
    .map(({ sequence, state, detail }) =>
      ["step", "done", "undone"].includes(state) ? `${sequence} ${state} ${detail}` : `${sequence} ${state}`,
    );

/** The lines of one order. */
export const lines = (sequence: number, ...texts: readonly string[]): string[] =>
  texts.map((text) => `${sequence} ${text}`);

interface Serving {
  readonly info: ManifestHost;
  readonly release: Release;
}

function next<Item>(unused: Item[]): Item {
  const item = unused.shift();
  if (!item) throw new Error(`the suite needs more than ${CONTRACT_HOSTS} hosts`);
  return item;
}

/** @param start gives a world of {@link CONTRACT_HOSTS} hosts */
export function describeHostContract(name: string, start: () => Promise<ContractWorld>): void {
  describe(`Host port: ${name}`, () => {
    let world: ContractWorld;
    let empty: ManifestHost[];
    let serving: Serving[];
    let runs = 0;
    const opened: Host[] = [];

    beforeAll(async () => {
      world = await start();
      empty = world.manifest.hosts.slice(0, EMPTY_HOSTS);
      await world.run(async () => {
        serving = await Promise.all(world.manifest.hosts.slice(EMPTY_HOSTS).map(deploy));
      });
      await close();
    });
    afterEach(() => close());
    afterAll(() => (world as ContractWorld | undefined)?.end());

    const open = (info: ManifestHost): Run => {
      const host = world.hosts.open(info);
      opened.push(host);
      runs += 1;
      return new Run(world, host, `run${runs}`);
    };

    const close = async (): Promise<void> => {
      await Promise.all(opened.splice(0).map((host) => host.close()));
    };

    /** Brings an empty host onto the first image and leaves it. */
    const deploy = async (info: ManifestHost): Promise<Serving> => {
      const run = await open(info).locked();
      const release = await run.prepared(world.images.first);
      await run.orders("replace", "commit");
      await run.left();
      return { info, release };
    };

    /** A test in the world's own time. */
    const promises = (what: string, work: () => Promise<void>): void => {
      it(what, () => world.run(work));
    };

    promises("an empty host shows nothing", async () => {
      const { host } = open(next(empty));
      expect(await host.answer("/")).toBeNull();
      expect(await host.evidence(900)).toBeNull();
      const survey = await host.survey();
      expect(survey).toMatchObject({
        boot: "done",
        containers: {},
        front: null,
        answered: [],
        traffic: null,
        health: null,
        releases: [],
        history: null,
        retired: false,
      });
      expect(survey.dockerAnswers).toBe(true);
      expect(survey.architecture).not.toBe("");
      expect(survey.freeDiskMb).toBeGreaterThan(0);
      expect(survey.freeMemoryMb).toBeGreaterThan(0);
    });

    promises("an examination shows that the helper may be called, and that the kernel has its table", async () => {
      const [info] = world.manifest.hosts;
      if (!info) throw new Error("the world has no host");
      const { network, show } = await open(info).host.examine();
      expect({ network, show }).toEqual({ network: { code: 0, words: "" }, show: { code: 0, words: "" } });
    });

    promises("replace and commit bring an empty host onto the release", async () => {
      const info = next(empty);
      const run = await open(info).locked();
      const release = await run.prepared(world.images.first);
      await run.orders("replace", "commit");
      expect(await run.host.answer("/")).toBe(200);
      expect(await run.left()).toEqual([
        "0 held",
        ...lines(1, "step old-dismiss", "step failed-dismiss", "step failed-clear", "step front-back"),
        ...lines(1, "step name-free", "step new-run", "step new-ready", "step front-lead", "done replace"),
        ...lines(2, ...COMMIT),
        "3 done leave",
        "0 left",
      ]);
      const survey = await open(info).host.survey();
      expectServing(survey, release);
      expectFront(survey, world.manifest, info, release);
    });

    promises("a held lock is refused to a second run, which is told the holder, and gets it after leave", async () => {
      const info = next(empty);
      const first = await open(info).locked();
      const second = open(info);
      expect(await second.lock()).toEqual({
        type: "refused",
        holder: `${first.id}:${first.owner}`,
      });
      expect((await first.host.observe()).stewardAlive).toBe(true);
      expect(await first.left()).toEqual(["0 held", "1 done leave", "0 left"]);
      expect(await second.lock()).toEqual({ type: "held" });
      expect(await second.journal()).toEqual(["0 held"]);
    });

    promises(
      "whoever follows an order is told its end in one call, and waits for nothing that cannot come",
      async () => {
        const run = await open(next(empty)).locked();
        expect(told((await run.host.follow(1, 0)).journal)).toEqual(["0 held"]);
        const sequence = await run.host.order("undo");
        const followed = await run.host.follow(sequence, FOLLOWED_SECONDS);
        expect([told(followed.journal).at(-1), followed.stewardAlive]).toEqual(["1 done undo", true]);
        await run.left();
        const began = world.clock.now();
        const { stewardAlive } = await run.host.follow(9, FOLLOWED_SECONDS);
        expect(stewardAlive).toBe(false);
        expect(world.clock.now() - began).toBeLessThan(FOLLOWED_SECONDS * 1000);
      },
    );

    promises("a run whose steward has left changes nothing any more that another one would see", async () => {
      const info = next(empty);
      const run = await open(info).locked();
      const release = await run.prepared(world.images.first);
      await run.host.keepHistory("kept while it was locked");
      await run.left();
      const { host } = run;
      const steps = hostSteps({
        ...{ release, policy: world.manifest.rollout, check: world.manifest.healthCheck },
        ...{ standing: "empty", goesBack: false, isWarm: false, letsGo: false },
      });
      const late: (() => Promise<unknown>)[] = [
        async () => host.pull(world.images.second, await world.login(), 30),
        () => host.prepare(steps, {}),
        () => host.startPreDeploy(release, { command: ["true"], timeoutSeconds: 30 }),
        () => host.stopPreDeploy(10),
        () => host.keepHistory("kept too late"),
        () => host.prune([], []),
      ];
      for (const change of late) await expect(change()).rejects.toMatchObject({ code: "StewardLost" });
      const survey = await open(info).host.survey();
      expect(survey).toMatchObject({ containers: {}, history: "kept while it was locked", releases: [release] });
    });

    promises("the kernel tells who asked for the health of a host, and which container answered", async () => {
      const { info } = next(serving);
      const { host } = open(info);
      const { front } = await host.survey();
      const deadline = world.clock.now() + ORDER_MS;
      let evidence = await host.evidence(900);
      while (!evidence?.answered.length && world.clock.now() < deadline) {
        await world.clock.sleep(LOOK_MS);
        evidence = await host.evidence(900);
      }
      const [port] = frontPorts(world.manifest, info).checks;
      const seen = { port, node: expect.any(String), count: expect.any(Number) };
      const ages = { oldestMs: expect.any(Number), newestMs: expect.any(Number) };
      expect(evidence).toEqual({
        asked: [{ ...seen, ...ages }],
        refused: [],
        answered: [{ ...seen, ...ages, target: front?.target, targetPort: front?.port }],
        opened: expect.any(Array),
      });
      expect(evidence?.answered[0]?.node).toBe(evidence?.asked[0]?.node);
      await world.clock.sleep(1000 * (world.manifest.healthCheck.checkIntervalSeconds + 1));
      const later = await host.evidence(900);
      expect(later?.asked[0]?.count).toBeGreaterThan(evidence?.asked[0]?.count ?? Infinity);
      expect(later?.asked[0]?.oldestMs).toBeGreaterThan(evidence?.asked[0]?.oldestMs ?? Infinity);
    });

    promises(
      "drain has the balancer's probes refused and keeps the process, undo lets them through again",
      async () => {
        const { info } = next(serving);
        const run = await open(info).locked();
        await run.prepared(world.images.second);
        const before = await run.probed("passed");
        expect(before).toMatchObject({ state: "serving", open: expect.any(Number) });
        await run.orders("drain");
        // Its steward lives.
        await run.host.recover();
        const drained = await run.probed("failed");
        expect(drained).toMatchObject({ instance: before.instance, state: "draining" });
        expect(drained.probes.map(({ node }) => node)).toEqual(before.probes.map(({ node }) => node));
        expect(await run.host.answer("/")).toBe(200);
        await run.orders("undo");
        expect(await run.probed("passed")).toMatchObject({ instance: before.instance, state: "serving" });
        expect(await run.left()).toEqual([
          "0 held",
          ...lines(1, ...DRAIN, "done drain"),
          ...lines(2, "undone all", "done undo"),
          "3 done leave",
          "0 left",
        ]);
        const journal = await run.journal();
        await run.host.recover();
        expect(await run.journal()).toEqual(journal);
      },
    );

    promises("replace puts the new container in the place of the drained one and keeps that", async () => {
      const { info, release: old } = next(serving);
      const run = await open(info).locked();
      const release = await run.prepared(world.images.second);
      await run.orders("drain");
      const { instance } = await run.traffic();
      const before = (await run.host.survey()).front;
      expect(await run.order("replace", instance)).toBe("done");
      const led = (await run.host.survey()).front;
      await run.orders("commit");
      expect(await run.left()).toEqual([
        "0 held",
        ...lines(1, ...DRAIN, "done drain"),
        ...lines(2, ...SWAP, "step front-lead", "done replace"),
        ...lines(3, ...COMMIT),
        "4 done leave",
        "0 left",
      ]);
      const survey = await open(info).host.survey();
      expectServing(survey, release);
      expectFront(survey, world.manifest, info, release);
      // Where the front led from the moment that the new container was ready, and no longer to the old one.
      expect(survey.front).toEqual(led);
      expect(targetOf(led)).not.toBe(targetOf(before));
      expect(survey.containers.previous).toMatchObject({ release: old.id, running: false });
      expect(survey.releases.map(({ id }) => id).sort()).toEqual([old.id, release.id].sort());
    });

    promises("undo after replace brings the old container back", async () => {
      const { info, release: old } = next(serving);
      const run = await open(info).locked();
      const release = await run.prepared(world.images.second);
      const before = (await run.host.survey()).front;
      await run.orders("drain");
      expect(await run.order("replace", (await run.traffic()).instance)).toBe("done");
      expect(targetOf((await run.host.survey()).front)).not.toBe(targetOf(before));
      await run.orders("undo");
      const survey = await awaitServing(world, run);
      expectServing(survey, old);
      expectFront(survey, world.manifest, info, old);
      expect(survey.front).toEqual(before);
      expect(survey.containers.failed).toMatchObject({ release: release.id, running: false });
      expect(await run.left()).toEqual([
        "0 held",
        ...lines(1, ...DRAIN, "done drain"),
        ...lines(2, ...SWAP, "step front-lead", "done replace"),
        ...lines(3, "undone all", "done undo"),
        "4 done leave",
        "0 left",
      ]);
    });

    promises("retreat has the probes of a new container refused, and undo brings the old one back open", async () => {
      const { info, release: old } = next(serving);
      const run = await open(info).locked();
      await run.prepared(world.images.second);
      await run.orders("drain");
      expect(await run.order("replace", (await run.traffic()).instance)).toBe("done");
      const { instance } = await run.probed("passed");
      await run.orders("retreat");
      expect(await run.probed("failed")).toMatchObject({ instance, state: "draining" });
      await run.orders("undo");
      await awaitServing(world, run);
      expect(await run.probed("passed")).toMatchObject({ state: "serving" });
      const survey = await run.host.survey();
      expectServing(survey, old);
      expectFront(survey, world.manifest, info, old);
      expect(await run.left()).toEqual([
        "0 held",
        ...lines(1, ...DRAIN, "done drain"),
        ...lines(2, ...SWAP, "step front-lead", "done replace"),
        ...lines(3, "step retreat", "done retreat"),
        ...lines(4, "undone all", "done undo"),
        "5 done leave",
        "0 left",
      ]);
    });

    promises("replace refuses another process than the drained one, which then serves on", async () => {
      const { info, release: old } = next(serving);
      const run = await open(info).locked();
      await run.prepared(world.images.second);
      await run.orders("drain");
      const before = await run.traffic();
      expect(await run.order("replace", "another-process")).toBe("failed");
      expect(await run.traffic()).toMatchObject({ instance: before.instance, state: "serving" });
      expectServing(await run.host.survey(), old);
      expect(await run.left()).toEqual([
        "0 held",
        ...lines(1, ...DRAIN, "done drain"),
        ...lines(2, "step front-back", "step expect-space", "step expect-drained", "undone all", "failed"),
        "3 done leave",
        "0 left",
      ]);
    });

    promises("a release that exits at once fails, the old container serves again and the log is there", async () => {
      const { info, release: old } = next(serving);
      const run = await open(info).locked();
      const release = await run.prepared(world.images.exits);
      const before = (await run.host.survey()).front;
      await run.orders("drain");
      expect(await run.order("replace", (await run.traffic()).instance)).toBe("failed");
      const survey = await awaitServing(world, run);
      expectServing(survey, old);
      expectFront(survey, world.manifest, info, old);
      expect(survey.front).toEqual(before);
      expect(survey.containers.previous).toBeUndefined();
      expect(survey.containers.failed).toMatchObject({ release: release.id, running: false });
      expect((await run.host.logs("failed", 20)).length).toBeGreaterThan(0);
      expect(await run.left()).toEqual([
        "0 held",
        ...lines(1, ...DRAIN, "done drain"),
        ...lines(2, ...SWAP, "undone all", "failed"),
        "3 done leave",
        "0 left",
      ]);
    });

    promises("undo after commit changes nothing", async () => {
      const { info } = next(serving);
      const run = await open(info).locked();
      const release = await run.prepared(world.images.second);
      await run.orders("drain");
      expect(await run.order("replace", (await run.traffic()).instance)).toBe("done");
      await run.orders("commit");
      const [before, { instance }] = [await run.host.survey(), await run.traffic()];
      await run.orders("undo");
      const after = await run.host.survey();
      expectServing(after, release);
      expect(after.containers).toEqual(before.containers);
      expectFront(after, world.manifest, info, release);
      expect(after.front).toEqual(before.front);
      expect(await run.traffic()).toMatchObject({ instance, state: "serving" });
      expect((await run.left()).slice(-5)).toEqual([
        "3 done commit",
        ...lines(4, "undone all", "done undo"),
        "5 done leave",
        "0 left",
      ]);
    });

    promises("stop takes a host out for good", async () => {
      const { info, release } = next(serving);
      const run = await open(info).locked();
      await run.preparedToLeave();
      await run.orders("drain", "stop");
      expect(await run.left()).toEqual([
        "0 held",
        ...lines(1, "step restart-off", "step drain", "done drain"),
        ...lines(2, "step retired-restart-off", "step retired-stop", "step retired-front", "step retire", "done stop"),
        "3 done leave",
        "0 left",
      ]);
      const survey = await open(info).host.survey();
      expect(survey.retired).toBe(true);
      expect(survey.front).toBeNull();
      expect(await open(info).host.evidence(900)).toBeNull();
      expect(survey.containers.current).toMatchObject({ release: release.id, running: false });
      expect(survey.health).toBeNull();
    });
  });
}

/** A container that was started again needs a moment until it answers. */
async function awaitServing(world: ContractWorld, { host }: Run): Promise<Survey> {
  const deadline = world.clock.now() + ORDER_MS;
  for (;;) {
    const survey = await host.survey();
    if (survey.health === 200 || world.clock.now() > deadline) return survey;
    await world.clock.sleep(LOOK_MS);
  }
}

function expectServing(survey: Survey, release: Release): void {
  expect(survey.containers.current).toMatchObject({
    release: release.id,
    image: release.image,
    running: true,
    restarting: false,
    restartCount: 0,
  });
  expect(survey.health).toBe(200);
  expect(survey.traffic).toMatchObject({ state: "serving" });
  expect(survey.releases).toContainEqual(release);
  expect(survey.retired).toBe(false);
}

/** The front is for a container of the release, with all ports that the manifest has for the host. */
function expectFront({ front }: Survey, manifest: Manifest, info: ManifestHost, { service }: Release): void {
  expect(front).toEqual({
    ...frontPorts(manifest, info),
    target: expect.stringMatching(/^\d+\.\d+\.\d+\.\d+$/),
    port: service.port,
    state: "open",
  });
}

/** There must be a front. */
function targetOf(front: Front | null): string {
  if (!front) throw new Error("the host has no front");
  return front.target;
}
