/** Which release the fleet is to run. */
import { createHash } from "node:crypto";
import { RECORD_KEY_VARIABLE } from "../../../contract/history.js";
import type { Front } from "../../../contract/host.js";
import type { Manifest } from "../../../contract/manifest.js";
import type { Service } from "../../../contract/policy.js";
import {
  pinnedImage,
  releaseSettings,
  sameContent,
  type FurtherSettings,
  type Release,
} from "../../../contract/release.js";
import type { Survey } from "../ports.js";
import { RolloutError } from "./errors.js";
import type { KnownHistory } from "./history.js";

/** A release of this image with these settings and secrets; the same ones always give the same id. */
export function releaseOf(
  image: string,
  service: Service,
  healthPath: string,
  { nextHealthPath, secretsFingerprint = null }: FurtherSettings = {},
): Release {
  const id = createHash("sha256")
    .update(`${image}\n${releaseSettings(service, healthPath, { nextHealthPath, secretsFingerprint })}`)
    .digest("hex")
    .slice(0, 16);
  const next = nextHealthPath === undefined ? {} : { nextHealthPath };
  return { id, image, service, healthPath, ...next, secretsFingerprint };
}

/**
 * Whether a release file that a host keeps is what its id says. Everything that reaches `docker run` is in the id but the stop timeout, which is at
 * most an hour. A file of any other content counts for nothing.
 */
export const isGenuine = ({ id, image, service, healthPath, nextHealthPath, secretsFingerprint }: Release): boolean =>
  releaseOf(image, service, healthPath, { nextHealthPath, secretsFingerprint }).id === id;

/** A release as it would be rolled out today: its own image, settings and secrets, and the manifest's health path. */
export function asToday({ healthCheck }: Pick<Manifest, "healthCheck">, release: Omit<Release, "id" | "healthPath">) {
  const { image, service, secretsFingerprint } = release;
  return releaseOf(image, service, healthCheck.path, { nextHealthPath: healthCheck.nextPath, secretsFingerprint });
}

/** Whether clients get answers from this host as it was surveyed. */
export function serves(survey: Survey): boolean {
  if (survey.retired || !survey.containers.current?.running || survey.health !== 200) return false;
  return !isDraining(survey);
}

/**
 * Whether the balancer may still send requests to it: a draining host gets them until every node has let it go, and an answer from 200 to 399
 * is a passed probe to a balancer.
 */
export const mayGetRequests = (survey: Survey): boolean => serves(survey) || isDraining(survey) || passesProbes(survey);

/** Whether it has been told to leave rotation: its health ports are refused. */
export const isDraining = ({ traffic }: Survey): boolean => traffic?.state === "draining";

const passesProbes = ({ retired, containers, health }: Survey): boolean =>
  !retired && containers.current?.running === true && isPass(health);

/** Whether a balancer takes this answer of a health path for healthy. */
export const isPass = (health: number | null): boolean => health !== null && health >= 200 && health < 400;

/** What its container was made for, by the host's own file; undefined where it keeps none. */
export const releaseOn = ({ containers: { current }, releases }: Survey): Release | undefined =>
  releases.find(({ id }) => id === current?.release);

/** Whether anything of a running app shows: its container, or somebody on its port. */
const showsLife = (survey: Survey): boolean => survey.containers.current?.running === true || isPortTaken(survey);

/** Whether somebody takes connections on the service port, whatever the answer. */
export const isPortTaken = ({ health, healthError }: Pick<Survey, "health" | "healthError">): boolean =>
  health !== null || (healthError !== null && !isUnconnected(healthError));

/**
 * Which port a host could not have, as something else than the fleet's container has it; null where none is known. Without a front, Docker may have
 * published the service port of a container that runs, as the article does.
 * @param ports that the front is to have
 */
export function portInTheWay(survey: Survey, ports: FrontPorts): number | null {
  const { front, answered } = survey;
  const running = survey.containers.current?.running === true;
  const published = running && front === null ? ports.services : [];
  const taken = answered.find((port) => !published.includes(port));
  if (taken !== undefined) return taken;
  // Its front leads to a container that Docker does not show.
  return !running && isPortTaken(survey) ? (ports.checks[0] ?? ports.services[0] ?? null) : null;
}

/** Ports that requests come in by, and those that the balancer's health check asks where it has its own. */
export type FrontPorts = Pick<Front, "services" | "checks">;

/**
 * Whether curl found nobody who takes a connection: it could not resolve (5, 6), connect (7), or connect in time (28).
 * @see https://curl.se/libcurl/c/libcurl-errors.html
 */
export const isUnconnected = (healthError: string | null): boolean =>
  healthError !== null &&
  /^curl: \((?:5|6|7)\)|^curl: \(28\) (?:Connection timed out|connect\(\) timed out|Failed to connect)/.test(
    healthError,
  );

/**
 * Whether one look cannot tell what a host is to its clients: an app shows, yet not as one that serves. A busy host may have been slow
 * once, its Docker as well; the balancer needs several failed probes before it lets go.
 */
export const isDoubtful = (survey: Survey): boolean =>
  showsLife(survey) && !survey.retired && !isDraining(survey) && !serves(survey);

/**
 * Image to keep when none was given: the one that the serving hosts run; where none serves, the one that they run; null when no
 * host runs any. One machine's word is not enough, as what is kept becomes an order for all. So the history has to know the image, or two
 * machines have to run it.
 * @param machineOf what a host is a container on, by its name
 * @throws RolloutError ReleasesDiffer, NoRelease, ReleaseAltered
 */
export function imageToKeep(
  surveys: ReadonlyMap<string, Survey>,
  known: KnownHistory,
  machineOf: MachineOf,
): string | null {
  const all = [...surveys];
  const serving = all.filter(([, survey]) => serves(survey));
  const running = all.filter(([, survey]) => survey.containers.current?.running === true);
  const images = imagesOf(serving.length > 0 ? serving : running, known);
  const [found, ...others] = images;
  if (!found) return null;
  if (others.length > 0) {
    const list = [...images].map(([image, hosts]) => `${hosts.join(", ")}: ${image}`).join("; ");
    throw new RolloutError(
      "ReleasesDiffer",
      `no image was given, and the hosts run different ones (${list}); name the image by digest`,
    );
  }
  const [image, hosts] = found;
  if (areSeveral(hosts, machineOf) || known.history?.entries.some(({ release }) => release.image === image))
    return image;
  throw new RolloutError(
    "NoRelease",
    `no image was given, and only ${onOneMachine(hosts)} that ${image} serves: ${whyUnknown(known)}; name the image by digest`,
  );
}

/** The machine that a host of that name is on: whoever has that has all hosts on it. */
export type MachineOf = (host: string) => string;

const areSeveral = (hosts: readonly string[], machineOf: MachineOf): boolean => new Set(hosts.map(machineOf)).size > 1;

const onOneMachine = (hosts: readonly string[]): string =>
  hosts.length > 1 ? `${hosts.join(" and ")}, on one machine, say` : `${hosts.join()} says`;

/** Why nothing but the hosts themselves tells what was served. */
const whyUnknown = ({ history, ignored }: KnownHistory): string =>
  history || ignored.length === 0
    ? "no record tells that the whole fleet served it"
    : `no record of what the whole fleet served can be believed (${ignored.map(({ host, why }) => `${host}: ${why}`).join("; ")}); set ${RECORD_KEY_VARIABLE} to the key of whoever deployed`;

/**
 * Images, each with the hosts that run it.
 * @throws RolloutError ReleaseAltered, NoRelease; each names every host that it is true of
 */
function imagesOf(hosts: readonly (readonly [string, Survey])[], known: KnownHistory): Map<string, string[]> {
  const found = hosts.map(([host, survey]) => ({ host, ...imageOn(survey, known) }));
  const changed = found.flatMap((one) => ("altered" in one ? [{ host: one.host, id: one.altered }] : []));
  if (changed.length > 0) throw altered(changed);
  const strays = found.flatMap((one) => ("stray" in one ? [`${one.host} runs ${one.stray}`] : []));
  if (strays.length > 0) {
    throw new RolloutError(
      "NoRelease",
      `no image was given, and ${strays.join(", ")}, which no rollout brought there; name the image by digest`,
    );
  }
  return grouped(found.flatMap((one) => ("image" in one ? [[one.image, one.host] as const] : [])));
}

/** By the history where that knows the release, else by the host's own file: the id of one that was altered, or what no rollout brought there. */
function imageOn(
  survey: Survey,
  { history }: KnownHistory,
): { image: string } | { altered: string } | { stray: string } {
  const { current } = survey.containers;
  const entry = history?.entries.findLast(({ release }) => release.id === current?.release);
  if (entry) return { image: entry.release.image };
  const file = releaseOn(survey);
  if (!file) return { stray: current?.image ?? "an unknown image" };
  return isGenuine(file) ? { image: file.image } : { altered: file.id };
}

/** What such a host says of its image is not told: whoever changed the file would have it deployed. */
function altered(files: readonly { readonly host: string; readonly id: string }[]): RolloutError {
  const where = [...grouped(files.map(({ host, id }) => [id, host] as const))].map(
    ([id, hosts]) => `${hosts.join(", ")}: the file of release ${id} was changed there`,
  );
  return new RolloutError(
    "ReleaseAltered",
    `${where.join("; ")}, as the content gives another id; name the image by digest, and find out who changed it`,
  );
}

function grouped(pairs: readonly (readonly [string, string])[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const [key, value] of pairs) groups.set(key, [...(groups.get(key) ?? []), value]);
  return groups;
}

/**
 * The one name by digest that every host knows what arrived by: a host that lies can refuse one, and choose none. An image may have several in
 * its repository, as one that was built again from the same layers.
 * @param image as it was asked for
 * @param arrived names by digest, by host
 * @throws RolloutError DigestsDiffer
 */
export function agreedDigest(image: string, arrived: ReadonlyMap<string, readonly string[]>): string {
  const [first = [], ...others] = [...arrived.values()];
  const agreed = first.find((one) => others.every((names) => names.includes(one)));
  const isPinned = pinnedImage.safeParse(image).success;
  if (agreed !== undefined && (!isPinned || agreed === image)) return agreed;
  const list = [...arrived].map(([host, names]) => `${host}: ${names.join(" or ")}`).join("; ");
  const fix = isPinned ? "push the image again" : "if its tag has moved meanwhile, deploy again, else by digest";
  throw new RolloutError("DigestsDiffer", `${image} did not arrive as the same image on every host (${list}); ${fix}`);
}

/** What all serving hosts run; or why none that counts. */
export type Served = { readonly release: Release } | { readonly why: string };

/**
 * The release that all serving hosts of the manifest run. More than one machine's word has to tell its content: that of the history, or of hosts
 * on two machines that serve it with the same content.
 * @param beside superseded hosts, whose word counts as much
 * @param machineOf what a host is a container on, by its name
 */
export function releaseServed(
  surveys: ReadonlyMap<string, Survey>,
  beside: ReadonlyMap<string, Survey>,
  known: KnownHistory,
  machineOf: MachineOf,
): Served {
  const serving = [...surveys.values()].filter(serves);
  const [id, ...others] = new Set(serving.map(({ containers }) => containers.current?.release ?? null));
  if (others.length > 0) return { why: "the hosts that serve did not all serve one release before" };
  if (!id) return { why: "no host served a release of a rollout before" };
  const entry = known.history?.entries.findLast(({ release }) => release.id === id);
  return entry ? { release: entry.release } : agreed(id, [...surveys, ...beside], known, machineOf);
}

/** What hosts on two machines or more serve under that id, with the same content. */
function agreed(
  id: string,
  hosts: readonly (readonly [string, Survey])[],
  known: KnownHistory,
  machineOf: MachineOf,
): Served {
  const files = hosts.flatMap(([host, survey]) => {
    const file = survey.releases.find((release) => release.id === id);
    return serves(survey) && survey.containers.current?.release === id && file ? [{ host, file }] : [];
  });
  const bad = files.filter(({ file }) => !isGenuine(file)).map(({ host }) => ({ host, id }));
  if (bad.length > 0) return { why: altered(bad).message };
  const [first, ...others] = files;
  const differing = others.filter(({ file }) => first && !sameContent(first.file, file));
  if (first && differing.length > 0) {
    const names = [first, ...differing].map(({ host }) => host).join(", ");
    return {
      why: `${names} keep different content of release ${id} (${first.file.image}); deploy that image by digest`,
    };
  }
  const names = files.map(({ host }) => host);
  if (first && areSeveral(names, machineOf)) return { release: first.file };
  return { why: `only ${first ? onOneMachine(names) : "a host says"} what release ${id} is: ${whyUnknown(known)}` };
}
