/** Chooses the release, and brings its image onto every host. */
import type { Service } from "../../../contract/policy.js";
import type { Release } from "../../../contract/release.js";
import { SECRETS_KEY_VARIABLE, type SecretValues } from "../../../contract/secrets.js";
import {
  actionSoFar,
  emit,
  heedingStop,
  isAlone,
  lastWork,
  listed,
  machinesOf,
  secondsSince,
  setStatus,
  superseded,
  surveyOf,
  surveysOf,
  type Context,
  type Member,
} from "../context.js";
import { RolloutError } from "../core/errors.js";
import { inWords, wayBack, type WayBack } from "../core/history.js";
import { dockerConfiguration, registryOf } from "../core/registry.js";
import { agreedDigest, asToday, imageToKeep, mayGetRequests, releaseOn } from "../core/target.js";
import { fits, memoryOf, runsStill, strategyFor, tooLittle, type Chosen, type Memory } from "../core/strategy.js";
import type { HostPlan, Standing } from "../host-steps.js";
import { settled } from "../settled.js";
import { lookAt, settleDoubt } from "./doubt.js";
import { insistOnDown } from "./down.js";
import { learnHistory, releasesOnHosts } from "./history.js";
import { checkPorts, checkDocker } from "./preflight.js";

const DOCKER_ARCHITECTURES = ["amd64", "x86_64"];
const DIGITALOCEAN_REGISTRY = "registry.digitalocean.com/";

/** What the fleet is brought onto, as far as it is known before any image is pulled. */
export interface Goal {
  readonly image: string;
  /** Settings that are not the manifest's: those of a release that is gone back to. */
  readonly service: Service;
  readonly secretsFingerprint: string | null;
  /** Releases of the history that are gone back to, and from; null when an image is deployed. */
  readonly back: WayBack | null;
}

/**
 * Null when there is nothing to roll out.
 * @throws RolloutError ReleasesDiffer, NoRelease, ReleaseAltered, NothingBefore
 */
export function goalOf(context: Context): Goal | null {
  const { wanted, manifest, secrets } = context.request;
  learnHistory(context);
  if (wanted.do === "rollback") return goalBefore(context);
  const image = wanted.image || imageKept(context);
  if (image === null) return null;
  return { image, service: manifest.service, secretsFingerprint: secrets?.fingerprint ?? null, back: null };
}

/** @throws RolloutError NothingBefore */
function goalBefore(context: Context): Goal {
  const { manifest } = context;
  const today = (release: Release): Release => asToday(manifest, release);
  const back = wayBack(context.history, { releases: releasesOnHosts(context), today });
  const { release } = back.entry;
  // What runs now may need longer to stop than what ran before.
  const stopTimeoutSeconds = Math.max(release.service.stopTimeoutSeconds, manifest.service.stopTimeoutSeconds);
  return {
    image: release.image,
    service: { ...release.service, stopTimeoutSeconds },
    secretsFingerprint: release.secretsFingerprint,
    back,
  };
}

/** @throws RolloutError ReleasesDiffer, NoRelease, ReleaseAltered */
function imageKept(context: Context): string | null {
  const unknown = superseded(context).find((member) => member.survey === null);
  const image = imageToKeep(surveysOf(context.members), context.history, machinesOf(context));
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
 * Pulls on all listed hosts in parallel. Each resolves a tag for itself, and all have to come to one digest: no host chooses for another.
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
  const arrived = await heedingStop(context, () =>
    settled(members.map(async (member) => [member.info.name, await pull(context, member, image, login)] as const)),
  );
  const pinned = agreedDigest(image, new Map(arrived));
  context.release = asToday(context.manifest, { image: pinned, service, secretsFingerprint });
  emit(context, "releaseChosen", { release: context.release.id, image: pinned });
  emit(context, "pulled", { seconds: secondsSince(context, began) });
}

/**
 * Docker configuration for the pull. DigitalOcean's registry gives a short-lived, read-only login where its API is asked; else, and
 * for any other, it is the operator's, which goes to no registry but its own: the one that is named beside it, else that of the image
 * that the operator names in this run. What a history or a host names does not count.
 */
async function registryLogin(context: Context, image: string): Promise<string | null> {
  const { ports, request } = context;
  if (ports.cloud && image.startsWith(DIGITALOCEAN_REGISTRY)) {
    const registry = image.slice(DIGITALOCEAN_REGISTRY.length).split("/")[0] ?? "";
    return ports.cloud.registryLogin(registry);
  }
  if (!request.registryLogin) return null;
  const { user, password, registry: named } = request.registryLogin;
  const { wanted } = request;
  const configured = named ?? (wanted.do === "deploy" && wanted.image ? registryOf(wanted.image) : null);
  const registry = registryOf(image);
  if (registry === configured) return dockerConfiguration(registry, user, password);
  emit(context, "loginWithheld", { registry, configured });
  return null;
}

/** Names by digest of what arrived. @throws RolloutError PullFailed, HostUnfit */
async function pull(context: Context, member: Member, image: string, login: string | null): Promise<readonly string[]> {
  const result = await member.host.pull(image, login, context.manifest.rollout.pullTimeoutSeconds);
  if (result.type === "failed")
    throw new RolloutError("PullFailed", `${member.info.name}: ${image} could not be pulled: ${result.reason}`);
  if (!DOCKER_ARCHITECTURES.includes(result.architecture)) {
    throw new RolloutError(
      "HostUnfit",
      `${image} is built for ${result.architecture}; build it for amd64 (docker build --platform linux/amd64)`,
    );
  }
  return result.images;
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
  if (!goal?.back) return goal;
  const { entry, from } = goal.back;
  if (seen?.back && entry.release.id !== seen.back.entry.release.id) {
    throw new RolloutError(
      "FleetChanged",
      `the release before is no longer ${inWords(seen.back.entry)} but ${inWords(entry)}, as another rollout has ended meanwhile; look at the fleet's status, then decide anew`,
    );
  }
  const { servedFrom } = entry;
  emit(context, "goingBack", { release: entry.release.id, image: goal.image, servedFrom, from: from.release.id });
  return goal;
}

const lockedOf = ({ members }: Context): Member[] => members.filter(({ locked }) => locked);

/** @throws RolloutError HostUnfit */
async function lookAgain(context: Context, locked: readonly Member[]): Promise<void> {
  await settled(locked.map((member) => lookAt(context, member)));
  await settleDoubt(context, locked);
  for (const member of locked) checkDocker(member);
}

/**
 * Hands hosts their steps, laid out from what they look like now that they are locked.
 * @throws RolloutError HostUnfit, DownContradicted, SecretsMissing
 */
export async function prepare(context: Context, members: readonly Member[] = lockedOf(context)): Promise<void> {
  await lookAgain(context, members);
  for (const member of members) if (!member.superseded) checkPorts(context, member);
  await insistOnDown(
    context,
    members.filter((member) => !isSeenToGetNone(context, member)),
  );
  await checkMounts(context, members);
  for (const [member, { strategy }] of strategiesOf(context, members)) {
    member.strategy = strategy;
    member.isWarm = strategy === "handoff" && isWarm(context, member);
  }
  const given = members.map((member) => ({ member, secrets: secretsFor(context, member) }));
  await settled(given.map(({ member, secrets }) => member.host.prepare(stepsFor(context, member), secrets)));
}

/** Whether a superseded host that looks down is stopped only once requests were seen to go elsewhere, or is not asked by the balancer. */
const isSeenToGetNone = ({ witnessReachable }: Context, { superseded, tagged }: Member): boolean =>
  superseded && (!tagged || witnessReachable === true);

/**
 * Those of whoever deploys, where they are those of the release; null where the host has its files already. A release that is gone back to
 * may have had others.
 * @throws RolloutError SecretsMissing
 */
function secretsFor(context: Context, { info, superseded, survey }: Member): SecretValues | null {
  const { release, request } = context;
  if (!release || superseded || release.secretsFingerprint === null) return {};
  if (request.secrets?.fingerprint === release.secretsFingerprint) return request.secrets.values;
  if (survey?.releases.some(({ id }) => id === release.id)) return null;
  const entry = context.history.history?.entries.findLast(
    (one) => asToday(context.manifest, one.release).id === release.id,
  );
  const words = entry ? inWords(entry) : `${release.image} (release ${release.id})`;
  const keeps = survey?.releases.some(({ id }) => id === entry?.release.id)
    ? `keeps the secrets of ${words} for another health path than today's`
    : `does not keep the secrets of ${words}`;
  const here = request.secrets
    ? `those that are set here are others, or were so under another ${SECRETS_KEY_VARIABLE}`
    : `they, or ${SECRETS_KEY_VARIABLE}, are not set here`;
  throw new RolloutError(
    "SecretsMissing",
    `${info.name} ${keeps}, and ${here}; set both as they were then, or deploy that image with the secrets of today`,
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
    policy: { ...context.manifest.rollout, strategy: member.strategy },
    check: context.check,
    standing: standingOf(context, member),
    goesBack: context.goesBack,
    isWarm: member.isWarm,
    letsGo: [context.release, releaseOn(surveyOf(member))].some((release) => release?.service.drainPort !== undefined),
  });
}

/** Its container before still runs, and is of the release that is wanted. */
const isWarm = ({ release, goesBack }: Context, { survey, superseded, wentCold }: Member): boolean =>
  goesBack && !superseded && !wentCold && release !== null && survey !== null && runsStill(survey, release.id);

function standingOf(context: Context, member: Member): Standing {
  const survey = surveyOf(member);
  if (survey.containers.current === undefined) return "empty";
  if (!member.tagged) return "untagged";
  if (!mayGetRequests(survey)) return "down";
  return isAlone(context, member) ? "alone" : "in-rotation";
}

/** By what each looked like last. Hosts of one machine share its memory, so all count, whichever are asked about. */
function strategiesOf(context: Context, members: readonly Member[]): Map<Member, Chosen> {
  const memory = memoryFor(context);
  const { rollout } = context.manifest;
  return new Map(
    members.map((member) => {
      const there = memory.get(member.info.name) ?? null;
      return [member, strategyFor(rollout, there, isWarm(context, member))];
    }),
  );
}

function memoryFor(context: Context): Map<string, Memory> {
  const { manifest, release, members } = context;
  const seen = members.flatMap((member) => {
    const { info, survey, superseded } = member;
    const isOnIt = survey?.containers.current?.release === release?.id;
    const changes = !superseded && !isOnIt && !isWarm(context, member);
    return survey ? [{ name: info.name, machine: info.address, survey, changes }] : [];
  });
  return memoryOf(seen, manifest.service.memoryMb);
}

/** Tells which hosts are drained although they would be handed over. @throws RolloutError HostUnfit where two containers do not fit, and have to */
export function checkMemory(context: Context, members: readonly Member[]): void {
  for (const [member, { why }] of strategiesOf(context, members))
    if (why !== null) emit(context, "drainedInstead", { why }, member);
  if (context.manifest.rollout.strategy !== "handoff") return;
  const memory = memoryFor(context);
  for (const { info, isWarm: startsNothing } of members) {
    const there = memory.get(info.name);
    if (startsNothing || !there || fits(there)) continue;
    throw new RolloutError(
      "HostUnfit",
      `${info.name}: ${tooLittle(there)}; set rollout.strategy to "auto" or "drain", or take a larger droplet`,
    );
  }
}

/** Shows what has become of a host, and how long that took. */
export function conclude(context: Context, member: Member, beganMs: number): void {
  const action = actionSoFar(member);
  member.receipt = { ...member.receipt, seconds: secondsSince(context, beganMs) };
  if ((action === "replaced" || action === "deployed") && !context.moved.includes(member)) context.moved.push(member);
  member.absences = 0;
  const status = {
    kept: "serving",
    deployed: "serving",
    replaced: "serving",
    retired: "retired",
    skipped: "retired",
    restored: "restored",
    "rolled-back": "restored",
    untouched: lastWork(member)?.asBefore ? "restored" : member.status,
    unknown: "failed",
  } as const;
  setStatus(context, member, status[action]);
}
