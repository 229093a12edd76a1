/** The pre-deploy command: once for each release, before any host changes. */
import type { Slot } from "../../../contract/host.js";
import { environmentNames } from "../../../contract/manifest.js";
import { PRE_DEPLOY_SECONDS, type PreDeploy } from "../../../contract/policy.js";
import type { Release } from "../../../contract/release.js";
import { emit, membersNamed, observe, pause, secondsSince, surveysOf, type Context, type Member } from "../context.js";
import { RolloutError } from "../core/errors.js";
import { hasEnded, hasPassed, preDeployTurn, preDeployUnderWay, type PreDeployTurn } from "../core/pre-deploy.js";
import type { ContainerState } from "../ports.js";
import { showFailedLog } from "./failed-log.js";
import { lookAt } from "./doubt.js";

/** Between two looks at the command. */
const LOOK_MS = 1000;

/**
 * Waits for what an earlier rollout has begun, whatever this one is about: it must not meet the release of this one, nor be ended together with its droplet.
 * @throws RolloutError PreDeployFailed when it does not end, Interrupted, RolloutTimeout; no host has changed
 */
export async function awaitPreDeploy(context: Context): Promise<void> {
  const limit = context.manifest.rollout.preDeploy?.timeoutSeconds ?? PRE_DEPLOY_SECONDS;
  for (;;) {
    const underWay = preDeployUnderWay(surveysOf(context.members));
    if (underWay === null) return;
    const [host] = membersNamed(context, [underWay.host]);
    if (!host) throw new Error(`${underWay.host} is no member`);
    emit(context, "preDeployAwaited", { release: underWay.release ?? "unknown", image: underWay.image }, host);
    await awaitEnd(context, host, limit, context.ports.clock.now());
  }
}

/**
 * Runs the command in a container of the new release on `host`, and waits for its end. It outlives this run: told to stop, or when its connection breaks for
 * good, the rollout ends and the command does not; the next rollout waits for it.
 * @throws RolloutError PreDeployFailed, StewardLost, Interrupted, RolloutTimeout; no host has changed
 */
export async function runPreDeploy(context: Context, host: Member): Promise<void> {
  const { preDeploy } = context.manifest.rollout;
  const { release } = context;
  if (!preDeploy || !release || context.goesBack) return;
  const began = context.ports.clock.now();
  const turn = preDeployTurn(surveysOf(context.members), release.id);
  const why = reasonToSkip(context, turn);
  if (why !== null) {
    emit(context, "preDeploySkipped", { why });
    return;
  }
  if (turn.do === "run" && turn.doubtful !== null) emit(context, "preDeployDoubtful", { on: turn.doubtful });
  emit(context, "preDeployStarted", { command: preDeploy.command }, host);
  await start(context, host, preDeploy, release);
  const ended = await awaitEnd(context, host, preDeploy.timeoutSeconds, began);
  if (!hasPassed(ended)) await fail(context, host, whyNotPassed(ended));
  emit(context, "preDeployPassed", { seconds: secondsSince(context, began) }, host);
}

const whyNotPassed = ({ exitCode, endedBeforeBoot }: ContainerState): string =>
  `it ended with exit code ${exitCode}${endedBeforeBoot ? " when the droplet was shut down" : ""}`;

function reasonToSkip({ request }: Context, turn: PreDeployTurn): string | null {
  if (request.skipPreDeploy) return `${environmentNames.preDeploy} is "skip"`;
  return turn.do === "nothing" ? turn.why : null;
}

async function start(context: Context, host: Member, preDeploy: PreDeploy, release: Release): Promise<void> {
  try {
    await host.host.startPreDeploy(release, preDeploy);
  } catch (error) {
    if (!(error instanceof RolloutError) || error.code !== "HostCommandFailed") throw error;
    await fail(context, host, `it could not be started (${error.message})`);
  }
}

async function awaitEnd(
  context: Context,
  member: Member,
  timeoutSeconds: number,
  sinceMs: number,
): Promise<ContainerState> {
  const deadline = sinceMs + timeoutSeconds * 1000;
  for (;;) {
    await observe(context, member);
    const survey = await lookAt(context, member);
    const container = survey.containers["pre-deploy"];
    // Docker that does not answer tells nothing.
    if (survey.dockerAnswers && !container) return fail(context, member, "its container is gone");
    if (container && hasEnded(container)) return container;
    if (context.ports.clock.now() >= deadline) {
      await member.host.stopPreDeploy(context.manifest.service.stopTimeoutSeconds);
      const { failed } = (await lookAt(context, member)).containers;
      // Beside one that clients were led away from, and that still runs, its log is not kept.
      const slot = failed?.running === true ? null : "failed";
      const why = `it did not end within ${timeoutSeconds} s (preDeploy.timeoutSeconds) and was stopped`;
      return fail(context, member, why, slot);
    }
    await pause(context, LOOK_MS);
  }
}

async function fail(context: Context, member: Member, why: string, slot: Slot | null = "pre-deploy"): Promise<never> {
  if (slot !== null) await showFailedLog(context, member, slot);
  const { fleet } = context.manifest;
  throw new RolloutError(
    "PreDeployFailed",
    `${member.info.name}: the pre-deploy command failed: ${why}; ${fleet} goes on as before. See what it has done already, then run the rollout again`,
  );
}
