/** The sites that bench, soak and fault suite can run on. */
import { InvalidInput } from "../contract/problems.js";
import { embedded } from "./embedded/site.js";
import { readAbilities, whyUnable } from "./real/requirements.js";
import { real } from "./real/site.js";
import type { OpenSite } from "./site.js";
import type { SiteName } from "./site-names.js";

interface SiteChoice {
  readonly open: () => OpenSite;
  /** One line that says what this machine lacks; null: nothing. */
  readonly whyUnable: () => string | null;
}

export const sites: Readonly<Record<SiteName, SiteChoice>> = {
  real: { open: () => real(), whyUnable: () => whyUnable(readAbilities()) },
  embedded: { open: () => embedded(), whyUnable: () => null },
};

/** @throws InvalidInput when this machine cannot stand for it */
export function checkSite(name: SiteName): void {
  const why = sites[name].whyUnable();
  if (why !== null) throw new InvalidInput("options", [`site: got "${name}", but ${why}; or name another site`]);
}
