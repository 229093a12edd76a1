/** Droplets of a world: which exist, which of them the stack declares, and which tags they carry. */
import type { SiteDroplet } from "./site.js";
import type { DropletBlock } from "./stack.js";

/** One droplet of the account. */
export interface Owned<Droplet extends SiteDroplet = SiteDroplet> {
  readonly droplet: Droplet;
  /** Its declaration, references filled in. */
  readonly block: DropletBlock;
  readonly tags: Set<string>;
  readonly createdAt: Date;
}

export class Fleet<Droplet extends SiteDroplet = SiteDroplet> {
  /** By the name of their block. */
  readonly #declared = new Map<string, Owned<Droplet>>();
  #existing: readonly Owned<Droplet>[] = [];

  /** Droplets that the stack declares, by the name of their block, in its order. */
  get declared(): ReadonlyMap<string, Owned<Droplet>> {
    return this.#declared;
  }

  /** Every droplet that was not deleted, oldest first. */
  get existing(): readonly Owned<Droplet>[] {
    return this.#existing;
  }

  /** Droplets that exist and are declared no more. */
  get superseded(): Droplet[] {
    const declared = new Set(this.#declared.values());
    return this.#existing.filter((owned) => !declared.has(owned)).map(({ droplet }) => droplet);
  }

  add(blockName: string, droplet: Droplet, block: DropletBlock): void {
    const owned = { droplet, block, tags: new Set(block.tags), createdAt: new Date() };
    this.#declared.set(blockName, owned);
    this.#existing = [...this.#existing, owned];
  }

  /** Blocks that are not named are declared no more; their droplets stay. */
  keep(blockNames: readonly string[]): void {
    for (const name of [...this.#declared.keys()]) if (!blockNames.includes(name)) this.#declared.delete(name);
  }

  /** The droplet was deleted. */
  remove(droplet: Droplet): void {
    this.#existing = this.#existing.filter((owned) => owned.droplet !== droplet);
  }

  untag(dropletId: string, tag: string): void {
    this.#existing.find(({ droplet }) => droplet.id === dropletId)?.tags.delete(tag);
  }

  tagged(tag: string): Droplet[] {
    return this.#existing.filter(({ tags }) => tags.has(tag)).map(({ droplet }) => droplet);
  }
}
