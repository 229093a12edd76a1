/** Images that one droplet has pulled. */
import { DockerError } from "../../model/docker-error.js";
import { parseReference } from "./reference.js";
import type { LabImage } from "./registry.js";

export interface StoredImage extends LabImage {
  /** Names by which it was pulled: by tag, by digest or both. */
  readonly repoTags: readonly string[];
  readonly repoDigests: readonly string[];
}

export class ImageStore {
  #images: StoredImage[] = [];

  list(): readonly StoredImage[] {
    return this.#images;
  }

  /** Keeps a pulled image under the name it was asked by. */
  keep(image: LabImage, name: string): void {
    const { tag, repository } = parseReference(name);
    const known = this.#images.find((stored) => stored.id === image.id);
    // A tag belongs to one image only: the one before loses it.
    this.#images = this.#images.map((stored) => ({
      ...stored,
      repoTags: stored.repoTags.filter((one) => one !== `${repository}:${tag}`),
    }));
    const repoTags = [...(known?.repoTags ?? []), ...(tag ? [`${repository}:${tag}`] : [])];
    const repoDigests = [...(known?.repoDigests ?? []), `${repository}@${image.digest}`];
    const stored = { ...image, repoTags: [...new Set(repoTags)], repoDigests: [...new Set(repoDigests)] };
    this.#images = [...this.#images.filter((one) => one.id !== image.id), stored];
  }

  /** By digest, tag or id; null when there is none. */
  find(name: string): StoredImage | null {
    const byId = this.#images.find((image) => image.id === name || image.id.startsWith(`sha256:${name}`));
    if (byId && /^(sha256:)?[0-9a-f]{12,64}$/.test(name)) return byId;
    const { repository, tag, digest } = parseReference(name);
    return (
      this.#images.find(({ repoTags, repoDigests }) =>
        digest ? repoDigests.includes(`${repository}@${digest}`) : repoTags.includes(`${repository}:${tag}`),
      ) ?? null
    );
  }

  /**
   * Takes one name away, and the image with its last one.
   * @param users containers made from it
   * @returns the lines that `docker rmi` prints
   */
  remove(name: string, users: readonly { readonly id: string }[]): string[] {
    const image = this.find(name);
    if (!image) throw new DockerError(`No such image: ${name}`);
    const names = [...image.repoTags, ...image.repoDigests];
    const last = !names.includes(name) || names.length === 1;
    if (last) refuseUsed(name, image, users);
    const without = {
      ...image,
      repoTags: image.repoTags.filter((one) => one !== name),
      repoDigests: image.repoDigests.filter((one) => one !== name),
    };
    this.#images = this.#images.flatMap((one) => (one.id !== image.id ? [one] : last ? [] : [without]));
    return [`Untagged: ${name}`, ...(last ? [`Deleted: ${image.id}`] : [])];
  }
}

function refuseUsed(name: string, image: LabImage, users: readonly { readonly id: string }[]): void {
  const [user] = users;
  if (!user) return;
  const id = image.id.replace("sha256:", "").slice(0, 12);
  throw new DockerError(
    `conflict: unable to remove repository reference "${name}" (must force) - container ${user.id.slice(0, 12)} is using its referenced image ${id}`,
  );
}
