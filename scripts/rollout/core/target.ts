/** Which release the fleet is to run. */
import { createHash } from "node:crypto";
import type { Service } from "../../../contract/policy.js";
import { releaseSettings, type FurtherSettings, type Release } from "../../../contract/release.js";
import type { Survey } from "../ports.js";
import { RolloutError } from "./errors.js";

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

/** Whether clients get answers from this host as it was surveyed. */
export function serves(survey: Survey): boolean {
  if (survey.retired || !survey.containers.current?.running || survey.health !== 200) return false;
  return survey.lifecycle === null || survey.lifecycle.state === "serving";
}

/** Whether the balancer may still send requests to it: a draining host gets them until every node has let it go. */
export const mayGetRequests = (survey: Survey): boolean => serves(survey) || survey.lifecycle?.state === "draining";

/** Whether anything of a running app shows: its container, its health or its control port. */
export const showsLife = ({ containers, health, lifecycle }: Survey): boolean =>
  containers.current?.running === true || health === 200 || lifecycle !== null;

/**
 * Whether one look cannot tell what a host is to its clients: an app shows, yet not as one that serves. A busy host may have been slow
 * once, its Docker as well; the balancer needs several failed probes before it lets go.
 */
export const isDoubtful = (survey: Survey): boolean =>
  showsLife(survey) && !survey.retired && survey.lifecycle?.state !== "draining" && !serves(survey);

/**
 * Image to keep when none was given: the one that the serving hosts run; where none serves, the one that they run; null when no
 * host runs any.
 * @throws RolloutError ReleasesDiffer, NoRelease
 */
export function imageToKeep(surveys: ReadonlyMap<string, Survey>): string | null {
  const all = [...surveys];
  const serving = all.filter(([, survey]) => serves(survey));
  const running = all.filter(([, survey]) => survey.containers.current?.running === true);
  return commonImage(serving.length > 0 ? serving : running);
}

function commonImage(hosts: readonly (readonly [string, Survey])[]): string | null {
  const images = new Map<string, string[]>();
  for (const [host, survey] of hosts) {
    const { current } = survey.containers;
    const known = survey.releases.find((release) => release.id === current?.release);
    if (!known) {
      throw new RolloutError(
        "NoRelease",
        `no image was given, and ${host} runs ${current?.image ?? "an unknown image"}, which no rollout brought there; name the image by digest`,
      );
    }
    images.set(known.image, [...(images.get(known.image) ?? []), host]);
  }
  if (images.size > 1) {
    const list = [...images].map(([image, hosts]) => `${hosts.join(", ")}: ${image}`).join("; ");
    throw new RolloutError(
      "ReleasesDiffer",
      `no image was given, and the hosts run different ones (${list}); name the image by digest`,
    );
  }
  return [...images.keys()][0] ?? null;
}

/** Release that all serving hosts run; null when none serves, they run different ones, or its files are gone. */
export function releaseServed(surveys: ReadonlyMap<string, Survey>): Release | null {
  const serving = [...surveys.values()].filter(serves);
  const [id, ...others] = new Set(serving.map(({ containers }) => containers.current?.release ?? null));
  if (others.length > 0) return null;
  return serving.flatMap(({ releases }) => releases).find((release) => release.id === id) ?? null;
}

/** What a release before the serving one is, and which one it was before. */
export interface Before {
  readonly release: Release;
  /** Id of the release to go back from. */
  readonly from: string;
}

/**
 * The release that the fleet ran before the newest that any host runs. Hosts that a broken-off rollout left on different releases agree
 * on it: what is the one before on some runs on the others.
 * @param surveys of the listed hosts
 * @throws RolloutError NothingBefore when no host keeps one, ReleasesDiffer when they do not agree
 */
export function releaseBefore(surveys: ReadonlyMap<string, Survey>): Before {
  const all = [...surveys.values()];
  const pairs = all.flatMap(({ containers: { current, previous } }) =>
    current?.release ? [{ current: current.release, previous: previous?.release ?? null }] : [],
  );
  const older = new Set(pairs.map(({ previous }) => previous));
  const newest = pairs.filter(({ current }) => !older.has(current));
  const from = new Set(newest.map(({ current }) => current));
  const before = new Set(newest.flatMap(({ previous }) => previous ?? []));
  const [one, ...others] = before;
  const [newestId = ""] = from;
  if (from.size > 1 || others.length > 0 || (pairs.length > 0 && from.size === 0)) {
    const list = [...surveys].map(([host, { containers }]) => `${host}: ${nameOf(containers)}`).join("; ");
    throw new RolloutError(
      "ReleasesDiffer",
      `the hosts do not agree on which release came before (${list}); deploy the image that you want by digest`,
    );
  }
  const release = all.flatMap(({ releases }) => releases).find(({ id }) => id === one);
  if (release) return { release, from: newestId };
  throw new RolloutError(
    "NothingBefore",
    `no host keeps a release before ${newestId || "the first"}; deploy an older image by digest`,
  );
}

const nameOf = ({ current, previous }: Survey["containers"]): string =>
  `${current?.release ?? "nothing"}, before it ${previous?.release ?? "nothing"}`;
