/** How far a rollout has come, by what it has said of its hosts. */
import type { SimWorld } from "../../lab/sim/world.js";
import type { HostStatus } from "../../scripts/rollout/core/events.js";

/** How far the rollout has come when it happens: nothing is drained yet · a host is out · all came back, or none left after the first */
export const lossMoments = ["before", "draining", "ejected", "entering", "between"] as const;

/** Those at which one host is at work. */
export const stages = ["draining", "ejected", "entering"] as const;

const stageOf: ReadonlyMap<HostStatus, (typeof stages)[number]> = new Map([
  ["draining", "draining"],
  ["ejected", "ejected"],
  ["starting", "entering"],
  ["ready", "entering"],
]);

/** What the rollout has said last of each host. */
const statusesIn = ({ events }: SimWorld): ReadonlyMap<string, HostStatus> =>
  new Map(
    events.flatMap((event) =>
      event.name === "hostStatus" && event.host !== null ? [[event.host, event.data.status] as const] : [],
    ),
  );

/** Null for a host that nothing is done to. */
export function stageIn(world: SimWorld, host: string): (typeof stages)[number] | null {
  const status = statusesIn(world).get(host);
  return (status && stageOf.get(status)) ?? null;
}

export function momentIn(world: SimWorld): (typeof lossMoments)[number] {
  const now = new Set([...statusesIn(world).values()].map((status) => stageOf.get(status)));
  const furthest = stages.find((stage) => now.has(stage));
  if (furthest) return furthest;
  const begun = world.events.some(
    ({ name, data }) => name === "hostStatus" && (data.status === "draining" || data.status === "starting"),
  );
  return begun ? "between" : "before";
}
