/** Chooses the release, brings its image onto every host, and tries it once before any host leaves rotation. */
import type { Service } from "../../../contract/policy.js";
import { pinnedImage } from "../../../contract/release.js";
import type { SecretValues } from "../../../contract/secrets.js";
import {
  emit,
  heedingStop,
  isAlone,
  listed,
  secondsSince,
  setStatus,
  superseded,
  surveyOf,
  surveysOf,
  type Context,
  type Member,
} from "../context.js";
import { RolloutError } from "../core/errors.js";
import { imageToKeep, mayGetRequests, releaseBefore, releaseOf } from "../core/target.js";
import type { HostPlan, Standing } from "../host-steps.js";
import { perform } from "../orders.js";
import { settled } from "../settled.js";
import { learn, settleDoubt } from "./doubt.js";
import { showFailedLog } from "./failed-log.js";
import { checkAnswers, checkDocker } from "./preflight.js";

/** Memory that the smoke boot wants free where the service has no limit of its own. */
const SMOKE_MEMORY_MB = 128;
const DOCKER_ARCHITECTURES = ["amd64", "x86_64"];
const DIGITALOCEAN_REGISTRY = "registry.digitalocean.com/";

/** What the fleet is brought onto, as far as it is known before any image is pulled. */
export interface Goal {
  readonly image: string;
  /** Settings that are not the manifest's: those of a release that is gone back to. */
  readonly service: Service;
  readonly secretsFingerprint: string | null;
  /** Releases that are gone back to, and from; null when an image is deployed. */
  readonly back: { readonly to: string; readonly from: string } | null;
}

/**
 * Null when there is nothing to roll out.
 * @throws RolloutError ReleasesDiffer, NoRelease, NothingBefore
 */
export function goalOf(context: Context): Goal | null {
  const { wanted, manifest, secrets } = context.request;
  if (wanted.do === "rollback") {
    const { release, from } = releaseBefore(surveysOf(listed(context)));
    // What runs now may need longer to stop than what ran before.
    const stopTimeoutSeconds = Math.max(release.service.stopTimeoutSeconds, manifest.service.stopTimeoutSeconds);
    return {
      image: release.image,
      service: { ...release.service, stopTimeoutSeconds },
      secretsFingerprint: release.secretsFingerprint,
      back: { to: release.id, from },
    };
  }
  const image = wanted.image || imageKept(context);
  if (image === null) return null;
  return { image, service: manifest.service, secretsFingerprint: secrets?.fingerprint ?? null, back: null };
}

/** @throws RolloutError ReleasesDiffer, NoRelease */
function imageKept(context: Context): string | null {
  const unknown = superseded(context).find((member) => member.survey === null);
  const image = imageToKeep(surveysOf(context.members));
  // Terraform deletes superseded droplets once the rollout ends well: it must not end well on a guess.
  if (image === null && unknown) {
    throw new RolloutError(
      "NoRelease",
      `no image was given, no listed host runs one, and ${unknown.info.name}, which is to be deleted, cannot be asked what it serves; name the image by digest`,
    );
  }
  return image;
}

/**
 * Pulls on all listed hosts in parallel. A tag is resolved on the first one, so that all get the same digest.
 * @throws RolloutError PullFailed, DigestsDiffer, HostUnfit
 */
export async function pullEverywhere(context: Context, { image, service, secretsFingerprint }: Goal): Promise<void> {
  const began = context.ports.clock.now();
  const members = listed(context);
  const login = await registryLogin(context, image).catch((error: unknown) => {
    // To go back needs no registry: where the image is gone, the pull says so.
    if (context.goesBack && error instanceof RolloutError) return null;
    throw error;
  });
  const pinned = pinnedImage.safeParse(image).success
    ? image
    : await heedingStop(context, () => pull(context, members[0], image, login));
  const digests = await heedingStop(context, () =>
    settled(members.map((member) => pull(context, member, pinned, login))),
  );
  if (digests.some((digest) => digest !== pinned)) {
    throw new RolloutError(
      "DigestsDiffer",
      `${pinned} arrived as ${[...new Set(digests)].join(" and ")}; push the image again`,
    );
  }
  const { path, nextPath } = context.manifest.healthCheck;
  context.release = releaseOf(pinned, service, path, { nextHealthPath: nextPath, secretsFingerprint });
  emit(context, "releaseChosen", { release: context.release.id, image: pinned });
  emit(context, "pulled", { seconds: secondsSince(context, began) });
}

/**
 * Docker configuration for the pull. DigitalOcean's registry gives a short-lived, read-only login where its API is asked; else, and
 * for any other, it is the operator's.
 */
async function registryLogin({ ports, request }: Context, image: string): Promise<string | null> {
  if (ports.cloud && image.startsWith(DIGITALOCEAN_REGISTRY)) {
    const registry = image.slice(DIGITALOCEAN_REGISTRY.length).split("/")[0] ?? "";
    return ports.cloud.registryLogin(registry);
  }
  if (!request.registryLogin) return null;
  const { user, password } = request.registryLogin;
  const auth = Buffer.from(`${user}:${password}`).toString("base64");
  return JSON.stringify({ auths: { [image.split("/")[0] ?? ""]: { auth } } });
}

async function pull(
  context: Context,
  member: Member | undefined,
  image: string,
  login: string | null,
): Promise<string> {
  if (!member) throw new Error("a fleet has at least one host");
  const result = await member.host.pull(image, login, context.manifest.rollout.pullTimeoutSeconds);
  if (result.type === "failed")
    throw new RolloutError("PullFailed", `${member.info.name}: ${image} could not be pulled: ${result.reason}`);
  if (!DOCKER_ARCHITECTURES.includes(result.architecture)) {
    throw new RolloutError(
      "HostUnfit",
      `${image} is built for ${result.architecture}; build it for amd64 (docker build --platform linux/amd64)`,
    );
  }
  return result.image;
}

/** Whether nothing runs anywhere that could be kept, and no image is given: then hosts are not even locked. */
export function isInfrastructureOnly({ request, members }: Context): boolean {
  const { wanted, waitSeconds } = request;
  if (wanted.do !== "deploy" || wanted.image || waitSeconds > 0) return false;
  return members.every(({ survey }) => survey !== null && survey.containers.current?.running !== true);
}

/**
 * The goal once nobody else can change the fleet: what is kept is what serves now, after any rollout that was waited for.
 * @param seen the goal as it was before; only of going back, which is not to lead elsewhere than whoever wanted it saw
 * @throws RolloutError ReleasesDiffer, NoRelease, NothingBefore, FleetChanged
 */
export async function goalUnderLocks(context: Context, seen: Goal | null): Promise<Goal | null> {
  const { wanted } = context.request;
  if (wanted.do === "deploy" && wanted.image) return goalOf(context);
  await lookAgain(context, lockedOf(context));
  const goal = goalOf(context);
  if (seen?.back && goal?.back?.to !== seen.back.to) {
    throw new RolloutError(
      "FleetChanged",
      `the release before is no longer ${seen.back.to}, as another rollout has ended meanwhile; look at the fleet's status, then decide anew`,
    );
  }
  if (goal?.back) emit(context, "goingBack", { release: goal.back.to, from: goal.back.from });
  return goal;
}

const lockedOf = ({ members }: Context): Member[] => members.filter(({ locked }) => locked);

/** @throws RolloutError HostUnfit */
async function lookAgain(context: Context, locked: readonly Member[]): Promise<void> {
  await settled(locked.map(async (member) => learn(member, await member.host.survey(true))));
  await settleDoubt(context, locked);
  for (const member of locked) checkDocker(member);
}

/**
 * Hands hosts their steps, laid out from what they look like now that they are locked.
 * @throws RolloutError HostUnfit, SecretsMissing
 */
export async function prepare(context: Context, members: readonly Member[] = lockedOf(context)): Promise<void> {
  await lookAgain(context, members);
  for (const member of members) if (!member.superseded) checkAnswers(context, member);
  await checkMounts(context, members);
  const given = members.map((member) => ({ member, secrets: secretsFor(context, member) }));
  await settled(given.map(({ member, secrets }) => member.host.prepare(stepsFor(context, member), secrets)));
}

/**
 * Those of whoever deploys, where they are those of the release; null where the host has its files already. A release that is gone back to
 * may have had others.
 * @throws RolloutError SecretsMissing
 */
function secretsFor({ release, request }: Context, { info, superseded, survey }: Member): SecretValues | null {
  if (!release || superseded || release.secretsFingerprint === null) return {};
  if (request.secrets?.fingerprint === release.secretsFingerprint) return request.secrets.values;
  if (survey?.releases.some(({ id }) => id === release.id)) return null;
  throw new RolloutError(
    "SecretsMissing",
    `${info.name}: release ${release.id} had other secrets than those that are set here, and that host does not keep them (another health path since then makes it another release, too); set those secrets here, or deploy its image with the secrets of today`,
  );
}

/** @throws RolloutError HostUnfit */
async function checkMounts({ release }: Context, members: readonly Member[]): Promise<void> {
  if (!release) return;
  await settled(
    members.map(async ({ info, host, superseded }) => {
      const missing = superseded ? [] : await host.missingMounts(release);
      if (missing.length === 0) return;
      throw new RolloutError(
        "HostUnfit",
        `${info.name}: ${missing.join(", ")} ${missing.length === 1 ? "is" : "are"} not there, as service.mounts wants; make it on every host, or take it out`,
      );
    }),
  );
}

function stepsFor(context: Context, member: Member): HostPlan {
  return context.parts.steps({
    release: member.superseded ? null : context.release,
    policy: context.manifest.rollout,
    check: context.check,
    standing: standingOf(context, member),
    goesBack: context.goesBack,
  });
}

function standingOf(context: Context, member: Member): Standing {
  const survey = surveyOf(member);
  if (survey.containers.current === undefined) return "empty";
  if (!member.tagged) return "untagged";
  if (!mayGetRequests(survey)) return "down";
  return isAlone(context, member) ? "alone" : "in-rotation";
}

/**
 * Boots the release on a side port of the first host that will change.
 * @throws RolloutError SmokeBootFailed; nothing that serves was touched
 */
export async function smokeBoot(context: Context, first: Member | undefined): Promise<void> {
  const { manifest } = context;
  if (!first) return;
  const why = reasonToSkip(context, first);
  if (why) {
    emit(context, "smokeSkipped", { why }, first);
    return;
  }
  const began = context.ports.clock.now();
  try {
    await perform(context, first, "smoke");
  } catch (error) {
    if (!(error instanceof RolloutError) || error.code !== "StepFailed") throw error;
    await showFailedLog(context, first);
    throw new RolloutError("SmokeBootFailed", `${error.message}; ${manifest.fleet} goes on as before`, {
      cause: error,
    });
  }
  emit(context, "smokePassed", { seconds: secondsSince(context, began) }, first);
}

function reasonToSkip({ manifest }: Context, { survey }: Member): string | null {
  if (!manifest.rollout.smokeBoot) return "smokeBoot is off";
  const wanted = manifest.service.memoryMb ?? SMOKE_MEMORY_MB;
  const free = survey?.freeMemoryMb ?? 0;
  return free < wanted ? `${free} MB of memory are free there, and a second container wants ${wanted} MB` : null;
}

/** Puts a host's end into the receipt and shows it. */
export function conclude(context: Context, member: Member, action: Member["receipt"]["action"], beganMs: number): void {
  member.receipt = { ...member.receipt, action, seconds: secondsSince(context, beganMs) };
  if (action === "replaced" || action === "deployed") context.moved.push(member);
  member.absences = 0;
  const status = {
    kept: "serving",
    deployed: "serving",
    replaced: "serving",
    retired: "retired",
    skipped: "retired",
    restored: "restored",
    "rolled-back": "restored",
    untouched: member.status,
  } as const;
  setStatus(context, member, status[action]);
}
