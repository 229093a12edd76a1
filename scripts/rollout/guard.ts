/** What is asked before Terraform changes a droplet or the balancer. Nothing is changed here; whatever is in the way fails the apply. */
import { isStackTag } from "../../contract/config.js";
import type { GuardInput } from "../../contract/guard.js";
import { describe, exitCodes, Forbidden, isExpected, refusalCode, RolloutError, type ExitCode } from "./core/errors.js";
import { eventOf, type EventData, type EventName } from "./core/events.js";
import {
  askingInWords,
  balancerOf,
  changeInWords,
  changeOver,
  inWords,
  leavesServicePort,
  roomFor,
  verdictOf,
  wayThere,
  type ChangeOver,
  type Verdict,
} from "./core/guard.js";
import { carries } from "./core/tags.js";
import type { CloudDroplet, GuardPorts, HealthAnswers, ListedBalancer } from "./ports.js";
import { settled } from "./settled.js";

const LOOK_PAUSE_MS = 1000;

interface Watch {
  readonly input: GuardInput;
  readonly ports: GuardPorts;
  /** Aborts when the guard is to stop. */
  readonly signal: AbortSignal;
  readonly startedMs: number;
}

/** Says whether droplets and balancer may be changed to what is declared. Expected failures end in the exit code, never in an exception. */
export async function guard(input: GuardInput, ports: GuardPorts, signal: AbortSignal): Promise<ExitCode> {
  const watch = { input, ports, signal, startedMs: ports.clock.now() };
  try {
    await stand(watch);
    return exitCodes.onTarget;
  } catch (error) {
    tell(watch, "failed", describe(error));
    return refusalCode(error);
  }
}

async function stand(watch: Watch): Promise<void> {
  const { input, ports } = watch;
  const { cloud } = ports;
  await readable("vpc:read", () => cloud.insistOn("vpcs"));
  await readable("tag:read", () => cloud.insistOn("tags"));
  const own = await readable("droplet:read", () => cloud.dropletsWithTag(input.stackTag));
  const tagged = await readable("droplet:read", () => cloud.dropletsWithTag(input.fleetTag));
  const matching = await readable("load_balancer:read", () => cloud.balancersWithTag(input.fleetTag));
  const balancer = balancerOf(matching, input);
  await checkRoom(watch, own.length);
  checkStrangers(watch, tagged);
  if (balancer) {
    tellOfSize(watch, balancer);
    const change = changeOver(balancer, input);
    if (change) await checkHosts(watch, change, own);
  }
  tell(watch, "guarded", { fleet: input.fleet, balancer: balancer?.name ?? null });
}

/** @throws RolloutError TokenScope */
async function readable<Result>(scope: string, call: () => Promise<Result>): Promise<Result> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof Forbidden)) throw error;
    throw new RolloutError(
      "TokenScope",
      `the token lacks the scope ${scope} (${error.message}); give it that, or full access: what Terraform cannot read it takes for changed, and replaces`,
      { cause: error },
    );
  }
}

/** @throws RolloutError DropletLimit */
async function checkRoom(watch: Watch, own: number): Promise<void> {
  const { cloud } = watch.ports;
  const { dropletCount: declared, fleet } = watch.input;
  const limit = await limitOf(watch);
  if (limit === null) return;
  const total = await readable("droplet:read", () => cloud.dropletTotal());
  const others = total - own;
  const room = roomFor({ limit, total, own, declared });
  if (room === "none") {
    throw new RolloutError(
      "DropletLimit",
      `${fleet} is to have ${declared} droplets beside ${others} others, and the account may have ${limit}; lower dropletCount, delete others, or have the limit raised`,
    );
  }
  if (room === "tight") tell(watch, "rebuildTooLarge", { limit, others, declared });
}

/** Null where the token may not ask. */
async function limitOf(watch: Watch): Promise<number | null> {
  try {
    return await watch.ports.cloud.dropletLimit();
  } catch (error) {
    if (!(error instanceof Forbidden)) throw error;
    tell(watch, "limitUnknown", { why: `the token lacks the scope account:read (${error.message})` });
    return null;
  }
}

/** @throws RolloutError TagShared: each of two fleets would get the requests of the other */
function checkStrangers(watch: Watch, tagged: readonly CloudDroplet[]): void {
  const { stackTag, fleetTag } = watch.input;
  const strangers = tagged.filter((droplet) => !carries(droplet, stackTag));
  if (strangers.length === 0) return;
  const others = strangers.flatMap(({ name, tags }) => tags.filter(isStackTag).map((tag) => `${name} of ${tag}`));
  if (others.length > 0) {
    throw new RolloutError(
      "TagShared",
      `droplets of another stack carry the tag ${fleetTag}: ${others.join(", ")}; the balancers of both would send requests to the droplets of either. Give this stack a fleetTag of its own`,
    );
  }
  tell(watch, "strangers", { tag: fleetTag, droplets: strangers.map(({ name, id }) => `${name} (${id})`) });
}

function tellOfSize(watch: Watch, { sizeUnit: live }: ListedBalancer): void {
  const { sizeUnit: declared } = watch.input;
  if (live !== null && live !== declared) tell(watch, "connectionsDrop", { live, declared });
}

/**
 * Every host that the balancer sends requests to must answer where it is about to ask.
 * @throws RolloutError NotAnsweredYet, LockHeld, or that a host cannot be asked
 */
async function checkHosts(watch: Watch, change: ChangeOver, own: readonly CloudDroplet[]): Promise<void> {
  // One that is off serves nobody, and one without the tag is not asked.
  const asked = own.filter((droplet) => droplet.active && carries(droplet, watch.input.fleetTag));
  // The first host that cannot be asked ends the wait for the others.
  const end = new AbortController();
  const looks = asked.map(async (droplet) => {
    const verdict = await verdictOn(watch, change, droplet, end.signal).catch((error: unknown) => {
      end.abort();
      throw error;
    });
    return { droplet, verdict };
  });
  const found = await settled(looks);
  for (const { droplet, verdict } of found) {
    if (verdict.type === "held") {
      throw new RolloutError(
        "LockHeld",
        `${droplet.name} is in hand of another rollout (${verdict.by}), after which it may answer elsewhere; deploy again once that has ended`,
      );
    }
  }
  const silent = found.flatMap(({ droplet, verdict }) =>
    verdict.type === "silent"
      ? verdict.at.map(
          ({ target, status }) =>
            `${droplet.name} (${droplet.id}) answers ${status ?? "nothing"} at ${inWords(target)}`,
        )
      : [],
  );
  if (silent.length > 0) throw notAnsweredYet(change, silent);
  const answering = found.filter(({ verdict }) => verdict.type === "answers");
  const hosts = answering.map(({ droplet }) => droplet.name);
  tell(watch, "changesOver", { from: askingInWords(change.from), to: askingInWords(change.to), hosts });
}

const notAnsweredYet = (change: ChangeOver, silent: readonly string[]): RolloutError =>
  new RolloutError(
    "NotAnsweredYet",
    `the balancer is to ${changeInWords(change)}, and ${silent.join(", ")}: it would take out every host that does not answer 200; ${wayOut(change)}`,
  );

/** A balancer that asks the port which it sends requests to is of an edition that was never released: nothing leads from there to here. */
const wayOut = (change: ChangeOver): string =>
  leavesServicePort(change)
    ? "this fleet is of an earlier edition and cannot change over; deploy another stack with a name, a fleetTag and a balancer of its own, lead clients there, and destroy this one"
    : `deploy ${wayThere(change)} first, with the path and ports of before, and change over once that has ended`;

async function verdictOn(
  watch: Watch,
  { from, anew }: ChangeOver,
  droplet: CloudDroplet,
  end: AbortSignal,
): Promise<Verdict> {
  const { clock, health } = watch.ports;
  const limit = watch.input.bootTimeoutSeconds;
  const deadlineMs = clock.now() + limit * 1000;
  const either = AbortSignal.any([watch.signal, end]);
  const looks: HealthAnswers[] = [];
  while (!end.aborted) {
    heedStop(watch);
    try {
      looks.push(await health.ask(droplet, [from.check, ...anew]));
      const verdict = verdictOf(looks, anew);
      if (verdict.type !== "undecided") return verdict;
    } catch (error) {
      // It may still be booting.
      if (!isExpected(error, "HostUnreachable", "HostTimeout")) throw error;
      if (clock.now() >= deadlineMs) throw notAsked(error as RolloutError, limit);
    }
    await clock.sleep(LOOK_PAUSE_MS, either);
  }
  return { type: "undecided" };
}

const notAsked = (error: RolloutError, limit: number): RolloutError =>
  new RolloutError(
    error.code,
    `${error.message} (tried for ${limit} s, bootTimeoutSeconds); the balancer may change over only when every host was asked: mend it, or turn it off`,
    { cause: error },
  );

/** @throws RolloutError Interrupted */
function heedStop({ signal }: Watch): void {
  if (signal.aborted) throw new RolloutError("Interrupted", "the guard was told to stop");
}

function tell<Name extends EventName>({ ports, startedMs }: Watch, name: Name, data: EventData<Name>): void {
  const { clock, events } = ports;
  events.emit(eventOf(name, data, { time: clock.date(), elapsedMs: clock.now() - startedMs, host: null }));
}
