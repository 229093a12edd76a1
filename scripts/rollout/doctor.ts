/** Finds out whether droplets and balancer are as Evenkeel assumes, without changing anything. */
import { FRONT_MEMORY_SECONDS } from "../../contract/host.js";
import type { Manifest, ManifestHost } from "../../contract/manifest.js";
import {
  byHand,
  hostFindings,
  keepaliveFinding,
  probeFindings,
  requestsFor,
  withinSeconds,
  type Connections,
  type Finding,
  type HostFacts,
} from "./core/doctor.js";
import { RolloutError } from "./core/errors.js";
import type { Clock, Host, Hosts, Witness } from "./ports.js";

/** Milliseconds between the requests that are sent one after the other. */
const EVERY_MS = 100;

export interface DoctorPorts {
  readonly hosts: Hosts;
  /** Sends what is sent one after the other on one connection to the balancer, as a browser does: what comes first on one may always get a new one to its host. */
  readonly browser: Pick<Witness, "send">;
  readonly clock: Clock;
}

/** What was looked at, with a connection that is open to it. */
interface Patient {
  readonly host: Host;
  readonly facts: HostFacts;
}

/** Asks all of {@link questions}, those of the hosts first. */
export async function doctor(manifest: Manifest, ports: DoctorPorts): Promise<Finding[]> {
  const opened = manifest.hosts.map((info) => ({ info, host: ports.hosts.open(info) }));
  try {
    const patients = await Promise.all(opened.map(({ info, host }) => examine(manifest, info, host)));
    const facts = patients.map((patient) => patient.facts);
    return [
      ...facts.flatMap((one) => hostFindings(manifest, one)),
      ...probeFindings(manifest, facts),
      keepaliveFinding(manifest, await connectionsOf(patients, ports)),
      ...byHand,
    ];
  } finally {
    await Promise.all(opened.map(({ host }) => host.close()));
  }
}

async function examine({ healthCheck }: Manifest, info: ManifestHost, host: Host): Promise<Patient> {
  try {
    const survey = await host.survey();
    const evidence = await host.evidence(withinSeconds(healthCheck));
    return { host, facts: { info, seen: { survey, evidence, examination: await host.examine() } } };
  } catch (error) {
    if (!(error instanceof RolloutError)) throw error;
    return { host, facts: { info, seen: error } };
  }
}

/** Why nothing was sent, otherwise. */
async function connectionsOf(
  patients: readonly Patient[],
  { browser, clock }: DoctorPorts,
): Promise<Connections | string> {
  const before = await countedBy(patients);
  if (before === null) return "not every host counts the connections that come to it";
  const beganMs = clock.now();
  const failures: string[] = [];
  const wanted = requestsFor(patients.length);
  let sent = 0;
  // Where nothing answers, each further one would take as long as its timeout.
  while (sent < wanted && failures.length === 0) {
    const report = await browser.send(1);
    sent += report.sent;
    failures.push(...report.failures);
    await clock.sleep(EVERY_MS);
  }
  const tookMs = clock.now() - beganMs;
  const after = await countedBy(patients);
  await clock.sleep(tookMs);
  const later = await countedBy(patients);
  return { sent, failures, came: differenceOf(before, after), others: differenceOf(after, later) };
}

/** Connections to service ports so far, over all hosts; null where one did not tell. */
async function countedBy(patients: readonly Patient[]): Promise<number | null> {
  const counts = await Promise.all(patients.map(connectionsTo));
  return counts.reduce((sum, count) => (sum === null || count === null ? null : sum + count), 0);
}

async function connectionsTo({ host, facts }: Patient): Promise<number | null> {
  if (facts.seen instanceof RolloutError) return null;
  try {
    const evidence = await host.evidence(FRONT_MEMORY_SECONDS);
    return evidence?.opened.reduce((sum, { count }) => sum + count, 0) ?? null;
  } catch (error) {
    if (!(error instanceof RolloutError)) throw error;
    return null;
  }
}

/** Null also where fewer came by the end: a kernel forgets after 15 minutes without one, and when its table is loaded anew. */
const differenceOf = (before: number | null, after: number | null): number | null =>
  before === null || after === null || after < before ? null : after - before;
