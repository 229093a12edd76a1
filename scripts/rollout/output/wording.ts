/** What people are told about events beyond the registry's messages, and which events a calm log leaves out. */
import { type HostStatus, messageOf, type RolloutEvent } from "../core/events.js";

/** Steps at which a container starts, stops or goes for good, in words. The journal reports a step when it begins. */
const containerSteps: Readonly<Record<string, string>> = {
  "old-stop": "old container stops",
  "new-run": "new container starts",
  "retired-stop": "container stops for good",
};

/** A step in words where a container starts or stops, else under its own name. */
export const stepWords = (step: string): string => containerSteps[step] ?? step;

/** An event's message, with steps in words. */
export const wordsOf = (event: RolloutEvent): string =>
  event.name === "step" ? stepWords(event.data.step) : messageOf(event);

/** Statuses that, without detail, say no more than the event beside them. */
const echoes: ReadonlySet<HostStatus> = new Set(["waiting", "ejected", "starting"]);

/** Whether a log may leave the event out: steps that move no container, and statuses that only echo another event. */
export function isMinor(event: RolloutEvent): boolean {
  if (event.name === "step") return !(event.data.step in containerSteps);
  return event.name === "hostStatus" && !event.data.detail && echoes.has(event.data.status);
}

/** `warning: ` or `error: ` in front of what needs attention. */
export const mark = (level: RolloutEvent["level"]): string => (level === "info" ? "" : `${level}: `);
