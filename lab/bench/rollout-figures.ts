/** What a rollout's own record says of each host, and the balancer beside it. Pure. */
import type { EventName, RolloutEvent } from "../../scripts/rollout/core/events.js";
import type { Receipt } from "../../scripts/rollout/core/receipt.js";
import type { Change } from "../site.js";
import { rounded, type DrainedHost, type HandedHost } from "./figures.js";
import type { Stop } from "./in-flight.js";
import { turnsOf } from "./phases.js";

/** When each drained host was told to replace its container, which begins with the stop of the old one. */
export const stopsOf = (events: readonly RolloutEvent[], idOf: (host: string) => string): Stop[] =>
  events.flatMap((event) => {
    const told = event.name === "hostStatus" && event.data.status === "starting";
    return told && event.host !== null ? [{ dropletId: idOf(event.host), atMs: Date.parse(event.time) }] : [];
  });

/** Seconds that stopping the old containers took together, as the rollout saw it: to a tenth, as often as it looks. */
export function stopSecondsOf(events: readonly RolloutEvent[]): number {
  const steps = events.filter(({ name }) => name === "step");
  return steps.reduce((sum, { host, time, data }, index) => {
    if (!isStep(data, "old-stop")) return sum;
    const next = steps.slice(index + 1).find((event) => event.host === host);
    return next ? sum + (Date.parse(next.time) - Date.parse(time)) / 1000 : sum;
  }, 0);
}

const isStep = (data: object, name: string): boolean => "step" in data && data.step === name;

/** Every host with when its turn began and how long it took. @throws Error when one was not handed over */
export const handedHosts = (receipt: Receipt, events: readonly RolloutEvent[]): HandedHost[] =>
  turnsOf(receipt, events).map(({ name, fromSeconds, toSeconds }) => {
    if (!events.some((event) => event.host === name && event.name === "handedOver"))
      throw new Error(`${name} was not handed over`);
    return { name, fromSeconds: rounded(fromSeconds), seconds: rounded(toSeconds - fromSeconds) };
  });

/** Changes of one host in the view of the balancer's nodes, oldest first. */
type ChangesOf = (host: string) => readonly Change[];

/** Every host with how long it took to leave and to enter rotation. @throws Error when one did not */
export function drainedHosts(receipt: Receipt, events: readonly RolloutEvent[], changesOf: ChangesOf): DrainedHost[] {
  const floors = new Map(receipt.hosts.map(({ name, floorSeconds }) => [name, floorSeconds]));
  return turnsOf(receipt, events).map(({ name, fromSeconds, toSeconds }) => {
    const floorSeconds = floors.get(name);
    if (typeof floorSeconds !== "number") throw new Error(`${name} did not leave rotation`);
    const drain = momentOf(events, "ejected", name);
    const readmission = momentOf(events, "readmitted", name);
    const changes = changesOf(name).filter(({ atMs }) => atMs >= drain.beganMs);
    return {
      name,
      drainSeconds: rounded(drain.seconds),
      letGoSeconds: secondsFrom(drain.beganMs, lastOf(changes, false), name),
      readmissionSeconds: rounded(readmission.seconds),
      takenInSeconds: secondsFrom(readmission.beganMs, lastOf(changes, true), name),
      seconds: rounded(toSeconds - fromSeconds),
      floorSeconds: rounded(floorSeconds),
    };
  });
}

/** When the last node turned: each turns once either way while the host is replaced. */
const lastOf = (changes: readonly Change[], up: boolean): number =>
  Math.max(...changes.filter((change) => change.up === up).map(({ atMs }) => atMs));

function secondsFrom(beganMs: number, atMs: number, host: string): number {
  if (!Number.isFinite(atMs)) throw new Error(`the balancer's nodes did not let ${host} go and take it in`);
  return rounded((atMs - beganMs) / 1000);
}

/** How long that took which an event tells the end of, and when it began. */
function momentOf(
  events: readonly RolloutEvent[],
  wanted: EventName,
  host: string,
): { seconds: number; beganMs: number } {
  for (const event of events)
    if (event.host === host && event.name === wanted && "seconds" in event.data) {
      const { seconds } = event.data;
      return { seconds, beganMs: Date.parse(event.time) - seconds * 1000 };
    }
  throw new Error(`${host} has no event "${wanted}"`);
}
