/** Before a container is stopped without a drain: nothing may show that clients are served there. */
import { hostContainer } from "../../../contract/manifest.js";
import { emit, observe, surveyOf, type Context, type Member } from "../context.js";
import { contradictions, isTakenForDown } from "../core/contradiction.js";
import { isExpected, RolloutError } from "../core/errors.js";
import { ownAddresses } from "../core/gates.js";
import { isDraining, mayGetRequests } from "../core/target.js";
import { perform, type OrderOptions } from "../orders.js";
import type { Survey } from "../ports.js";
import { trySurvey } from "./doubt.js";

/**
 * Refuses to take a host for down that something contradicts.
 * @param members that have just been looked at
 * @throws RolloutError DownContradicted
 */
export async function insistOnDown(context: Context, members: readonly Member[]): Promise<void> {
  const down = members.filter((member) => isTakenForDown(surveyOf(member)));
  if (down.length === 0) return;
  const answeredByNobody = await countAnswersOfNobody(context);
  for (const member of down) checkDown(context, member, surveyOf(member), answeredByNobody);
}

/** @throws RolloutError DownContradicted */
function checkDown(context: Context, member: Member, survey: Survey, answeredByNobody: number): void {
  const against = contradictions({
    survey,
    check: context.check,
    own: ownAddresses(context.members.map(({ info }) => info)),
    answeredByNobody,
  });
  if (against.length > 0) throw contradicted(context, member, survey, against);
}

/**
 * Gives the order that stops a container. One that is taken for down and is to be replaced is looked at once more before: minutes may have
 * passed since the plan. Requests were just seen to go elsewhere than to one that is stopped for good.
 * @throws RolloutError DownContradicted when it serves after all: nothing there was changed
 */
export async function performStop(
  context: Context,
  member: Member,
  order: "replace" | "stop",
  { argument = "", giveUp }: Pick<OrderOptions, "argument" | "giveUp"> = {},
): Promise<void> {
  if (order === "replace" && isTakenForDown(surveyOf(member))) await expectStillDown(context, member);
  let step = "";
  try {
    const onStep = (name: string): void => void (step = name);
    await perform(context, member, order, { argument, giveUp, onStep, uninterruptible: true });
  } catch (error) {
    if (!isExpected(error, "StepFailed") || !LOOKS.has(step)) throw error;
    const found = "right before the stop it was answered with a status from 200 to 399";
    throw servesAfterAll(context, member, found, error);
  }
}

/** Steps that fail where the health path is answered well after all (host-steps.ts). */
const LOOKS: ReadonlySet<string> = new Set(["expect-down", "retired-expect-down"]);

async function expectStillDown(context: Context, member: Member): Promise<void> {
  const { traffic, health } = await observe(context, member);
  const before = surveyOf(member);
  const answer = health === null ? {} : { health, healthError: null };
  const now = { ...before, traffic, ...answer, connections: traffic?.open ?? before.connections };
  expectNone(context, member, now);
  checkDown(context, member, now, 0);
}

/**
 * For a host that is taken for down, while requests may still go there. It may have come to itself, and then only a drain ends them.
 * @throws RolloutError DownContradicted
 */
export async function expectNotBack(context: Context, member: Member): Promise<void> {
  if (!isTakenForDown(surveyOf(member))) return;
  const now = await trySurvey(member);
  if (!(now instanceof RolloutError)) expectNone(context, member, now);
}

/** @throws RolloutError DownContradicted when it gets requests by now */
function expectNone(context: Context, member: Member, now: Survey): void {
  if (!mayGetRequests(now)) return;
  const found = isDraining(now) ? "it drains" : `it was answered ${now.health} since`;
  throw servesAfterAll(context, member, found);
}

/** Asks the balancer only where no host was seen to serve. One that cannot be asked may be the one that answers. */
async function countAnswersOfNobody(context: Context): Promise<number> {
  if (!context.witnessReachable) return 0;
  const someoneMayServe = context.members.some(
    ({ survey, tagged }) => survey === null || (tagged && mayGetRequests(survey)),
  );
  return someoneMayServe ? 0 : (await context.knocks.join()).answered;
}

/** What was seen is told apart from what to do about it, which is only for whoever finds that the rollout has ended so. */
class DownContradicted extends RolloutError {
  constructor(
    readonly seen: string,
    fix: string,
    cause?: unknown,
  ) {
    super("DownContradicted", `${seen}. ${fix}`, { cause });
  }
}

/** For {@link onceMore}. @param seen why, without a full stop */
export const planAnew = (seen: string): RolloutError => new DownContradicted(seen, "Run the rollout again");

function contradicted(context: Context, member: Member, survey: Survey, against: readonly string[]): DownContradicted {
  const { name, privateAddress } = member.info;
  const { container } = hostContainer(context.manifest, member.info);
  return new DownContradicted(
    `${name}: ${lookInWords(context, member, survey)}, yet ${against.join("; ")}; so it may serve, and is not stopped without a drain`,
    `Look at the proxy variables in /etc/environment there, at privateAddress (${privateAddress}) in the manifest, and at the firewall on the host. ` +
      `If it does not serve, run "docker stop ${container}" there, then run the rollout again`,
  );
}

/** @param found what a later look showed */
function servesAfterAll(context: Context, member: Member, found: string, cause?: unknown): DownContradicted {
  return new DownContradicted(
    `${member.info.name} was taken for down, as ${lookInWords(context, member, surveyOf(member))}, yet ${found}; its container was not stopped`,
    "Look at what makes its answers come and go, such as its load or the firewall there, then run the rollout again",
    cause,
  );
}

/** What was asked, and what came of it. */
function lookInWords({ manifest }: Context, { info }: Member, { front, health, healthError }: Survey): string {
  const { port, checkPort } = hostContainer(manifest, info);
  const asked = checkPort !== null && front?.checks.includes(checkPort) ? checkPort : port;
  const url = `http://${info.privateAddress}:${asked}${manifest.healthCheck.path}`;
  const answer = health === null ? `got no answer (${healthError ?? "curl said nothing"})` : `was answered ${health}`;
  return `its own look at ${url} ${answer}`;
}

/**
 * Does something that may find a host serving that was taken for down, and then does it once more from a new look.
 * @param again what is done then @default - the same
 */
export async function onceMore(
  context: Context,
  work: () => Promise<void>,
  again: () => Promise<void> = work,
): Promise<void> {
  try {
    await work();
    return;
  } catch (error) {
    const lost = context.members.some(({ superseded, status }) => !superseded && status === "failed");
    if (!(error instanceof DownContradicted) || lost) throw error;
    emit(context, "plannedAnew", { why: error.seen });
  }
  await again();
}

/** Waits for the hosts of a batch. One that fails is told before one that serves after all: it is not to be tried again in a new plan. */
export async function batchSettled(work: readonly Promise<void>[]): Promise<void> {
  const ends = await Promise.allSettled(work);
  const failed = ends.filter((end) => end.status === "rejected");
  const worst = failed.find(({ reason }) => !isExpected(reason, "DownContradicted")) ?? failed[0];
  if (worst) throw worst.reason;
}
