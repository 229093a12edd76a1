/** How far a rollout has come with the first host that leaves rotation. Pure. */
import type { RolloutEvent } from "../../scripts/rollout/core/events.js";

/** `before`: nothing has been started yet. `done`: the first host serves the new release. `last`: the last host's container is replaced. */
export const phases = ["before", "locked", "draining", "ejected", "starting", "ready", "done", "last"] as const;
export type Phase = (typeof phases)[number];

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
