/** Hosts whose own look at their private address fails although clients are served there. */
import { describe, expect, it } from "@jest/globals";
import type { Release } from "../../contract/release.js";
import type { Behaviour } from "../../lab/sim/app.js";
import type { Survey } from "../../scripts/rollout/ports.js";
import { messageOf } from "../../scripts/rollout/core/events.js";
import { standardParts } from "../../scripts/rollout/run.js";
import { testImage, testManifest, testRelease } from "../support/fleet.js";
import { healthy, simulate, type SimRun } from "../support/sim.js";

const policy = { readyTimeoutSeconds: 20 };
const evidence = testManifest({ hosts: 3, rollout: policy });
/** A host whose front does not tell who comes. */
const mute = <Seen>(seen: Seen): Seen => ({ ...seen, traffic: null });
/** A host that no node of the balancer asks. */
const unasked = <Seen extends Pick<Survey, "traffic">>(seen: Seen): Seen => ({
  ...seen,
  traffic: seen.traffic && { ...seen.traffic, probes: [] },
});
const all = new Set(evidence.hosts.map(({ name }) => name));
const actions = ({ receipt }: SimRun): string[] => receipt.hosts.map(({ action }) => action);

/** Steps that a steward has begun, of all hosts. */
const begun = ({ world }: SimRun): string[] =>
  world.events.flatMap((event) => (event.name === "step" ? [event.data.step] : []));

/** As the simulation's hosts say it that get no answer from themselves. */
const REFUSED = "curl: (7) Failed to connect: Connection refused";

/** Exit 3, nothing changed, and a message that names what was asked, what came of it, and where to look. */
function expectRefused(run: SimRun, why: RegExp, answer = REFUSED): void {
  expect(run.receipt).toMatchObject({ exitCode: 3, error: { code: "DownContradicted" } });
  expect(run.receipt.error?.message).toMatch(why);
  expect(run.receipt.error?.message).toContain("http://10.110.0.2:8086/health");
  expect(run.receipt.error?.message).toContain(answer);
  expect(run.receipt.error?.message).toContain("/etc/environment");
  expect(begun(run)).toEqual([]);
  expect(actions(run)).toEqual(["untouched", "untouched", "untouched"]);
  expect(run.world.sent).toBeGreaterThan(0);
  expect(run.world.failures).toEqual([]);
  expect(run.world.broken).toEqual([]);
}

describe("hosts that serve while their own look at the private address fails", () => {
  it("are not taken for down against the balancer's own probes: exit 3, no container stopped", async () =>
    expectRefused(await simulate({ manifest: evidence, blind: all }), /^api-1: .*node 10\.0\.0\.1 .* passed/u));

  it("nor is one of them alone, as where its privateAddress is wrong", async () =>
    expectRefused(await simulate({ manifest: evidence, blind: new Set(["api-1"]) }), /^api-1: .*passed/u));

  it("nor is one that the balancer has just failed, and still sends requests to", async () => {
    const one = <Seen extends Pick<Survey, "traffic">>(seen: Seen, host: string): Seen => {
      if (host !== "api-1" || !seen.traffic) return seen;
      const probes = seen.traffic.probes.map((run) => ({ ...run, outcome: "failed" as const, count: 1 }));
      return { ...seen, traffic: { ...seen.traffic, probes } };
    };
    const seen = (survey: Survey, host: string): Survey => one({ ...survey, connections: null }, host);
    const run = await simulate({ manifest: evidence, blind: new Set(["api-1"]), seen, heard: one });
    expectRefused(run, /^api-1: .*node 10\.0\.0\.1 .*has failed 1 of 2 /u);
  });

  it("nor against requests of the prober, which somebody answers", async () => {
    const seen = <Seen>(survey: Seen): Seen => mute({ ...survey, connections: null });
    expectRefused(await simulate({ manifest: evidence, blind: all, seen }), /^api-1: .*through the balancer/u);
  });

  it("nor against connections that somebody else has to it", async () => {
    const run = await simulate({
      manifest: evidence,
      blind: new Set(["api-1"]),
      requestMs: () => 5000,
      ...{ seen: mute, heard: mute },
    });
    expectRefused(run, /^api-1: .*\d+ connections? /u);
  });

  it.each<[string, Pick<Survey, "health" | "healthError">]>([
    ["answers 404", { health: 404, healthError: null }],
    ["speaks no HTTP", { health: null, healthError: "curl: (52) Empty reply from server" }],
  ])("nor where something else that %s has the address, and only connections tell", async (_name, other) => {
    const run = await simulate({
      manifest: evidence,
      blind: new Set(["api-1"]),
      requestMs: () => 5000,
      seen: (survey, host) => (host === "api-1" ? mute({ ...survey, ...other }) : survey),
      heard: (observation, host) => (host === "api-1" ? mute({ ...observation, health: other.health }) : observation),
    });
    expectRefused(run, /^api-1: .*\d+ connections? /u, other.healthError ?? `was answered ${other.health}`);
  });

  it("nor against connections that came after the plan", async () => {
    let plans = 0;
    const run = await simulate({
      manifest: evidence,
      blind: new Set(["api-1"]),
      requestMs: () => 5000,
      onEvent: ({ name }) => (plans += name === "planned" ? 1 : 0),
      seen: (survey, host) =>
        host === "api-1" ? unasked({ ...survey, connections: plans === 0 ? 0 : survey.connections }) : survey,
      heard: (observation, host) => (host === "api-1" ? unasked(observation) : observation),
    });
    expect(run.receipt).toMatchObject({ exitCode: 3, error: { code: "DownContradicted" } });
    expect(run.receipt.error?.message).toMatch(/^api-1: .*\d+ connections? /u);
    expect(begun(run)).not.toContain("old-stop");
    expect(run.world.failures).toEqual([]);
  });
});

describe("hosts that answer their health path with a server error after a while", () => {
  it.each([500, 503])(
    "are brought onto the release, whatever probe of the balancer's is under way (%d)",
    async (health) => {
      const old = testRelease(evidence, 1).id;
      const sick = <Seen extends Pick<Survey, "health">>(seen: Seen): Seen =>
        seen.health === 503 ? { ...seen, health, connections: 1 } : seen;
      const run = await simulate({
        manifest: evidence,
        behaviourOf: ({ id }) => (id === old ? { startMs: 500, kind: "sick" } : healthy),
        ...{ seen: sick, heard: sick },
      });
      expect(run.receipt.error).toBeNull();
      expect(actions(run)).toEqual(["deployed", "deployed", "deployed"]);
    },
  );
});

describe("hosts that nothing shows to serve, although they do", () => {
  const unseen = { blind: all, witnessReachable: false } as const;
  const seen = <Seen>(survey: Seen): Seen => mute({ ...survey, connections: null });

  it("are stopped one at a time: the first one that fails ends the rollout, and the others were not touched", async () => {
    const run = await simulate({ manifest: evidence, ...unseen, seen, heard: mute });
    expect(run.world.broken).toEqual([]);
    expect(begun(run).filter((step) => step === "old-stop")).toHaveLength(1);
    // The new container is ready at its own address; whether the front leads there, nobody tells.
    expect(run.receipt).toMatchObject({ exitCode: 5, error: { code: "InstanceChanged" } });
    expect(actions(run)).toEqual(["restored", "untouched", "untouched"]);
  });
});

describe("hosts that are down", () => {
  const two = testManifest({ hosts: 5, rollout: { ...policy, maxUnavailable: 2 } });
  const sick = (release: Release): Behaviour =>
    release.image === testImage(3) ? { startMs: 0, kind: "sick" } : healthy;

  it("are brought back as many at once as may be unavailable, after those without a container, and before the others", async () => {
    const old = [3, 3, 3, 1, null];
    const seeds = new Map(
      two.hosts.map(({ name }, index) => [name, old[index] ? testRelease(two, old[index]) : null] as const),
    );
    const run = await simulate({ manifest: two, seeds, behaviourOf: sick });
    expect(run.receipt.error).toBeNull();
    expect(actions(run)).toEqual(["deployed", "deployed", "deployed", "replaced", "deployed"]);
    // The simulation's balancer takes them for up at first, and counts them among those that leave.
    expect(run.world.broken.filter((what) => what.includes("stopped at once"))).toEqual([]);
    const started = run.world.events.flatMap((event) =>
      event.name === "hostStatus" && event.data.status === "starting" ? [event.host] : [],
    );
    expect(started).toEqual(["api-5", "api-1", "api-2", "api-3", "api-4"]);
  });
});

describe("a host that looked down when the rollout was planned, and serves after all", () => {
  const two = testManifest({ rollout: policy });
  const planned = ({ world }: SimRun): number => world.events.filter(({ name }) => name === "plannedAnew").length;

  it("is looked at again, and replaced with a drain like any other", async () => {
    let plans = 0;
    const run = await simulate({
      manifest: two,
      onEvent: ({ name }) => (plans += name === "planned" ? 1 : 0),
      seen: (survey, host) =>
        plans === 0 && host === "api-1" ? { ...survey, health: null, traffic: null, connections: null } : survey,
    });
    expect(run.receipt.error).toBeNull();
    expect(actions(run)).toEqual(["replaced", "replaced"]);
    expect(planned(run)).toBe(1);
    expect(run.world.failures).toEqual([]);
    expect(run.world.broken).toEqual([]);
  });

  it("is kept where it runs the release already, and a reboot brings it back, which it did not before", async () => {
    let plans = 0;
    const run = await simulate({
      manifest: two,
      seeds: new Map(two.hosts.map(({ name }, index) => [name, testRelease(two, index === 1 ? 2 : 1)])),
      // A steward that died before its commit left it so.
      before: (world) => world.machine("api-2").perform({ do: "stay-down", slot: "current" }, ""),
      onEvent: ({ name }) => (plans += name === "planned" ? 1 : 0),
      seen: (survey, host) =>
        plans === 0 && host === "api-2" ? { ...survey, health: null, traffic: null, connections: null } : survey,
    });
    expect(run.receipt.error).toBeNull();
    expect(planned(run)).toBe(1);
    expect(actions(run)).toEqual(["replaced", "kept"]);
    expect(run.world.machine("api-2").restartPolicy("current")).toBe("always");
    expect(run.world.failures).toEqual([]);
    expect(run.world.broken).toEqual([]);
  });

  it("also where only the steward's own look finds it, right before the stop", async () => {
    let lies = true;
    const run = await simulate({
      manifest: two,
      onEvent: (event) => (lies &&= !(event.name === "step" && event.data.step === "expect-down")),
      seen: (survey, host) =>
        lies && host === "api-1" ? mute({ ...survey, health: null, connections: null }) : survey,
      heard: (observation, host) => (lies && host === "api-1" ? mute({ ...observation, health: null }) : observation),
    });
    expect(run.receipt.error).toBeNull();
    expect(actions(run)).toEqual(["replaced", "replaced"]);
    expect(planned(run)).toBe(1);
    expect(run.world.failures).toEqual([]);
    expect(run.world.broken).toEqual([]);
  });

  it("is planned anew once: what looks down again and again is refused with 3, and no container was stopped", async () => {
    const run = await simulate({
      manifest: two,
      seen: (survey, host) => (host === "api-1" ? mute({ ...survey, health: null, connections: null }) : survey),
      heard: (observation, host) => (host === "api-1" ? mute({ ...observation, health: null }) : observation),
    });
    expect(run.receipt).toMatchObject({ exitCode: 3, error: { code: "DownContradicted" } });
    expect(actions(run)).toEqual(["untouched", "untouched"]);
    expect(planned(run)).toBe(1);
    expect(begun(run)).not.toContain("old-stop");
  });

  it.each<[string, string, RegExp]>([
    ["right before the stop", "expect-down", /it was answered with a status from 200 to 399/u],
    ["just before the order", "steps", /it was answered 200/u],
    ["draining just before the order", "drain", /it drains/u],
  ])(
    "where another host was changed before: 6, with the URL, what came of both looks (%s), and what to do",
    async (_when, how, answer) => {
      const fleet = evidence;
      const run = await simulate({
        manifest: fleet,
        seeds: new Map(fleet.hosts.map(({ name }, index) => [name, index === 1 ? null : testRelease(fleet, 1)])),
        seen: (survey, host) =>
          host === "api-1"
            ? { ...survey, health: null, healthError: REFUSED, traffic: null, connections: null }
            : survey,
        heard: (observation, host) => {
          if (host !== "api-1") return observation;
          if (how === "steps") return mute({ ...observation, health: 200 });
          const traffic = observation.traffic && { ...observation.traffic, state: "draining" as const };
          return { ...observation, health: null, traffic: how === "drain" ? traffic : null };
        },
      });
      expect(run.receipt).toMatchObject({ exitCode: 6, error: { code: "DownContradicted" } });
      expect(actions(run)).toEqual(["untouched", "deployed", "untouched"]);
      const { message = "" } = run.receipt.error ?? {};
      expect(message).toContain(
        `api-1 was taken for down, as its own look at http://10.110.0.2:8086/health got no answer`,
      );
      expect(message).toContain(REFUSED);
      expect(message).toMatch(answer);
      expect(message).toMatch(/its container was not stopped\. Look at .*, then run the rollout again$/u);
      const anew = run.world.events.flatMap((event) => (event.name === "plannedAnew" ? [event.data.why] : []));
      // What to do is only for whoever finds that the rollout has ended with it.
      expect(anew).toEqual([message.slice(0, message.indexOf(". Look at"))]);
      expect(run.world.failures).toEqual([]);
    },
  );
});

describe("a host that serves after all when the others are done", () => {
  const why = (run: SimRun): string[] =>
    run.world.events.flatMap((event) => (event.name === "plannedAnew" ? [messageOf(event)] : []));
  const asDown = (survey: Survey): Survey => ({ ...survey, health: null, traffic: null, connections: null });

  it("is retired with a drain, where it is superseded", async () => {
    const two = testManifest({ rollout: policy });
    const host = { name: "old", id: "7", address: "198.51.100.7", privateAddress: "10.110.1.7" };
    let [lies, entered] = [true, 0];
    const run = await simulate({
      manifest: two,
      superseded: [{ host, release: testRelease(two, 1) }],
      onEvent: ({ name }, { clock }) => {
        // By then it was looked at for the last time, and is about to be stopped.
        if (name === "readmitted" && (entered += 1) === 2) clock.after(12_000, () => (lies = false));
      },
      seen: (survey, name) => (lies && name.startsWith("old") ? asDown(survey) : survey),
    });
    expect(run.receipt.error).toBeNull();
    expect(actions(run)).toEqual(["replaced", "replaced", "retired"]);
    expect(why(run)).toEqual([
      expect.stringMatching(/^old\S* was taken for down.*: looks again, and goes on by what it sees then$/u),
    ]);
    expect(run.world.failures).toEqual([]);
    expect(run.world.broken).toEqual([]);
  });

  it("goes back with the others by onFailure", async () => {
    const fleet = testManifest({ hosts: 3, rollout: { ...policy, onFailure: "rollback" } });
    let [goesBack, anew, laid] = [false, 0, 0];
    const run = await simulate({
      manifest: fleet,
      parts: {
        ...standardParts,
        turn: (hosts) => [...hosts],
        steps: (context) => {
          const plan = standardParts.steps(context);
          if ((laid += 1) !== 2) return plan;
          const impossible = { name: "impossible", run: { do: "start", slot: "failed" } } as const;
          return { ...plan, stages: { ...plan.stages, replace: [...plan.stages.replace, impossible] } };
        },
      },
      onEvent: ({ name }) => {
        goesBack ||= name === "rollingBack";
        if (name === "plannedAnew") anew += 1;
      },
      seen: (survey, host) => (goesBack && anew === 0 && host === "api-1" ? asDown(survey) : survey),
    });
    expect(run.receipt).toMatchObject({ exitCode: 5, error: { code: "StepFailed" } });
    expect(run.world.events.filter(({ name }) => name === "notRolledBack")).toEqual([]);
    expect(actions(run)).toEqual(["rolled-back", "restored", "untouched"]);
    expect(why(run)).toHaveLength(1);
    expect(run.world.failures).toEqual([]);
    expect(run.world.broken).toEqual([]);
  });
});

describe("a host that serves after all, beside one that fails in the same batch", () => {
  it("does not have that one tried again: its failure ends the rollout", async () => {
    const two = testManifest({ hosts: 5, rollout: { ...policy, maxUnavailable: 2 } });
    const down = ["api-1", "api-2"];
    let orders = 0;
    const run = await simulate({
      manifest: two,
      parts: {
        ...standardParts,
        steps: (context) => {
          const plan = standardParts.steps(context);
          if (context.standing !== "down" || (orders += 1) !== 2) return plan;
          const impossible = { name: "impossible", run: { do: "start", slot: "failed" } } as const;
          return { ...plan, stages: { ...plan.stages, replace: [...plan.stages.replace, impossible] } };
        },
      },
      behaviourOf: (release) => (release.image === testImage(3) ? { startMs: 0, kind: "sick" } : healthy),
      seeds: new Map(two.hosts.map(({ name }) => [name, testRelease(two, name === "api-2" ? 3 : 1)])),
      seen: (survey, host) => (down.includes(host) ? mute({ ...survey, health: null, connections: null }) : survey),
      heard: (observation, host) => (down.includes(host) ? mute(observation) : observation),
    });
    expect(run.receipt).toMatchObject({ exitCode: 5, error: { code: "StepFailed" } });
    expect(actions(run)).toEqual(["untouched", "restored", "untouched", "untouched", "untouched"]);
    expect(run.world.events.filter(({ name }) => name === "plannedAnew")).toEqual([]);
    expect(begun(run).filter((step) => step === "impossible")).toHaveLength(1);
  });
});

describe("something else that has the service port", () => {
  const two = testManifest({ rollout: policy });
  it.each<[string, { health: number | null; healthError: string | null }]>([
    ["answers 404", { health: 404, healthError: null }],
    ["speaks no HTTP", { health: null, healthError: "curl: (52) Empty reply from server" }],
    ["takes connections and answers nothing", { health: null, healthError: "curl: (28) Operation timed out" }],
  ])("is refused before anything changes, when it %s: exit 3", async (_name, answer) => {
    const run = await simulate({
      manifest: two,
      seeds: new Map(two.hosts.map(({ name }, index) => [name, index === 0 ? null : testRelease(two, 1)])),
      seen: (survey, host) => (host === "api-1" ? { ...survey, ...answer, answered: [80] } : survey),
    });
    expect(run.receipt).toMatchObject({ exitCode: 3, error: { code: "HostUnfit" } });
    expect(run.receipt.error?.message).toMatch(/^api-1: port 80 is taken, but not by the container api; .*ss -ltnp/u);
    expect(begun(run)).toEqual([]);
    expect(run.world.failures).toEqual([]);
  });
});
