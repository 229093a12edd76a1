import { afterEach, describe, expect, test } from "@jest/globals";
import { RealClock } from "../../../lab/scale/clock.js";
import { SimHost } from "../../../lab/scale/host.js";
import { manifestOf, releaseNumber, standardSettings } from "../../../lab/scale/settings.js";
import { SimMachine } from "../../../lab/sim/machine.js";
import { frontPorts, type ManifestHost } from "../../../contract/manifest.js";
import * as commands from "../../../scripts/rollout/commands/host.js";
import * as look from "../../../scripts/rollout/commands/look.js";
import { engine, environmentOf, placeOf, stages } from "../../../scripts/rollout/commands/steward.js";
import { hostSteps } from "../../../scripts/rollout/host-steps.js";
import { partsOf, sent } from "./support.js";

const manifest = manifestOf(2, standardSettings);
const info = manifest.hosts[0] as ManifestHost;
const place = placeOf(manifest, info);
const { fleet } = place;
const old = releaseNumber(1, manifest);
const next = releaseNumber(2, manifest);
const plan = hostSteps({
  release: next,
  policy: manifest.rollout,
  check: manifest.healthCheck,
  standing: "in-rotation",
  goesBack: false,
  isWarm: false,
  letsGo: false,
});

let clock: RealClock;
afterEach(() => clock.stop());

function newHost(): SimHost {
  clock = new RealClock();
  const machine = new SimMachine(
    "api-1",
    true,
    frontPorts(manifest, info),
    manifest.healthCheck.responseTimeoutSeconds * 1000,
    clock,
    () => ({ startMs: 0, kind: "healthy" }),
    {
      removed: () => undefined,
      stopped: () => undefined,
    },
  );
  machine.seed(old);
  return new SimHost(machine, manifest, place, clock);
}

const give = (host: SimHost, script: string, input = ""): Promise<string> => host.answer(sent(script, input));
function write(host: SimHost, path: string, text: string): Promise<string> {
  const { script, input } = commands.writeFile(fleet, path, text);
  return give(host, path.includes("/order.") ? script : commands.whileLocked(fleet, "0a", script), input);
}
function lock(host: SimHost, runId = "0a"): Promise<string> {
  const request = { runId, owner: "me@here", leaseSeconds: 120 };
  const { script, input } = commands.startSteward(fleet, request, engine(fleet));
  return give(host, script, input);
}
async function release(host: SimHost): Promise<void> {
  await write(host, `releases/${next.id}.env`, environmentOf(next, {}));
  await write(host, `releases/${next.id}.json`, `${JSON.stringify(next)}\n`);
}

describe("a simulated host", () => {
  test("shows a survey that the rollout can read", async () => {
    const survey = look.parseSurvey(partsOf(await give(newHost(), look.survey(place))), fleet);
    expect(survey).toMatchObject({ boot: "done", dockerAnswers: true, releases: [old], retired: false });
    expect(survey.containers.current).toMatchObject({ release: old.id, running: true, restartCount: 0 });
    expect(survey.containers.previous).toBeUndefined();
    const { services, checks, containerPort: port } = place;
    expect(survey.front).toEqual({ services, checks, target: expect.any(String), port, state: "open" });
  });

  test("takes a lock once, however often it is asked", async () => {
    const host = newHost();
    await lock(host);
    await lock(host);
    const { journal, stewardAlive } = look.parseObservation(partsOf(await give(host, look.observe(place, "0a", 1))));
    expect([journal.map((entry) => entry.state), stewardAlive]).toEqual([["held"], true]);
  });

  test("counts its commands by kind", async () => {
    const host = newHost();
    await lock(host);
    await give(host, look.observe(place, "0a", 1));
    await give(host, look.observe(place, "0a", 2));
    expect(host.commands).toMatchObject({ survey: 0, steward: 1, observe: 2 });
  });

  test("waits for the end of an order, and no longer than it is told to", async () => {
    const host = newHost();
    await lock(host);
    const follow = async (sequence: number, seconds: number): Promise<string[]> => {
      const answer = await give(host, look.follow(fleet, "0a", 1, sequence, seconds));
      return look.parseFollowed(partsOf(answer)).journal.map(({ state, detail }) => `${state} ${detail}`);
    };
    expect(await follow(0, 1)).toEqual(["held me@here"]);
    expect(await follow(1, 0)).toEqual(["held me@here"]);
    await write(host, "runs/0a/order.1", "undo \n");
    expect(await follow(1, 5)).toEqual(["held me@here", "undone all", "done undo"]);
    expect(host.commands).toMatchObject({ observe: 0, follow: 3 });
  });

  test("takes the steps that the rollout lays out, and an order given twice once", async () => {
    const host = newHost();
    await lock(host);
    await release(host);
    await write(host, "runs/0a/stages.sh", stages(place, plan));
    await write(host, "runs/0a/order.1", "drain \n");
    await write(host, "runs/0a/order.1", "drain \n");
    await expect(write(host, "runs/0a/order.3", "leave \n")).rejects.toThrow("order.3 as order number 2");
  });
});

describe("refused is", () => {
  test("a second rollout while the first holds the lock", async () => {
    const host = newHost();
    await lock(host);
    await expect(lock(host, "0b")).rejects.toThrow("one rollout at a time");
  });

  test("whatever needs a lock that is not held", async () => {
    const host = newHost();
    await expect(give(host, look.observe(place, "0a", 1))).rejects.toThrow("not locked by the rollout 0a");
    await expect(write(host, "runs/0a/order.1", "drain \n")).rejects.toThrow("not locked by the rollout 0a");
    await expect(release(host)).rejects.toThrow("not locked by the rollout 0a");
  });

  test("a file that asks for no lock", async () => {
    const host = newHost();
    await lock(host);
    const { script, input } = commands.writeFile(fleet, "history.json", "{}");
    await expect(give(host, script, input)).rejects.toThrow("asks for no lock: history.json");
  });

  test("a list of steps that host-steps.ts does not lay out", async () => {
    const host = newHost();
    await lock(host);
    await release(host);
    await expect(write(host, "runs/0a/stages.sh", "stage_drain() {\n:\n}\n")).rejects.toThrow("does not lay out");
  });

  test("an order without steps", async () => {
    const host = newHost();
    await lock(host);
    await expect(write(host, "runs/0a/order.1", "drain \n")).rejects.toThrow("no steps for");
    await expect(write(host, "runs/0a/order.1", "explode \n")).rejects.toThrow("no steps for");
  });

  test("a release whose files do not belong together", async () => {
    const host = newHost();
    await lock(host);
    await write(host, `releases/${next.id}.env`, environmentOf(old, {}));
    await expect(write(host, `releases/${next.id}.json`, JSON.stringify(next))).rejects.toThrow(
      "do not belong together",
    );
  });

  test("a file that no rollout writes", async () => {
    const host = newHost();
    await lock(host);
    await expect(write(host, "retired", "yes")).rejects.toThrow("no rollout writes");
  });
});
