/** Image references, taken apart as Docker does. */

export interface Reference {
  /** Registry and path, such as registry.digitalocean.com/lab/api. */
  readonly repository: string;
  readonly registry: string;
  /** Path within the registry, such as lab/api. */
  readonly path: string;
  readonly tag: string | null;
  readonly digest: string | null;
}

/** @throws Error for a text that is no reference, or that names no registry: the lab has no Docker Hub */
export function parseReference(text: string): Reference {
  const [named = "", digest = null] = text.split("@");
  const [, repository = "", tag = null] = /^(.*?)(?::([A-Za-z0-9_][A-Za-z0-9._-]*))?$/.exec(named) ?? [];
  const slash = repository.indexOf("/");
  const registry = repository.slice(0, slash);
  if (slash < 0 || !/[.:]/.test(registry))
    throw new Error(`the lab knows only images of a named registry, got "${text}"`);
  return { repository, registry, path: repository.slice(slash + 1), tag: tag ?? (digest ? null : "latest"), digest };
}
