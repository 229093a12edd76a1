import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, it } from "@jest/globals";
import type { FrontEvidence } from "../../contract/host.js";
import type { Manifest, ManifestHost } from "../../contract/manifest.js";
import { RolloutError } from "../../scripts/rollout/core/errors.js";
import type { Cloud, Host, Hosts, Survey } from "../../scripts/rollout/ports.js";
import { statusText } from "../../scripts/rollout/output/status-text.js";
import { lookAtHosts, verdict, type HostRow } from "../../scripts/rollout/status.js";
import { signHistory, type RecordKeys } from "../../scripts/rollout/core/history.js";
import { testManifest, testRecordKeys, testRelease } from "../support/fleet.js";
import { container, probed, says, servingHost, surveyed } from "./support.js";

const one = "1111111111111111";
const clock = { now: () => 0 };
const manifestOf = (hosts: number): Manifest => testManifest({ hosts });

/** Its balancer asks the service port. */
const portless = (hosts: number): Manifest =>
  testManifest({ hosts, healthCheck: { port: undefined }, rollout: { strategy: "handoff" } });

/** A clock that a test moves on. */
class FakeTime {
  ms = 0;
  now(): number {
    return this.ms;
  }
}

/** Hosts that can be looked at and closed, and nothing else. */
class LookedAt implements Hosts {
  readonly closed: string[] = [];
  /** @param takes what befalls while a host is looked at, such as time that passes */
  constructor(
    private readonly surveys: Readonly<Record<string, Survey | Error>>,
    private readonly takes: (name: string) => Promise<void> = async () => Promise.resolve(),
    /** What the balancer's nodes were answered; null where the front does not tell. */
    private readonly told: FrontEvidence | null = null,
  ) {}

  open({ name }: ManifestHost): Host {
    const only: Partial<Host> = {
      name,
      survey: async () => {
        await this.takes(name);
        const survey = this.surveys[name] ?? new Error(`${name} was not expected`);
        if (survey instanceof Error) throw survey;
        return Promise.resolve(survey);
      },
      evidence: async () => Promise.resolve(this.told),
      close: async () => Promise.resolve(void this.closed.push(name)),
    };
    return new Proxy(only as Host, {
      get(target, key) {
        if (key in target) return Reflect.get(target, key) as unknown;
        throw new Error(`${String(key)} was not expected`);
      },
    });
  }
}

describe("a look at the fleet", () => {
  const manifest = testManifest({ hosts: 5 });

  it("tells of each host what it runs, and closes every connection", async () => {
    const hosts = new LookedAt({
      "api-1": servingHost(one, { traffic: says({ probes: [probed("10.0.0.1", { passed: 9 })] }) }),
      "api-2": servingHost(one, { traffic: says({ state: "draining" }) }),
      "api-3": surveyed({ run: { holder: "held by 9dc3784f7b:me@here", last: "step old-stop" } }),
      "api-4": servingHost(one, { retired: true }),
      "api-5": new RolloutError("HostUnreachable", "api-5 cannot be reached"),
    });
    const { rows } = await lookAtHosts(manifest, hosts, null, clock);
    expect(rows.map(({ name, state, release }) => [name, state, release])).toEqual([
      ["api-1", "serving", one],
      ["api-2", "draining", one],
      ["api-3", "idle", null],
      ["api-4", "retired", one],
      ["api-5", "HostUnreachable", null],
    ]);
    expect(rows[0]).toMatchObject({ id: "100", image: container().image });
    expect(rows.map(({ run }) => run)).toEqual([null, null, "held by 9dc3784f7b:me@here: step old-stop", null, null]);
    expect(hosts.closed.sort()).toEqual(["api-1", "api-2", "api-3", "api-4", "api-5"]);
  });

  it("shows a host that answers by itself and that a node has not asked lately as out of rotation", async () => {
    const asked = (agoMs: number): Survey =>
      servingHost(one, { traffic: says({ probes: [probed("10.0.0.1", { passed: 9, agoMs })] }) });
    const two = testManifest({ hosts: 2 });
    const { rows } = await lookAtHosts(two, new LookedAt({ "api-1": asked(100), "api-2": asked(42_000) }), null, clock);
    expect(rows.map(({ state }) => state)).toEqual([
      "serving",
      "not in rotation: node 10.0.0.1 has not asked it for 42 s",
    ]);
    expect(verdict(rows, "")).toEqual({
      exitCode: 6,
      message: "not serving: api-2 (not in rotation: node 10.0.0.1 has not asked it for 42 s)",
    });
  });

  describe("where the balancer asks less often than the manifest says", () => {
    const two = testManifest({ hosts: 2 });
    const { healthCheck: declared } = two;
    const slower = { ...declared, checkIntervalSeconds: 60 };
    // Asked 50 s ago, which is late for an interval of 3 s.
    const rare = servingHost(one, { traffic: says({ probes: [probed("10.0.0.1", { passed: 9, agoMs: 50_000 })] }) });
    const often = servingHost(one, { traffic: says({ probes: [probed("10.0.0.1", { passed: 9 })] }) });
    const states = async (cloud: Pick<Cloud, "balancer"> | null, manifest = two) => {
      const hosts = new LookedAt({ "api-1": rare, "api-2": often });
      const { rows, unread } = await lookAtHosts(manifest, hosts, null, clock, cloud);
      return { states: rows.map(({ state }) => state.split(":")[0]), unread };
    };

    it("takes what the balancer does, as a rollout would", async () =>
      expect(
        await states({
          balancer: async () => ({ check: slower, tag: two.fleetTag, targetPorts: [], backendKeepalive: false }),
        }),
      ).toEqual({
        states: ["serving", "serving"],
        unread: null,
      }));

    it("takes what is declared without a token, and says why where the API does not tell", async () => {
      const refused = new RolloutError("CloudRefused", "403 no");
      const declaredStates = ["not in rotation", "serving"];
      expect(await states(null)).toEqual({ states: declaredStates, unread: null });
      expect(await states({ balancer: () => Promise.reject(refused) })).toEqual({
        states: declaredStates,
        unread: "403 no",
      });
      await expect(states({ balancer: () => Promise.reject(new TypeError("a bug")) })).rejects.toThrow("a bug");
    });

    it("asks nobody about a balancer that is not DigitalOcean's", async () => {
      const own = { ...two, loadBalancer: { ...two.loadBalancer, id: "" } };
      const balancer = () => Promise.reject(new Error("was asked"));
      expect(await states({ balancer }, own)).toEqual(await states(null, own));
    });

    it("looks at the hosts while the API is asked, which may not answer for a while", async () => {
      const seen: string[] = [];
      const hosts = new LookedAt({ "api-1": often, "api-2": often }, (name) => Promise.resolve(void seen.push(name)));
      const balancer = async (): Promise<never> => {
        await nextTurn();
        seen.push("no answer");
        throw new RolloutError("CloudFailed", "no answer within 5 s");
      };
      const { rows, unread } = await lookAtHosts(two, hosts, null, clock, { balancer });
      expect(seen).toEqual(["api-1", "api-2", "no answer"]);
      expect([rows.map(({ state }) => state), unread]).toEqual([["serving", "serving"], "no answer within 5 s"]);
    });
  });

  it("does not call an honest host out of rotation because another one lets it wait", async () => {
    const time = new FakeTime();
    const fresh = servingHost(one, { traffic: says({ probes: [probed("10.0.0.1", { passed: 9, agoMs: 100 })] }) });
    const silent = new RolloutError("HostTimeout", "api-2: no end of a command within 30 s");
    const hosts = new LookedAt({ "api-1": fresh, "api-2": silent }, async (name) => {
      // The other one has been looked at by then.
      if (name === "api-2") await new Promise((settle) => setImmediate(settle));
      time.ms += name === "api-2" ? 300_000 : 10;
    });
    const { rows } = await lookAtHosts(testManifest({ hosts: 2 }), hosts, null, time);
    expect(rows.map(({ state }) => state)).toEqual(["serving", "HostTimeout"]);
  });

  it("looks once more where the first look took long, as it logs in as well", async () => {
    const time = new FakeTime();
    const fresh = servingHost(one, { traffic: says({ probes: [probed("10.0.0.1", { passed: 9, agoMs: 100 })] }) });
    let looks = 0;
    const hosts = new LookedAt({ "api-1": fresh }, async () => {
      looks += 1;
      time.ms += looks === 1 ? 300_000 : 10;
      return Promise.resolve();
    });
    const { rows } = await lookAtHosts(testManifest({ hosts: 1 }), hosts, null, time);
    expect(rows.map(({ state }) => state)).toEqual(["serving"]);
    expect(looks).toBe(2);
  });

  it("does not blame the balancer where every look takes longer than a probe is evidence", async () => {
    const time = new FakeTime();
    const fresh = servingHost(one, { traffic: says({ probes: [probed("10.0.0.1", { passed: 9, agoMs: 100 })] }) });
    const hosts = new LookedAt({ "api-1": fresh }, async () => Promise.resolve(void (time.ms += 300_000)));
    const { rows } = await lookAtHosts(testManifest({ hosts: 1 }), hosts, null, time);
    expect(rows[0]?.state).toMatch(
      /^not known to be in rotation: what it said is 300\.0 s old by now, and a probe is evidence for \d\.\d s: the way to it, or the machine that runs this, is too slow$/,
    );
  });

  it("tells of containers that clients were led away from, and that have not ended: something is open to them", async () => {
    const { current } = servingHost(one).containers;
    const left = container({ running: true });
    const hosts = new LookedAt({
      "api-1": servingHost(one, { containers: { ...(current ? { current } : {}), previous: left, failed: left } }),
      "api-2": servingHost(one, {
        containers: { ...(current ? { current } : {}), previous: container({ running: false }) },
      }),
    });
    const look = await lookAtHosts(testManifest({ hosts: 2 }), hosts, null, clock);
    expect(look.rows.map(({ leaving }) => leaving)).toEqual([["api-previous", "api-failed"], []]);
    expect(statusText(look)).toContain(
      "api-1: api-previous still runs: it is kept for a way back, or something is open to it; the next rollout ends it\n",
    );
  });

  describe("of a host that was handed over a moment ago", () => {
    const check = testManifest({ hosts: 1 }).healthCheck;
    const node = (count: number, target = "172.31.255.2") => ({
      ...{ port: 8086, node: "10.0.0.1", count, oldestMs: 9000, newestMs: 4000 },
      ...{ target, targetPort: 80 },
    });
    const asked = (count: number) => [{ port: 8086, node: "10.0.0.1", count, oldestMs: 9000, newestMs: 4000 }];
    const stateBy = async (told: FrontEvidence | null, last: object = { passed: 1 }): Promise<string | undefined> => {
      const fresh = servingHost(one, { traffic: says({ probes: [probed("10.0.0.1", { ...last, agoMs: 100 })] }) });
      const hosts = new LookedAt({ "api-1": fresh }, undefined, told);
      const { rows } = await lookAtHosts(testManifest({ hosts: 1 }), hosts, null, clock);
      return rows[0]?.state;
    };
    const enough = check.healthyThreshold;
    const seen = (evidence: Partial<FrontEvidence>): FrontEvidence => ({
      ...{ asked: [], refused: [], answered: [], opened: [] },
      ...evidence,
    });

    it("counts what its old container has answered, as the balancer does", async () =>
      expect(await stateBy(seen({ asked: asked(enough), answered: [node(enough - 1, "172.31.255.3"), node(1)] }))).toBe(
        "serving",
      ));

    it("is out of rotation where its last probe has failed, as by an answer that came too late", async () => {
      const told = seen({ asked: asked(enough), answered: [node(enough)] });
      expect(await stateBy(told, { failed: 1 })).toMatch(/^not in rotation: /);
    });

    it.each<[string, FrontEvidence | null]>([
      ["too few answers, as of a host that came up", seen({ asked: asked(enough - 1), answered: [node(enough - 1)] })],
      ["one without a good answer among them", seen({ asked: asked(enough + 1), answered: [node(enough)] })],
      ["another node's", seen({ asked: asked(enough).map((one) => ({ ...one, node: "10.0.0.2" })) })],
      ["a front that does not tell", null],
    ])("is not taken for in rotation by %s", async (_what, told) =>
      expect(await stateBy(told)).toMatch(/^not in rotation: node 10\.0\.0\.1 has seen 1 of \d passed probes$/),
    );
  });

  describe("of a host whose front does not tell who comes, although it serves", () => {
    const silent = servingHost(one, { traffic: null });
    const stateBy = async (asksOwnPort: boolean, looks: readonly Survey[]): Promise<string[]> => {
      const left = [...looks];
      const hosts: Record<string, Survey> = {};
      const looked = new LookedAt(hosts, async () => Promise.resolve(void (hosts["api-1"] = left.shift() ?? silent)));
      const { rows } = await lookAtHosts(asksOwnPort ? manifestOf(1) : portless(1), looked, null, clock);
      expect(verdict(rows, "").exitCode).toBe(rows[0]?.state === "serving" ? 0 : 6);
      return rows.map(({ state }) => state);
    };

    it("is not that it gets requests: nobody knows what asks it", async () =>
      expect(await stateBy(true, [silent, silent])).toEqual([
        "not known to be in rotation: its front does not tell who comes",
      ]));

    it("is taken once more, as one look may find it busy", async () => {
      const heard = servingHost(one, { traffic: says({ probes: [probed("10.0.0.1", { passed: 9 })] }) });
      expect(await stateBy(true, [silent, heard])).toEqual(["serving"]);
    });

    it("is that it serves where the balancer asks no port of its own: nobody can tell what it asked", async () =>
      expect(await stateBy(false, [silent])).toEqual(["serving"]));

    it("is that it is idle where it does not serve either", async () =>
      expect(await stateBy(true, [surveyed({})])).toEqual(["idle"]));
  });

  describe("where the balancer asks no port of its own", () => {
    const statesOf = async (manifest: Manifest, surveys: Readonly<Record<string, Survey>>): Promise<string[]> => {
      const { rows } = await lookAtHosts(manifest, new LookedAt(surveys), null, clock);
      return rows.map(({ state }) => state);
    };
    const unasked = servingHost(one, { traffic: says() });
    const failing = servingHost(one, { traffic: says({ probes: [probed("10.0.0.1", { failed: 9 })] }) });

    it("says no word about rotation, whatever comes to a host", async () =>
      expect(await statesOf(portless(3), { "api-1": unasked, "api-2": failing, "api-3": surveyed() })).toEqual([
        "serving",
        "serving",
        "idle",
      ]));

    it("says it of those hosts that have one all the same", async () => {
      const [first, ...others] = portless(2).hosts;
      if (!first) throw new Error("the fleet has two hosts");
      const mixed = { ...portless(2), hosts: [{ ...first, checkPort: 9000 }, ...others] };
      expect(await statesOf(mixed, { "api-1": failing, "api-2": failing })).toEqual([
        "not in rotation: node 10.0.0.1 has seen 0 of 2 passed probes",
        "serving",
      ]);
    });

    it("says so of a host whose answer only a balancer takes for healthy", async () =>
      expect(await statesOf(portless(1), { "api-1": { ...failing, health: 301 } })).toEqual([
        "may get requests: its health path answers 301, which a balancer takes for healthy",
      ]));
  });

  describe("of a host with an answer that a balancer takes for healthy, and a rollout does not", () => {
    const only = testManifest({ hosts: 1 });
    const rowsOf = async (changes: Partial<Survey>): Promise<readonly HostRow[]> => {
      const hosts = new LookedAt({ "api-1": servingHost(one, { health: 301, ...changes }) });
      return (await lookAtHosts(only, hosts, null, clock)).rows;
    };
    const words = "may get requests: its health path answers 301, which a balancer takes for healthy";

    it("is not that it is idle, and no good end of a check either", async () => {
      const rows = await rowsOf({ traffic: says({ probes: [probed("10.0.0.1", { passed: 9 })] }) });
      expect(rows.map(({ state }) => state)).toEqual([words]);
      expect(verdict(rows, "")).toEqual({ exitCode: 6, message: `not serving: api-1 (${words})` });
      expect((await rowsOf({ traffic: null })).map(({ state }) => state)).toEqual([words]);
    });

    it("is that it is out of rotation where a node sees it fail", async () => {
      const [row] = await rowsOf({ traffic: says({ probes: [probed("10.0.0.1", { failed: 9 })] }) });
      expect(row?.state).toBe("not in rotation: node 10.0.0.1 has seen 0 of 2 passed probes");
    });

    it("is that it is draining where its health ports are refused", async () =>
      expect((await rowsOf({ traffic: says({ state: "draining" }) })).map(({ state }) => state)).toEqual(["draining"]));
  });

  it("does not hide a bug behind a state", async () => {
    const hosts = new LookedAt({ "api-1": new TypeError("a bug") });
    await expect(lookAtHosts(testManifest({ hosts: 1 }), hosts, null, clock)).rejects.toThrow("a bug");
    expect(hosts.closed).toEqual(["api-1"]);
  });
});

describe("where a rollback would lead", () => {
  const manifest = testManifest();
  const [before, now] = [testRelease(manifest, 1), testRelease(manifest, 2)];
  const { recordKeys } = testRecordKeys;
  const entries = [before, now].map((release) => ({ release, servedFrom: "2026-01-15T09:30:00.000Z" }));
  const signed = signHistory(
    { fleet: manifest.fleet, stackTag: manifest.stackTag, version: 2, entries, pending: null },
    recordKeys,
  );
  const look = (history: string | null, keys: RecordKeys | null) => {
    const host = servingHost(now.id, {
      history,
      // What a host says of itself, and a host that lies says another release: it is not where a rollback leads.
      containers: { current: container({ release: now.id }), previous: container({ release: "2".repeat(16) }) },
    });
    return lookAtHosts(manifest, new LookedAt({ "api-1": host, "api-2": servingHost(now.id) }), keys, clock);
  };

  it("is the release that the verified history tells, and since when the whole fleet served it", async () =>
    expect((await look(signed, recordKeys)).previous).toBe(
      `${before.image} (release ${before.id}, served from 2026-01-15T09:30:00.000Z)`,
    ));

  it("is nothing that an unverified history tells", async () => {
    expect((await look(signed, ["x".repeat(32)])).previous).toMatch(/^nothing: .*api-1: it was not signed with a key/);
    expect((await look(null, recordKeys)).previous).toMatch(/^nothing: no host has a record/);
    expect((await look(signed, null)).previous).toMatch(/^not known here.*EVENKEEL_RECORD_KEY/);
  });
});

describe("a verdict", () => {
  const row = (changes: Partial<HostRow> = {}): HostRow => ({
    name: "api-1",
    id: "100",
    state: "serving",
    release: one,
    image: "a@sha256:1",
    run: null,
    leaving: [],
    ...changes,
  });

  it("is good when all serve one release, also that of the image that was asked for", () => {
    const good = { exitCode: 0, message: `all 2 hosts serve release ${one} (a@sha256:1)` };
    expect(verdict([row(), row({ name: "api-2" })], "")).toEqual(good);
    expect(verdict([row(), row({ name: "api-2" })], "a@sha256:1")).toEqual(good);
  });

  it.each<[string, HostRow[], string, string]>([
    ["one does not serve", [row(), row({ name: "api-2", state: "draining" })], "", "not serving: api-2 (draining)"],
    [
      "they serve different releases",
      [row(), row({ release: "2" })],
      "",
      `the hosts serve different releases: ${one} (a@sha256:1), 2 (a@sha256:1)`,
    ],
    ["they serve another image", [row()], "a@sha256:2", "the hosts serve a@sha256:1, not a@sha256:2"],
  ])("is bad when %s", (_name, rows, image, message) => expect(verdict(rows, image)).toEqual({ exitCode: 6, message }));
});
