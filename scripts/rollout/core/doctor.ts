/** Whether droplets and balancer are as Evenkeel assumes: what was seen of them becomes findings. Pure. */
import { FRONT_HELPER, FRONT_MEMORY_SECONDS, type FrontEvidence } from "../../../contract/host.js";
import { overlap } from "../../../contract/ip-range.js";
import { hostContainer, type Manifest, type ManifestHost } from "../../../contract/manifest.js";
import type { ObservedCheck } from "../../../contract/policy.js";
import type { Examination, HelperSaid, Survey } from "../ports.js";
import { RolloutError } from "./errors.js";
import { reasonsInWords } from "./events.js";
import { nodesOf } from "./gates.js";
import { counted } from "./prober.js";

/** What is asked, by the name that findings go by. */
export const questions = {
  ssh: "can the host be asked?",
  nft: "does the kernel take the front's rules, and know a good answer by its first bytes?",
  sudo: "may the user call the front's helper without a password?",
  cgroups: "does the kernel tell how much memory the container uses?",
  nodes: "does every node of the balancer ask every host for its health?",
  interval: "do they ask as often as the manifest says?",
  range: "do they ask from within the private network?",
  keepalive: "does the balancer keep connections to hosts only where that is declared?",
  ejection: "does a request that is under way end well on a host that the balancer lets go?",
  port: "does the balancer take another health port in without losing a request?",
} as const;
export type Question = keyof typeof questions;

/** What was found is as assumed; or it is not, or nobody knows, and then there is something to do, or to know. */
export type Finding = {
  readonly question: Question;
  /** Null for what is asked of the fleet or of the balancer. */
  readonly host: string | null;
  readonly found: string;
} & ({ readonly answer: "ok" } | { readonly answer: "not as assumed" | "unknown"; readonly advice: string });

/** What was seen of one host. */
export interface Examined {
  readonly survey: Pick<Survey, "front" | "traffic" | "containers" | "health" | "usedMemoryMb">;
  readonly examination: Examination;
  /** Who came in the last {@link withinSeconds}; null where the front did not tell. */
  readonly evidence: FrontEvidence | null;
}

export interface HostFacts {
  readonly info: ManifestHost;
  /** Why it could not be asked, otherwise. */
  readonly seen: Examined | RolloutError;
}

/** What became of requests that were sent one after the other on one connection to the balancer. */
export interface Connections {
  readonly sent: number;
  /** Why some of them were not answered. */
  readonly failures: readonly string[];
  /** New connections that the hosts counted on their service ports meanwhile; null where not every host told. */
  readonly came: number | null;
  /** The same in as many seconds after that, in which none were sent: they are of other clients. */
  readonly others: number | null;
}

/** Least requests that the question about kept connections takes. */
const LEAST_REQUESTS = 20;
/** A balancer that keeps its connections makes one to each host at first; so few of all requests tell that from one for each. */
const REQUESTS_PER_HOST = 3;

/** Probes that are looked at, if there were so many; fewer than the second tell no interval. */
const PROBES = 20;
const LEAST_PROBES = 3;
const LEAST_SECONDS = 60;
/**
 * Shares of the declared interval between which it is as declared. A drain takes probes that come sooner than nine tenths for somebody else's
 * (gates.ts). One that is missing among five makes a quarter more.
 */
const SOONEST = 0.9;
const LATEST = 1.25;

const HELPER_HELD = 75;

/** How far back is looked for probes: 20 intervals, 60 to 900 s. */
export const withinSeconds = ({ checkIntervalSeconds }: Pick<ObservedCheck, "checkIntervalSeconds">): number =>
  Math.min(FRONT_MEMORY_SECONDS, Math.max(LEAST_SECONDS, Math.ceil(PROBES * checkIntervalSeconds)));

/** Requests that show whether connections to so many hosts are kept: 20, or 3 for each host. */
export const requestsFor = (hosts: number): number => Math.max(LEAST_REQUESTS, REQUESTS_PER_HOST * hosts);

/** Findings about the hosts, one for each question and host. */
export function hostFindings(manifest: Manifest, { info, seen }: HostFacts): Finding[] {
  const host = info.name;
  if (seen instanceof RolloutError) {
    const advice = "nothing else is known of it; mend the way to it (docs/runbook.md), then ask again";
    return [{ question: "ssh", host, answer: "not as assumed", found: `${seen.code}: ${seen.message}`, advice }];
  }
  const { container } = hostContainer(manifest, info);
  return [
    { question: "nft", host, ...nft(manifest, info, seen) },
    { question: "sudo", host, ...sudo(seen.examination.network) },
    { question: "cgroups", host, ...cgroups(seen, container) },
  ];
}

type Told<Kind = Finding> = Kind extends Finding ? Omit<Kind, "question" | "host"> : never;
const ok = (found: string): Told => ({ answer: "ok", found });
const differs = (found: string, advice: string): Told => ({ answer: "not as assumed", found, advice });
const unknown = (found: string, advice: string): Told => ({ answer: "unknown", found, advice });

const inWords = ({ code, words }: HelperSaid): string => (words === "" ? `it ended with ${code}` : words);

/** The helper loads its rules in one transaction: where the table is, the kernel has taken every rule, the raw payload match among them. */
function nft(manifest: Manifest, info: ManifestHost, { survey, examination }: Examined): Told {
  const { network, show } = examination;
  const { container, checkPort } = hostContainer(manifest, info);
  if (network.code !== 0) return unknown("the front's helper cannot be called", 'see "sudo", then ask again');
  if (show.code === HELPER_HELD) return unknown("another call held the helper's lock", "ask again");
  if (show.code !== 0)
    return differs(
      inWords(show),
      `no container can be led to there: "journalctl -u evenkeel-front" says what nft refused, and "sudo ${FRONT_HELPER} restore" loads it again`,
    );
  if (survey.front?.state === "elsewhere")
    return differs(
      "the kernel has the front's table, and not as the helper left it",
      `find out who changes it ("journalctl -u evenkeel-front-watch"); "sudo ${FRONT_HELPER} check" loads it anew`,
    );
  const probes = survey.traffic?.probes ?? [];
  if (probes.some(({ outcome }) => outcome === "passed"))
    return ok("the kernel has the rules, and has known the answers to probes");
  if (probes.length === 0 || survey.health !== 200)
    return ok("the kernel has the rules; no good answer to a probe was there to be known");
  return differs(
    "the kernel has the rules, and knew no answer to a probe, although the host itself is answered 200",
    `compare what the balancer is answered ("curl -i http://${info.privateAddress}:${checkPort ?? ""}${manifest.healthCheck.path}" with its Host header) with "sudo ${FRONT_HELPER} evidence ${container} 60" there`,
  );
}

const sudo = (network: HelperSaid): Told =>
  network.code === 0
    ? ok("sudo lets it, and asks nothing")
    : differs(
        inWords(network),
        'no rollout can begin there: see "cloud-init status --long" on a droplet; root puts the helper on another machine (docs/any-balancer.md)',
      );

function cgroups({ survey, examination }: Examined, container: string): Told {
  const version = examination.cgroups === null ? "no cgroups are mounted" : `version ${examination.cgroups}`;
  if (survey.usedMemoryMb !== null) return ok(`${version}; the container uses ${survey.usedMemoryMb} MB`);
  if (!survey.containers.current?.running)
    return unknown(`${version}; no container ${container} runs that could be measured`, "deploy, then ask again");
  return differs(
    `${version}; the memory of the container ${container} is not told`,
    'whether a second container fits is guessed then: set service.memoryMb, or strategy to "drain"',
  );
}

/** What a host's front told of who asks for its health. */
interface Teller {
  readonly host: string;
  readonly evidence: FrontEvidence;
}

/** Findings about who asks the hosts for their health. */
export function probeFindings(manifest: Manifest, hosts: readonly HostFacts[]): Finding[] {
  const of = (question: Question, told: Told): Finding => ({ question, host: null, ...told });
  const check = manifest.healthCheck;
  const within = withinSeconds(check);
  const all = (told: Told): Finding[] => (["nodes", "interval", "range"] as const).map((name) => of(name, told));
  if (hosts.some(({ info }) => hostContainer(manifest, info).checkPort === null))
    return all(
      unknown(
        "the balancer asks the service port, where its probes look like any request",
        "give its check a port of its own (docs/any-balancer.md)",
      ),
    );
  const tellers = hosts.flatMap(({ info, seen }): Teller[] =>
    seen instanceof RolloutError || seen.evidence === null ? [] : [{ host: info.name, evidence: seen.evidence }],
  );
  if (tellers.length === 0)
    return all(unknown("no host has a front that leads to a container", "deploy, then ask again"));
  const nodes = nodesOf(tellers.map(asked), manifest.hosts, check);
  if (nodes.length === 0)
    return all(
      differs(
        `nobody asked a health port lately, of the last ${within} s that were looked at`,
        "look at the balancer's health check, at the droplets' tag and at the firewall",
      ),
    );
  return [
    of("nodes", nodesTold(manifest, tellers, nodes)),
    of("interval", intervalTold(check, tellers, nodes)),
    of("range", rangeTold(manifest, hosts, nodes)),
  ];
}

const asked = ({ evidence }: Teller) => ({ probes: evidence.asked });

function nodesTold({ hosts, healthCheck }: Manifest, tellers: readonly Teller[], nodes: readonly string[]): Told {
  const told = `${nodes.length === 1 ? "one node" : `${nodes.length} nodes`}: ${nodes.join(", ")}`;
  const missing = tellers.flatMap((teller) => {
    const own = nodesOf([asked(teller)], hosts, healthCheck);
    return nodes.filter((node) => !own.includes(node)).map((node) => `${node} does not ask ${teller.host}`);
  });
  if (missing.length > 0)
    return differs(
      `${told}; ${missing.join(", ")}`,
      "where it is the balancer's, look at that droplet's tag and firewall; where it is not, keep it away from the health port: a rollout waits for it",
    );
  const silent = hosts.filter(({ name }) => !tellers.some(({ host }) => host === name)).map(({ name }) => name);
  if (silent.length > 0)
    return unknown(
      `${told}; ${silent.join(", ")} ${silent.length === 1 ? "does" : "do"} not tell who asks`,
      "no container may be led to there: see what is said of these hosts, deploy, then ask again",
    );
  return ok(`${told}; as all ${hosts.length} hosts tell`);
}

function intervalTold(
  { checkIntervalSeconds: declared, ...check }: ObservedCheck,
  tellers: readonly Teller[],
  nodes: readonly string[],
): Told {
  const seconds = tellers.flatMap(({ evidence }) =>
    evidence.asked
      .filter(({ node, count }) => nodes.includes(node) && count >= LEAST_PROBES)
      .map(({ count, oldestMs, newestMs }) => (oldestMs - newestMs) / (count - 1) / 1000),
  );
  if (seconds.length === 0)
    return unknown(
      "too few probes came to tell an interval",
      `ask again after ${LEAST_PROBES} intervals, ${LEAST_PROBES * declared} s`,
    );
  const [least, most] = [Math.min(...seconds), Math.max(...seconds)];
  const told = `every ${least.toFixed(1)}${most - least < 0.1 ? "" : ` to ${most.toFixed(1)}`} s, and ${declared} s are declared`;
  if (least >= SOONEST * declared && most <= LATEST * declared) return ok(told);
  return differs(
    told,
    least < SOONEST * declared
      ? `a drain does not take probes that come so soon for the balancer's: set healthCheck.checkIntervalSeconds to what it does (its thresholds are ${check.unhealthyThreshold} and ${check.healthyThreshold}), or keep others away from the port`
      : "waits and deadlines are those of a faster balancer: set healthCheck.checkIntervalSeconds to what it does",
  );
}

function rangeTold({ loadBalancer }: Manifest, hosts: readonly HostFacts[], nodes: readonly string[]): Told {
  const ranges = [
    ...new Set(
      hosts.flatMap(({ seen }) => (seen instanceof RolloutError ? [] : (seen.examination.privateRange ?? []))),
    ),
  ];
  if (ranges.length === 0)
    return unknown(
      `${nodes.join(", ")}; no host has a route that tells the private network's range`,
      'compare with "ip -4 address" on a droplet',
    );
  const outside = nodes.filter((node) => !ranges.some((range) => overlap(range, `${node}/32`)));
  if (outside.length === 0) return ok(`all of them are within ${ranges.join(", ")}`);
  const told = `${outside.join(", ")} outside of ${ranges.join(", ")}`;
  // Nobody assumes where a balancer of one's own asks from.
  return loadBalancer.id === ""
    ? ok(`${told}, as a balancer of your own may be`)
    : differs(
        told,
        "something between balancer and droplets changes addresses, or it is not the balancer's: several nodes behind one address count as one, and a drain may end too early",
      );
}

/** @param connections why nothing was sent, otherwise */
export function keepaliveFinding(manifest: Manifest, connections: Connections | string): Finding {
  return { question: "keepalive", host: null, ...keepalive(manifest, connections) };
}

function keepalive({ loadBalancer }: Manifest, connections: Connections | string): Told {
  if (typeof connections === "string") return unknown(connections, "deploy, then ask again");
  const { sent, failures, came, others } = connections;
  if (failures.length > 0)
    return unknown(
      `${failures.length} of ${sent} requests were not answered (${reasonsInWords(counted(failures))})`,
      "find out why, then ask again",
    );
  if (came === null || others === null)
    return unknown("not every host told how many connections came", "see what is said of the hosts, then ask again");
  const counts = `${sent} requests were answered, and ${came} new connections came to the hosts`;
  if (loadBalancer.backendKeepalive) return ok(`${counts}; that connections are kept is declared (backendKeepalive)`);
  if (came < sent)
    return differs(
      counts,
      "the balancer keeps connections to hosts, or somebody else answered: a host that the outputs file does not list, or a cache. Requests on a kept connection go on to the container before: set loadBalancer.backendKeepalive to false there, or declare it together with service.drainPort (docs/own-app.md)",
    );
  if (came - others < sent)
    return unknown(`${counts}, and ${others} in as long without`, "ask again when fewer other clients are there");
  return ok(`${counts}, ${others} in as long without`);
}

/** What no look tells, and how to find it out by hand. */
export const byHand: readonly Finding[] = [
  {
    ...{
      question: "ejection",
      host: null,
      answer: "unknown",
      found: "not asked, as a host would have to leave rotation",
    },
    advice:
      'refuse the health port of a host for a while under a slow request, while no rollout runs (docs/runbook.md, "Find out what your droplets and balancer really do")',
  },
  {
    ...{ question: "port", host: null, answer: "unknown", found: "not asked, as only a change of the balancer tells" },
    advice:
      'change it in two deploys under load, healthCheck.nextPort first (docs/runbook.md, "Another health path, health port or service port")',
  },
];

/** Whether all that was found is as assumed, or unknown. */
export const isAsAssumed = (findings: readonly Finding[]): boolean =>
  findings.every(({ answer }) => answer !== "not as assumed");
