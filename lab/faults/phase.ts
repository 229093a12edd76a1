/** How far a rollout has come with the first host that it changes. Pure. */
import type { RolloutEvent } from "../../scripts/rollout/core/events.js";

/**
 * What a rollout tells. `before`: nothing has been started yet. `ready`: a container that was handed over to has the ports, and nothing is committed.
 * `done`: the first host serves the new release. `last`: the last host's container is replaced. `after`: the rollout has ended; what was handed over from
 * may still run.
 */
const moments = ["before", "locked", "draining", "ejected", "starting", "ready", "done", "last", "after"] as const;

/**
 * Steps of a steward (scripts/rollout/host-steps.ts) that change something on a host which serves its first release, by strategy. In such a phase the
 * step has been written down as begun, and nothing of it is done.
 */
export const changingSteps = {
  drain: [
    ...(["restart-off", "drain", "front-back", "old-stop", "old-keep", "new-run", "new-ready"] as const),
    ...(["front-lead", "restart-on", "front-led", "front-keep"] as const),
  ],
  handoff: [
    ...(["front-back", "old-on", "old-keep", "new-run", "new-ready", "front-lead"] as const),
    ...(["restart-on", "front-led", "front-keep", "old-stay-down"] as const),
  ],
} as const;
const steps = [...new Set([...changingSteps.drain, ...changingSteps.handoff])];
export type StepPhase = (typeof steps)[number];

export const phases = [...moments, ...steps] as const;
export type Phase = (typeof phases)[number];

export const isStep = (phase: Phase): phase is StepPhase => (steps as readonly string[]).includes(phase);

/** Names the phase that begins with each event, with the host that it is about. */
export class Phases {
  #first: string | null = null;

  constructor(private readonly hosts: number) {}

  #started = 0;

  begun(event: RolloutEvent): { readonly phase: Phase; readonly host: string | null } | null {
    const { name, host } = event;
    if (name === "locked") return { phase: "locked", host: null };
    if (name !== "hostStatus" || host === null) return null;
    const { status } = event.data;
    // A fleet of one is not drained.
    if (status === "draining" || status === "starting") this.#first ??= host;
    if (status === "starting") this.#started += 1;
    if (status === "starting" && this.#started === this.hosts && this.hosts > 1) return { phase: "last", host };
    if (host !== this.#first) return null;
    if (status === "draining" || status === "ejected" || status === "starting" || status === "ready")
      return { phase: status, host };
    return status === "serving" ? { phase: "done", host } : null;
  }
}
