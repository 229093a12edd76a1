/** What a rollout's own record says of each host. Pure. */
import type { EventName, RolloutEvent } from "../../scripts/rollout/core/events.js";
import type { Receipt } from "../../scripts/rollout/core/receipt.js";
import { rounded, type HostOfRollout } from "./figures.js";
import type { Stop } from "./in-flight.js";

/** When each host was told to replace its container, which begins with the stop of the old one. */
export const stopsOf = (events: readonly RolloutEvent[], idOf: (host: string) => string): Stop[] =>
  events.flatMap((event) => {
    const told = event.name === "hostStatus" && event.data.status === "starting";
    return told && event.host !== null ? [{ dropletId: idOf(event.host), atMs: Date.parse(event.time) }] : [];
  });

/** Every host that was replaced, with how long it took to leave and to enter rotation. @throws Error when one was not */
export function hostFigures({ hosts }: Receipt, events: readonly RolloutEvent[]): HostOfRollout[] {
  return hosts.map(({ name, action, seconds, floorSeconds }) => {
    if (action !== "replaced" || floorSeconds === null) throw new Error(`${name} was ${action}, not replaced`);
    return {
      name,
      drainSeconds: secondsOf(events, "ejected", name),
      readmissionSeconds: secondsOf(events, "readmitted", name),
      seconds: rounded(seconds),
      floorSeconds: rounded(floorSeconds),
    };
  });
}

function secondsOf(events: readonly RolloutEvent[], wanted: EventName, host: string): number {
  for (const event of events)
    if (event.host === host && event.name === wanted && "seconds" in event.data) return rounded(event.data.seconds);
  throw new Error(`${host} has no event "${wanted}"`);
}
