/** Looks before anything is touched: balancer, droplets, hosts. */
import { FRONT_HELPER } from "../../../contract/host.js";
import { frontPorts, hostContainer } from "../../../contract/manifest.js";
import { tooShort, tooSlow } from "../../../contract/policy.js";
import {
  emit,
  listed,
  newMember,
  pause,
  setStatus,
  superseded,
  surveyOf,
  type Context,
  type Member,
} from "../context.js";
import { RolloutError } from "../core/errors.js";
import { checkNumbers, larger } from "../core/gates.js";
import { counted } from "../core/prober.js";
import { carries, sameTag } from "../core/tags.js";
import { portsElsewhere } from "../core/ports-left.js";
import { mayGetRequests, portInTheWay, releaseOn, serves, type FrontPorts } from "../core/target.js";
import { settled } from "../settled.js";
import type { CloudDroplet, Survey } from "../ports.js";
import { learn, lose, settleDoubt, trySurvey } from "./doubt.js";

/** Machine names of the one architecture that images are built for. */
const ARCHITECTURES = ["x86_64", "amd64"];
const BOOT_POLL_MS = 1000;
/** Requests in a row without any answer before the balancer counts as out of reach. */
const REACH_TRIES = 3;
/** Milliseconds between two of them. */
const REACH_EVERY_MS = 2000;

/** Fills in what is known of balancer and hosts; throws before anything is changed. */
export async function preflight(context: Context): Promise<void> {
  const keeps = await readBalancer(context);
  const unlisted = await unlistedDroplets(context);
  context.members = [
    ...context.manifest.hosts.map((info) => newMember(context, info, false)),
    ...unlisted.map((droplet) => ({
      ...newMember(context, droplet, true),
      tagged: carries(droplet, context.manifest.fleetTag),
    })),
  ];
  await awaitAllBoots(context);
  await Promise.all(superseded(context).map((member) => surveySuperseded(context, member)));
  for (const member of listed(context)) checkFitness(context, member);
  for (const member of superseded(context)) if (lacksTools(member)) lose(member);
  await settleDoubt(context, context.members);
  for (const member of listed(context)) checkPorts(context, member);
  if (keeps) checkLettingGo(context.members);
  await readWitness(context);
}

/**
 * Whether it keeps its connections to hosts.
 * @throws RolloutError BalancerDiffers when it finds its hosts in another way, or at other ports, than the manifest says, or is slower than the policy allows for
 */
async function readBalancer(context: Context): Promise<boolean> {
  const { cloud } = context.ports;
  const { loadBalancer, fleetTag, healthCheck: declared } = context.manifest;
  if (!cloud || !loadBalancer.id) return loadBalancer.backendKeepalive;
  const { check: live, tag, targetPorts, backendKeepalive } = await cloud.balancer(loadBalancer.id);
  if (tag === null || !sameTag(tag, fleetTag)) {
    throw new RolloutError(
      "BalancerDiffers",
      `the balancer finds its hosts by ${tag ? `the tag ${tag}` : "a list of ids"}, not by the tag ${fleetTag} that the manifest names; write the outputs file anew, or run cdktf deploy`,
    );
  }
  const elsewhere = portsElsewhere({ check: live.port, targets: targetPorts }, portsOfFleet(context));
  if (elsewhere !== null) {
    throw new RolloutError(
      "BalancerDiffers",
      `${elsewhere}, and a rollout leads the hosts' ports to where the manifest says; write the outputs file anew, or run cdktf deploy, which configures the balancer as declared`,
    );
  }
  context.check = larger(declared, live);
  for (const field of checkNumbers) {
    if (live[field] !== declared[field])
      emit(context, "balancerDiffers", { field, declared: declared[field], live: live[field] });
  }
  const memory = tooSlow(context.check);
  const slow = [
    ...tooShort(context.check, context.manifest.rollout).map(({ message }) => message),
    ...(memory === null ? [] : [memory]),
  ];
  if (slow.length > 0)
    throw new RolloutError(
      "BalancerDiffers",
      `as the balancer is configured now, ${slow.join("; ")}; or run cdktf deploy, which configures it as declared`,
    );
  return backendKeepalive || loadBalancer.backendKeepalive;
}

/**
 * Of a balancer that keeps its connections.
 * @throws RolloutError HostUnfit where what serves cannot be asked to close them: it would get requests for as long as they are there
 */
function checkLettingGo(members: readonly Member[]): void {
  const holding = members.filter(
    ({ survey }) => survey !== null && mayGetRequests(survey) && releaseOn(survey)?.service.drainPort === undefined,
  );
  if (holding.length === 0) return;
  throw new RolloutError(
    "HostUnfit",
    `the balancer keeps its connections to hosts (backendKeepalive), and what ${holding.map(({ info }) => info.name).join(", ")} serves has no service.drainPort by which it could be told to let go of them; set backendKeepalive to false, deploy a release with drainPort, and set it to true after that`,
  );
}

/** Droplets of one balancer have the same ports. */
function portsOfFleet({ manifest }: Context): FrontPorts {
  const [host] = manifest.hosts;
  if (!host) throw new Error("the manifest lists no host");
  return frontPorts(manifest, host);
}

/**
 * Droplets of this stack that the manifest does not list.
 * @throws RolloutError UnlistedDroplets when the run was not started by Terraform: the manifest may be an old one
 */
async function unlistedDroplets(context: Context): Promise<CloudDroplet[]> {
  const { cloud } = context.ports;
  if (!cloud) return [];
  const { hosts, stackTag } = context.manifest;
  const known = new Set(hosts.map((host) => host.id));
  // Not by the fleet's tag: one that a rollout took off may still serve when that rollout ended early.
  const found = (await cloud.dropletsWithTag(stackTag)).filter((droplet) => !known.has(droplet.id));
  if (found.length > 0 && !context.request.startedByTerraform) {
    const list = found.map((droplet) => `${droplet.name} (${droplet.id})`).join(", ");
    throw new RolloutError(
      "UnlistedDroplets",
      `the account has droplets of this fleet that the outputs file does not list: ${list}; write the outputs file anew, or run cdktf deploy, which takes superseded droplets out`,
    );
  }
  // The name may be the same as that of the droplet which takes its place.
  return found.map((droplet) => ({ ...droplet, name: `${droplet.name}-${droplet.id}` }));
}

/** The first host that cannot be used ends the wait for the others. */
async function awaitAllBoots(context: Context): Promise<void> {
  const end = new AbortController();
  await settled(
    listed(context).map((member) =>
      awaitBoot(context, member, end.signal).catch((error: unknown) => {
        end.abort();
        throw error;
      }),
    ),
  );
}

async function awaitBoot(context: Context, member: Member, end: AbortSignal): Promise<void> {
  const limit = context.manifest.rollout.bootTimeoutSeconds;
  const deadline = context.ports.clock.now() + limit * 1000;
  setStatus(context, member, "waiting");
  while (!end.aborted) {
    const beganMs = context.ports.clock.now();
    const outcome = await trySurvey(member);
    if (!(outcome instanceof RolloutError) && outcome.boot !== "running") {
      learn(member, outcome, beganMs);
      setStatus(context, member, serves(outcome) ? "serving" : "idle");
      return;
    }
    if (context.ports.clock.now() >= deadline) throw notBooted(member, outcome, limit);
    await pause(context, BOOT_POLL_MS);
  }
}

function notBooted(member: Member, outcome: Survey | RolloutError, limit: number): RolloutError {
  if (outcome instanceof RolloutError) {
    return new RolloutError(outcome.code, `${outcome.message} (tried for ${limit} s, bootTimeoutSeconds)`, {
      cause: outcome,
    });
  }
  return new RolloutError(
    "HostNotBooted",
    `${member.info.name}: cloud-init was not done within ${limit} s (bootTimeoutSeconds); look at "cloud-init status --long" there`,
  );
}

/** A superseded droplet may be gone, off or out of reach already. */
async function surveySuperseded({ ports }: Context, member: Member): Promise<void> {
  const beganMs = ports.clock.now();
  const outcome = await trySurvey(member);
  if (!(outcome instanceof RolloutError)) learn(member, outcome, beganMs);
}

/**
 * @throws RolloutError HostUnfit when the front would refuse the host's address or ports, or when something has a port of the new container
 *   that is not the fleet's container: it would keep it, or be stopped unseen
 */
export function checkPorts({ manifest }: Context, member: Member): void {
  const survey = surveyOf(member);
  if (survey.frontRefuses !== null) {
    throw new RolloutError(
      "HostUnfit",
      `${member.info.name}: its front cannot have the address and the ports of the manifest: ${survey.frontRefuses}; change them, or what is in the way ("sudo ${FRONT_HELPER} show" there)`,
    );
  }
  const { container, checkPort } = hostContainer(manifest, member.info);
  const taken = portInTheWay(survey, frontPorts(manifest, member.info));
  if (taken === null && checkPort !== null && survey.front === null && mayGetRequests(survey)) {
    throw new RolloutError(
      "HostUnfit",
      `${member.info.name}: its container ${container} serves, and no front leads to it, so nobody can see who asks it; look at "sudo ${FRONT_HELPER} show" there. Where Docker published its ports, take the host out of the balancer, run "docker stop ${container}" there, and then the rollout`,
    );
  }
  if (taken === null) return;
  throw new RolloutError(
    "HostUnfit",
    `${member.info.name}: port ${taken} is taken, but not by the container ${container}; look at "docker ps", "ss -ltnp" and "sudo ${FRONT_HELPER} show" there, and stop what has the port`,
  );
}

/** @throws RolloutError HostUnfit when docker is not found, or does not answer */
export function checkDocker(member: Member): void {
  const { dockerAnswers, dockerNotIn } = surveyOf(member);
  if (dockerAnswers) return;
  const why =
    dockerNotIn === null
      ? 'Docker does not answer; look at "systemctl status docker" there'
      : `docker is not in the PATH of a shell without a login, which is ${dockerNotIn}; link it into one of these folders`;
  throw new RolloutError("HostUnfit", `${member.info.name}: ${why}`);
}

/** One that is superseded, such as by an update whose front it does not have, is let go without a steward. */
const lacksTools = ({ survey }: Member): boolean => survey !== null && survey.missing.length > 0;

/** @throws RolloutError HostUnfit */
function checkTools({ info, survey }: Member): void {
  if (!survey || survey.missing.length === 0) return;
  throw new RolloutError("HostUnfit", `${info.name}: a rollout ${survey.missing.join("; and ")}`);
}

function checkFitness(context: Context, member: Member): void {
  const { info } = member;
  const survey = surveyOf(member);
  const unfit = (why: string): RolloutError => new RolloutError("HostUnfit", `${info.name}: ${why}`);
  const { minFreeDiskMb } = context.manifest.rollout;
  if (survey.boot === "failed")
    throw unfit('cloud-init failed there; look at "cloud-init status --long", mend the droplet or replace it');
  checkTools(member);
  checkDocker(member);
  if (!ARCHITECTURES.includes(survey.architecture))
    throw unfit(`architecture ${survey.architecture} is not supported; needs ${ARCHITECTURES[0]}`);
  if (survey.freeDiskMb < minFreeDiskMb) {
    throw unfit(
      `${survey.freeDiskMb} MB of disk are free, below minFreeDiskMb (${minFreeDiskMb} MB); remove what is not needed or take a larger droplet`,
    );
  }
  if (survey.retired) {
    throw new RolloutError(
      "HostRetired",
      `${info.name}: this droplet was taken out of the fleet for good, yet the manifest lists it; replace the droplet`,
    );
  }
}

/** A rollout that takes the balancer for out of reach sees no client until its end, so one lost request does not decide that. */
async function readWitness(context: Context): Promise<void> {
  const failures = await failuresToReach(context);
  const why = failures.at(-1) ?? null;
  context.witnessReachable = failures.length < REACH_TRIES;
  if (why === null) return;
  if (context.witnessReachable) emit(context, "witnessFailed", { failed: failures.length, reasons: counted(failures) });
  else emit(context, "witnessUnreachable", { address: context.manifest.loadBalancer.address, why });
}

/** Why requests got no answer, up to the first one that did. */
async function failuresToReach(context: Context): Promise<string[]> {
  const failures: string[] = [];
  while (failures.length < REACH_TRIES) {
    if (failures.length > 0) await pause(context, REACH_EVERY_MS);
    const why = await context.ports.witness.whyUnreachable();
    if (why === null) break;
    failures.push(why);
  }
  return failures;
}
