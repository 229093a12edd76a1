/** Tags, and the droplets that carry them. @see https://docs.digitalocean.com/reference/api/reference/tags/ */
import { z } from "zod";
import { unprocessable } from "./errors.js";
import { page } from "./pages.js";
import { created, noContent, ok, readBody, removing, type Reply, type Request, type Routes } from "./router.js";
import { Shelf } from "./shelf.js";

export const tagName = z.string().regex(/^[a-zA-Z0-9:\-_]{1,255}$/, "is no name of a tag");

const tagRequest = z.strictObject({ name: tagName });
const resource = z.strictObject({
  resource_id: z.string().regex(/^\d+$/),
  resource_type: z.enum(["droplet"], "the lab tags droplets only"),
});
const resources = z.strictObject({ resources: z.array(resource).min(1) });

interface Tag {
  /** Written as it was when the tag was made; names are compared without case. */
  readonly name: string;
  /** Ids, the one tagged last at the end. */
  readonly droplets: Set<number>;
}

export interface TagSurroundings {
  isDroplet(id: number): boolean;
  /** Some droplet got or lost a tag. */
  changed(): void;
}

export class Tags {
  readonly #tags = new Shelf<Tag>();

  constructor(private readonly around: TagSurroundings) {}

  /** A tag that is there already stays as it is. */
  create(body: unknown): Tag {
    const { name } = readBody(tagRequest, body);
    const key = name.toLowerCase();
    return this.#tags.has(key) ? this.#tags.get(key) : this.#tags.put(key, { name, droplets: new Set() });
  }

  /** @throws ApiError not_found for an unknown tag */
  remove(name: string): void {
    this.#tags.take(name.toLowerCase());
    this.around.changed();
  }

  /** @throws ApiError not_found for an unknown tag */
  tag(name: string, dropletId: number): void {
    this.#tags.get(name.toLowerCase()).droplets.add(dropletId);
    this.around.changed();
  }

  /** @throws ApiError not_found for an unknown tag */
  untag(name: string, dropletId: number): void {
    this.#tags.get(name.toLowerCase()).droplets.delete(dropletId);
    this.around.changed();
  }

  /** Ids of the droplets that carry a tag, which nobody may have made yet. */
  dropletsWith(name: string): number[] {
    const key = name.toLowerCase();
    return this.#tags.has(key) ? [...this.#tags.get(key).droplets] : [];
  }

  /** Names of a droplet's tags. */
  of(dropletId: number): string[] {
    return this.#tags.all.filter(({ droplets }) => droplets.has(dropletId)).map(({ name }) => name);
  }

  /** The droplet is gone. */
  forget(dropletId: number): void {
    for (const { droplets } of this.#tags.all) droplets.delete(dropletId);
  }

  routes(): Routes {
    return {
      "POST /v2/tags": ({ body }) => created({ tag: shown(this.create(body)) }),
      "GET /v2/tags?page&per_page": ({ url }) => page("tags", this.#tags.all.map(shown), url),
      "GET /v2/tags/:name": ({ words: [name = ""] }) => ok({ tag: shown(this.#tags.get(name.toLowerCase())) }),
      "DELETE /v2/tags/:name": removing((name) => this.remove(name)),
      "POST /v2/tags/:name/resources": (request) => this.#each(request, (name, id) => this.tag(name, id)),
      "DELETE /v2/tags/:name/resources": (request) => this.#each(request, (name, id) => this.untag(name, id)),
    };
  }

  #each({ words: [name = ""], body }: Request, change: (name: string, dropletId: number) => void): Reply {
    const ids = readBody(resources, body).resources.map(({ resource_id: id }) => Number(id));
    const unknown = ids.find((id) => !this.around.isDroplet(id));
    if (unknown !== undefined) throw unprocessable(`resource ${unknown} does not exist`);
    for (const id of ids) change(name, id);
    return noContent();
  }
}

function shown({ name, droplets }: Tag) {
  const last = [...droplets].at(-1);
  const uri = last === undefined ? {} : { last_tagged_uri: `https://api.digitalocean.com/v2/droplets/${last}` };
  const none = { count: 0 };
  return {
    name,
    resources: {
      count: droplets.size,
      ...uri,
      droplets: { count: droplets.size, ...uri },
      images: none,
      volumes: none,
      volume_snapshots: none,
      databases: none,
    },
  };
}
