/** Which release the fleet is to run. */
import { createHash } from "node:crypto";
import type { Service } from "../../../contract/policy.js";
import { releaseSettings, type Release } from "../../../contract/release.js";
import type { Survey } from "../ports.js";
import { RolloutError } from "./errors.js";

/** A release of this image with these settings; the same two always give the same id. */
export function releaseOf(image: string, service: Service, healthPath: string): Release {
  const id = createHash("sha256")
    .update(`${image}\n${releaseSettings(service, healthPath)}`)
    .digest("hex")
    .slice(0, 16);
  return { id, image, service, healthPath };
}

/** Whether clients get answers from this host as it was surveyed. */
export function serves(survey: Survey): boolean {
  if (survey.retired || !survey.containers.current?.running || survey.health !== 200) return false;
  return survey.lifecycle === null || survey.lifecycle.state === "serving";
}

/**
 * Image to keep when none was given: the one that the serving hosts run; null when no host runs any.
 * @throws RolloutError ReleasesDiffer, NoRelease
 */
export function imageToKeep(surveys: ReadonlyMap<string, Survey>): string | null {
  const images = new Map<string, string[]>();
  for (const [host, survey] of surveys) {
    if (!serves(survey)) continue;
    const { current } = survey.containers;
    const known = survey.releases.find((release) => release.id === current?.release);
    if (!known) {
      throw new RolloutError(
        "NoRelease",
        `no image was given, and ${host} serves ${current?.image ?? "an unknown image"}, which no rollout brought there; name the image by digest`,
      );
    }
    images.set(known.image, [...(images.get(known.image) ?? []), host]);
  }
  if (images.size > 1) {
    const list = [...images].map(([image, hosts]) => `${hosts.join(", ")}: ${image}`).join("; ");
    throw new RolloutError(
      "ReleasesDiffer",
      `no image was given, and the serving hosts run different ones (${list}); name the image by digest`,
    );
  }
  return [...images.keys()][0] ?? null;
}
