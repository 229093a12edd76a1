/** What an account has of one kind, oldest first. */
import { notFound } from "./errors.js";

export class Shelf<Thing> {
  readonly #things = new Map<string, Thing>();

  get all(): Thing[] {
    return [...this.#things.values()];
  }

  has(key: string | number): boolean {
    return this.#things.has(String(key));
  }

  /** Puts a thing there, in the place of one with the same key. */
  put(key: string | number, thing: Thing): Thing {
    this.#things.set(String(key), thing);
    return thing;
  }

  /** @throws ApiError not_found */
  get(key: string | number): Thing {
    const thing = this.#things.get(String(key));
    if (thing === undefined) throw notFound();
    return thing;
  }

  /** Takes a thing away. @throws ApiError not_found */
  take(key: string | number): Thing {
    const thing = this.get(key);
    this.#things.delete(String(key));
    return thing;
  }
}
