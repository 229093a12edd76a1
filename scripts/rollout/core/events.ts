/**
 * Every event of a rollout, in one registry. Stable for programs: `code` and `data`. Messages are for people and may change.
 * Terminal, plain lines, JSON lines and pictures are all made from this one stream.
 */
import type { ErrorCode } from "./errors.js";
import { isBlind } from "./prober.js";
import type { ProbeCount, Receipt } from "./receipt.js";

/**
 * waiting: not booted or not looked at · idle: nothing serves there · serving: in rotation · draining: serves, balancer is being told ·
 * ejected: gets no traffic · starting: new container boots · ready: serves, balancer is being told · failed · restored · retired
 */
export type HostStatus =
  "waiting" | "idle" | "serving" | "draining" | "ejected" | "starting" | "ready" | "failed" | "restored" | "retired";

export interface PlannedHost {
  readonly host: string;
  /** A host that serves is replaced, out of rotation, or handed over, without leaving it. */
  readonly action: "keep" | "converge" | "replace" | "hand over" | "lead back" | "retire";
  /** Seconds expected for this host alone. */
  readonly seconds: number;
}

/** How many hosts change at once, where any does. */
export function atOnce({
  hosts,
  maxUnavailable,
  maxParallel,
}: {
  readonly hosts: readonly PlannedHost[];
  readonly maxUnavailable: number;
  readonly maxParallel: number;
}): string {
  const count = (...actions: PlannedHost["action"][]): number =>
    hosts.filter(({ action }) => actions.includes(action)).length;
  return [
    ...(count("hand over") > 0 ? [`; at most ${maxParallel} handed over at once`] : []),
    ...(count("replace", "converge", "retire") > 0 ? [`; at most ${maxUnavailable} out at once`] : []),
  ].join("");
}

interface Definition<Data> {
  readonly code: string;
  readonly level: "info" | "warning" | "error";
  readonly message: (data: Data) => string;
}

const define = <Data>(
  code: string,
  level: Definition<Data>["level"],
  message: (data: Data) => string,
): Definition<Data> => ({ code, level, message });

const seconds = (value: number): string => `${value.toFixed(1)} s`;
const probes = ({ taken, floor }: ProbeCount): string => `${taken} probes (floor ${floor})`;
/** What a baseline with failures means for the drains to come. */
const consequence = (baseline: { readonly failed: number; readonly sent: number }): string =>
  isBlind(baseline)
    ? "none is answered, so nobody can see more fail while it is out: only the gates decide until some are"
    : "only what fails beyond that takes a host back";
/** A fleet that a failed rollout left mixed goes back to what it served at last: Terraform may hold an image that no record names. */
const mayHold = (data: Record<"from" | "fromImage" | "fromServedFrom" | "image", string>): string =>
  data.fromImage === data.image
    ? "may hold another image"
    : `may still hold ${data.fromImage} (release ${data.from}, served from ${data.fromServedFrom})`;
/** Such as `ports 80 and 8086`. */
export const portsInWords = (ports: readonly number[]): string =>
  `${ports.length === 1 ? "port" : "ports"} ${ports.join(" and ")}`;
const many = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;

/** Such as `503: 4, ECONNRESET: 1`. */
export const reasonsInWords = (reasons: Readonly<Record<string, number>>): string =>
  Object.entries(reasons)
    .map(([reason, count]) => `${reason}: ${count}`)
    .join(", ");

/** name -> code, level and message of each event. */
export const registry = {
  guarded: define<{ fleet: string; balancer: string | null }>(
    "ROLLOUT_I0100",
    "info",
    ({ fleet, balancer }) =>
      `guard of ${fleet}: droplets${balancer === null ? "" : ` and balancer ${balancer}`} may be changed`,
  ),
  changesOver: define<{ from: string; to: string; hosts: readonly string[] }>(
    "ROLLOUT_I0200",
    "info",
    ({ from, to, hosts }) =>
      `the balancer may change over from ${from} to ${to}: ${hosts.join(", ") || "no host"} ${hosts.length === 1 ? "answers" : "answer"} there`,
  ),
  connectionsDrop: define<{ live: number; declared: number }>(
    "ROLLOUT_W0201",
    "warning",
    (data) =>
      `the balancer gets ${data.declared} nodes instead of ${data.live} (sizeUnit): it drops every open connection when it is resized`,
  ),
  rebuildTooLarge: define<{ limit: number; others: number; declared: number }>(
    "ROLLOUT_W0300",
    "warning",
    ({ limit, others, declared }) =>
      `the account may have ${limit} droplets: a rebuild of ${declared} beside ${others} others needs ${others + 2 * declared} for a while, and would stop half way; have the limit raised first`,
  ),
  limitUnknown: define<{ why: string }>(
    "ROLLOUT_W0301",
    "warning",
    (data) => `whether the account may have so many droplets is not known: ${data.why}`,
  ),
  strangers: define<{ tag: string; droplets: readonly string[] }>(
    "ROLLOUT_W0400",
    "warning",
    ({ tag, droplets }) =>
      `the tag ${tag} is on droplets that this stack has not created: ${droplets.join(", ")}; the balancer sends them requests and no rollout knows of them (docs/runbook.md, "Adopting droplets")`,
  ),
  started: define<{ runId: string; fleet: string; hosts: readonly string[]; wanted: string }>(
    "ROLLOUT_I1000",
    "info",
    (data) => `rollout ${data.runId} of ${data.fleet} on ${data.hosts.join(", ")}: ${data.wanted}`,
  ),
  hostStatus: define<{ status: HostStatus; detail: string }>(
    "ROLLOUT_I1100",
    "info",
    (data) => `${data.status}${data.detail ? `: ${data.detail}` : ""}`,
  ),
  retried: define<{ why: string; afterSeconds: number }>(
    "ROLLOUT_W1102",
    "warning",
    (data) => `tried again in ${seconds(data.afterSeconds)}: ${data.why}`,
  ),
  releaseChosen: define<{ release: string; image: string }>(
    "ROLLOUT_I1200",
    "info",
    (data) => `release ${data.release} is ${data.image}`,
  ),
  goingBack: define<{ release: string; image: string; servedFrom: string; from: string }>(
    "ROLLOUT_I1202",
    "info",
    (data) =>
      `goes back to ${data.image} (release ${data.release}), which the whole fleet served from ${data.servedFrom}`,
  ),
  recordKeyMade: define<{ file: string }>(
    "ROLLOUT_W1210",
    "warning",
    (data) =>
      `a key was made in ${data.file} that signs the record of what the fleet served: a rollback from elsewhere needs the same one in EVENKEEL_RECORD_KEY (docs/runbook.md, "Going back")`,
  ),
  historyIgnored: define<{ why: string }>(
    "ROLLOUT_W1211",
    "warning",
    (data) => `its copy of the record of what the fleet served counts for nothing: ${data.why}`,
  ),
  releaseAltered: define<{ release: string }>(
    "ROLLOUT_W1212",
    "warning",
    (data) =>
      `its file of release ${data.release} counts for nothing: the content does not give that id, so somebody has changed it there`,
  ),
  loginWithheld: define<{ registry: string; configured: string | null }>(
    "ROLLOUT_W1213",
    "warning",
    (data) =>
      `the registry's login is not sent to ${data.registry}: ${data.configured === null ? "no registry is named for it" : `it is for ${data.configured}`}; set EVENKEEL_REGISTRY to the registry that it is for`,
  ),
  infrastructureOnly: define<Record<string, never>>(
    "ROLLOUT_I1201",
    "info",
    () => "no host runs a release and no image was given: nothing to roll out",
  ),
  locked: define<{ hosts: number }>("ROLLOUT_I1300", "info", (data) => `${many(data.hosts, "host")} locked`),
  waiting: define<{ holder: string }>("ROLLOUT_I1301", "info", (data) => `waits for another rollout: ${data.holder}`),
  pulled: define<{ seconds: number }>("ROLLOUT_I1400", "info", (data) => `image pulled in ${seconds(data.seconds)}`),
  portsAwaited: define<{ ports: readonly number[] }>(
    "ROLLOUT_I1440",
    "info",
    ({ ports }) => `waits until the balancer has left ${portsInWords(ports)}, which the hosts are to give up`,
  ),
  portsLeft: define<{ ports: readonly number[]; seconds: number }>(
    "ROLLOUT_I1441",
    "info",
    ({ ports, seconds: took }) => `nobody came to ${portsInWords(ports)} any more after ${seconds(took)}`,
  ),
  preDeployStarted: define<{ command: readonly string[] }>(
    "ROLLOUT_I1450",
    "info",
    (data) => `pre-deploy command: ${data.command.join(" ")}`,
  ),
  preDeployPassed: define<{ seconds: number }>(
    "ROLLOUT_I1451",
    "info",
    (data) => `pre-deploy command ended well after ${seconds(data.seconds)}`,
  ),
  preDeploySkipped: define<{ why: string }>(
    "ROLLOUT_I1452",
    "info",
    (data) => `pre-deploy command not run: ${data.why}`,
  ),
  preDeployAwaited: define<{ release: string; image: string }>(
    "ROLLOUT_W1453",
    "warning",
    (data) =>
      `waits for the pre-deploy command of ${data.image} (release ${data.release}), which an earlier rollout began`,
  ),
  preDeployDoubtful: define<{ on: string }>(
    "ROLLOUT_W1454",
    "warning",
    (data) =>
      `pre-deploy command is run again: on ${data.on} it ended with exit code 0 before that droplet was last started, so the shutdown may have ended it`,
  ),
  planned: define<{
    hosts: readonly PlannedHost[];
    seconds: number;
    maxUnavailable: number;
    /** Most that are handed over at once, after the first one. */
    maxParallel: number;
  }>(
    "ROLLOUT_I2000",
    "info",
    (data) =>
      `plan: ${data.hosts.map((entry) => `${entry.action} ${entry.host}`).join(", ")}${atOnce(data)}; about ${seconds(data.seconds)}`,
  ),
  drainedInstead: define<{ why: string }>(
    "ROLLOUT_I2002",
    "info",
    (data) => `is drained, and not handed over: ${data.why}`,
  ),
  wentCold: define<{ why: string }>(
    "ROLLOUT_W2003",
    "warning",
    (data) => `the container that it was to go back to is not ready, so a new one is started: ${data.why}`,
  ),
  plannedAnew: define<{ why: string }>(
    "ROLLOUT_W2001",
    "warning",
    (data) => `${data.why}: looks again, and goes on by what it sees then`,
  ),
  step: define<{ step: string }>("ROLLOUT_I2100", "info", (data) => data.step),
  ejected: define<{ seconds: number; probes: ProbeCount | null; witness: number }>(
    "ROLLOUT_I2200",
    "info",
    (data) =>
      `out of rotation after ${seconds(data.seconds)}${data.probes ? `, ${probes(data.probes)}` : ""}; ${many(data.witness, "witness request")} went elsewhere`,
  ),
  cut: define<{ connections: number }>(
    "ROLLOUT_W2201",
    "warning",
    (data) => `cuts ${many(data.connections, "connection")} that outlived the drain timeout`,
  ),
  readmitted: define<{ seconds: number; probes: ProbeCount | null }>(
    "ROLLOUT_I2300",
    "info",
    (data) => `in rotation after ${seconds(data.seconds)}${data.probes ? `, ${probes(data.probes)}` : ""}`,
  ),
  handedOver: define<{ seconds: number }>(
    "ROLLOUT_I2120",
    "info",
    (data) => `the ports lead to the new container after ${seconds(data.seconds)}; the old one still runs`,
  ),
  probesAnswered: define<{ seconds: number; nodes: number }>(
    "ROLLOUT_I2121",
    "info",
    (data) => `${many(data.nodes, "node")} of the balancer had good answers after ${seconds(data.seconds)}`,
  ),
  outage: define<{ seconds: number }>(
    "ROLLOUT_W2400",
    "warning",
    (data) => `fleet of one: nothing served for ${seconds(data.seconds)}`,
  ),
  witnessUnreachable: define<{ address: string; why: string }>(
    "ROLLOUT_W2500",
    "warning",
    (data) =>
      `the balancer at ${data.address} cannot be asked from here (${data.why}): waiting a fixed number of intervals instead`,
  ),
  witnessFailed: define<{ failed: number; reasons: Readonly<Record<string, number>> }>(
    "ROLLOUT_W2501",
    "warning",
    ({ failed, reasons }) => `${many(failed, "witness request")} failed (${reasonsInWords(reasons)})`,
  ),
  clientsFail: define<{ failed: number; sent: number; reasons: Readonly<Record<string, number>> }>(
    "ROLLOUT_E2503",
    "error",
    ({ failed, sent, reasons }) =>
      `clients fail: ${failed} of the last ${many(sent, "request")} through the balancer (${reasonsInWords(reasons)})`,
  ),
  baselineFails: define<{ failed: number; sent: number; reasons: Readonly<Record<string, number>> }>(
    "ROLLOUT_W2504",
    "warning",
    ({ failed, sent, reasons }) =>
      `${failed} of ${many(sent, "request")} through the balancer fail before the next host leaves (${reasonsInWords(reasons)}): ${consequence({ failed, sent })}`,
  ),
  balancerDiffers: define<{ field: string; declared: number; live: number }>(
    "ROLLOUT_W2502",
    "warning",
    (data) => `the balancer's ${data.field} is ${data.live}, not ${data.declared} as declared: the larger one counts`,
  ),
  skipped: define<{ why: string }>("ROLLOUT_W2600", "warning", (data) => `skipped: ${data.why}`),
  failedLog: define<{ lines: readonly string[] }>(
    "ROLLOUT_E3000",
    "error",
    (data) => `last lines of the failed container:\n${data.lines.map((line) => `  ${line}`).join("\n")}`,
  ),
  /** outcome: `all`, `except for <step>: <why>`, or why nobody knows. */
  undone: define<{ outcome: string }>("ROLLOUT_W3100", "warning", ({ outcome }) =>
    outcome === "all" ? "all steps on this host were taken back" : `the steps on this host were taken back, ${outcome}`,
  ),
  retreatFailed: define<{ why: string }>(
    "ROLLOUT_W3101",
    "warning",
    (data) => `the new container is taken back although it was not seen to leave rotation: ${data.why}`,
  ),
  wentBack: define<{ from: string; fromImage: string; fromServedFrom: string; image: string }>(
    "ROLLOUT_W3300",
    "warning",
    (data) =>
      `Terraform ${mayHold(data)}: before the next cdktf deploy, set its variable image to ${data.image}, or leave it empty`,
  ),
  rollingBack: define<{ release: string; image: string; hosts: readonly string[] }>(
    "ROLLOUT_W3301",
    "warning",
    (data) =>
      `${data.hosts.join(", ")} ${data.hosts.length === 1 ? "goes" : "go"} back to ${data.image} (release ${data.release}; onFailure)`,
  ),
  notRolledBack: define<{ why: string }>(
    "ROLLOUT_E3302",
    "error",
    (data) => `hosts stay on the new release: ${data.why}`,
  ),
  historyNotKept: define<{ why: string }>(
    "ROLLOUT_W3201",
    "warning",
    (data) =>
      `the record that the whole fleet serves this release was not written there (${data.why}): the next rollout writes it`,
  ),
  pruneFailed: define<{ why: string }>(
    "ROLLOUT_W3200",
    "warning",
    (data) => `old images were not removed: ${data.why}`,
  ),
  failed: define<{ code: ErrorCode | "Bug"; message: string }>(
    "ROLLOUT_E9000",
    "error",
    (data) => `${data.code}: ${data.message}`,
  ),
  finished: define<{ receipt: Receipt }>("ROLLOUT_I9900", "info", ({ receipt }) => {
    const end = receipt.exitCode === 0 ? "on target" : `failed with exit code ${receipt.exitCode}`;
    return `${end} after ${seconds(receipt.seconds)}; witness: ${receipt.witness.sent} sent, ${receipt.witness.failed} failed`;
  }),
} as const;

export type EventName = keyof typeof registry;
export type EventData<Name extends EventName> = (typeof registry)[Name] extends Definition<infer Data> ? Data : never;

type EventOf<Name extends EventName> = {
  readonly name: Name;
  readonly code: string;
  readonly level: "info" | "warning" | "error";
  /** Time of day, ISO 8601 in UTC. */
  readonly time: string;
  /** Milliseconds since the rollout began. */
  readonly elapsedMs: number;
  /** Name of the host, for events about one. */
  readonly host: string | null;
  readonly data: EventData<Name>;
};
export type RolloutEvent = { [Name in EventName]: EventOf<Name> }[EventName];

/** An event as it is told. */
export const eventOf = <Name extends EventName>(
  name: Name,
  data: EventData<Name>,
  at: { readonly time: Date; readonly elapsedMs: number; readonly host: string | null },
): RolloutEvent => {
  const { code, level } = registry[name];
  const { time, elapsedMs, host } = at;
  const when = { time: time.toISOString(), elapsedMs: Math.round(elapsedMs), host };
  return { name, code, level, ...when, data } as RolloutEvent;
};

/** The message of an event, without time and host. */
export function messageOf(event: RolloutEvent): string {
  const { message } = registry[event.name] as Definition<unknown>;
  return message(event.data);
}
