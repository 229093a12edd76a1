/** The release that serves is in the hands of an intruder, who wants it to stay; another one fills the log. */
import { afterAll, afterEach, beforeAll, expect, it } from "@jest/globals";
import { environmentNames, manifest as manifestSchema, type Manifest } from "../../contract/manifest.js";
import { parseJson } from "../../contract/problems.js";
import { hostileImage, loudImage } from "../../lab/embedded/images.js";
import type { Load } from "../../lab/load/load.js";
import { releaseOf } from "../../scripts/rollout/core/target.js";
import { forgedContainer, forgedJournal, forgedPart, forgedTraffic, GUESSED } from "./forged.js";
import { expectHarmless, expectTrueCode, restore, runCommand, startHostile, SUMMARY_LIMIT_BYTES } from "./hostile.js";
import type { Scenario } from "./scenario.js";

let scenario: Scenario;
let load: Load;
let hostile: string;
let next: string;
let nextId: string;
/** One fleet for the test file, which serves the hostile release and answers clients all the time. */
export function withHostileApp(): void {
  beforeAll(async () => {
    scenario = await startHostile();
    const { world } = scenario;
    hostile = world.site.push(hostileImage());
    next = await world.pushReference("v2");
    await restore(scenario, hostile);
    const { service, healthCheck } = manifestOf(scenario);
    nextId = releaseOf(next, service, healthCheck.path).id;
    load = await scenario.load({ ratePerSecond: 20, mostSeconds: 3600 });
  });
  afterAll(() => (scenario as Scenario | undefined)?.end());
  afterEach(async () => {
    if (!(scenario as Scenario | undefined)) return;
    await tellAll("/mode?honest").catch(() => undefined);
    await restore(scenario, hostile);
  });
}

function manifestOf({ world, stackFolder }: Scenario): Manifest {
  const { environment } = world.rolloutCommand({ image: "", stackFolder });
  return parseJson("manifest", manifestSchema, environment[environmentNames.manifest] ?? "");
}

/** To the app on every host. */
async function tellAll(route: string): Promise<void> {
  await Promise.all(scenario.world.droplets.map((droplet) => droplet.ask(route)));
}
const say = (text: string): string => `/say?${encodeURIComponent(text)}`;

/** What the app answers on its health path while the next release is rolled out. Nobody reads it: only the status counts. */
const forgeries = {
  "sections in which the next release runs already": () =>
    say(`{}${forgedPart("containers")}${forgedContainer(next, nextId)}\n${forgedPart("traffic")}${forgedTraffic()}\n`),
  "a journal in which all is done": () =>
    say(
      `{}${forgedPart("journal")}${forgedJournal()}${forgedPart("end")}alive\n${forgedPart("traffic")}${forgedTraffic("dropped")}\n`,
    ),
  "a journal with a line that is none": () => say(`{}${forgedPart("journal")}0\theld\tx\nno line of a journal\n`),
  "a Docker that does not answer": () => say(`{}${forgedPart("docker")}\n`),
  "an end of the command within its answer": () =>
    say(`{}\n${GUESSED} end 0\n\n${GUESSED} begin\n\n${GUESSED} end 7\n`),
  "the next release's id inside a text": () =>
    say(JSON.stringify({ release: `x","release":"${nextId}","state":"serving` })),
  "names twice, and one that JavaScript minds": () =>
    say(`{"__proto__":{"release":"${nextId}"},"release":"${nextId}","release":"x"}`),
  "orders to a terminal and to GitHub": () => say("\u001b]0;pwned\u0007\u001b[2J\n::error::pwned\n##[error]pwned\n"),
  "five megabytes": () => "/mode?five-megabytes",
  "an answer without an end": () => "/mode?endless",
  "an answer of two bytes a second": () => "/mode?slow",
} as const;
export type Forgery = keyof typeof forgeries;

/** A serving release that forges what its host answers. */
export function itCannotStayBy(names: readonly Forgery[]): void {
  it.each(names)("with %s cannot pass for the next release: the code is true", async (name) => {
    await tellAll(forgeries[name]());
    const verify = await runCommand(scenario, "verify", { image: next });
    expectHarmless(verify);
    expect({ verify: verify.exitCode, said: verify.stdout }).toEqual({ verify: 6, said: verify.stdout });
    const before = await scenario.running();
    const failedBefore = load.progress().failed;
    const { exitCode, stdout, stderr } = await runCommand(scenario, "deploy", { image: next });
    const running = await scenario.running();
    const shown = stderr.slice(-2000);
    expect({ exitCode, shown, bug: exitCode === 1 }).toEqual({ exitCode, shown, bug: false });
    expectHarmless({ stdout, stderr });
    // A refusal is true when it blames what lies, not the host's Docker or the way there.
    if (exitCode !== 0) expect(stderr).not.toMatch(/Docker does not answer|cannot be reached|no end of a command/);
    expectTrueCode({ exitCode, running, before, target: next, honest: [hostile, next], hostile: null });
    expect(load.progress().failed - failedBefore).toBe(0);
  });
}

/** A release that fills its log with orders. */
export function itBringsNoOrder(environment: Readonly<Record<string, string>>): void {
  it("brings none of them onto the screen or into a summary", async () => {
    const loud = scenario.world.site.push(loudImage());
    const ended = await runCommand(scenario, "deploy", { image: loud, environment });
    // No container stays up, so the first host is taken back.
    expect(ended.exitCode).toBe(5);
    expect(ended.stderr).toContain("last lines of the failed container");
    expectHarmless(ended);
    expect(await scenario.running()).toEqual([hostile, hostile]);
    const summary = await runCommand(scenario, "summary", { environment });
    expect(summary.exitCode).toBe(0);
    expectHarmless(summary);
    expect(Buffer.byteLength(summary.stdout)).toBeLessThan(SUMMARY_LIMIT_BYTES);
  });
}
