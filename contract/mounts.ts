/** Rules between the places of a container that something is mounted at. */
import type { Isolation, Mount } from "./container.js";
import { SECRETS_FOLDER } from "./secrets.js";

interface Mounted {
  readonly mounts: readonly Mount[];
  readonly isolation: Pick<Isolation, "tmpfs">;
  readonly secrets: readonly string[];
  readonly secretsAs: "files" | "environment";
}

/** Something that is mounted, and the field that says so. */
interface Place {
  readonly target: string;
  readonly field: string[];
  readonly inMemory: boolean;
}

/** Of what is refused here Docker takes most, and then one mount hides what is in the other. */
export function mountRules(service: Mounted, report: (path: string[], message: string) => void): void {
  const places: Place[] = [
    ...Object.keys(service.isolation.tmpfs).map((target) => ({
      ...{ target, field: ["service", "isolation", "tmpfs"], inMemory: true },
    })),
    ...service.mounts.map(({ target }) => ({ target, field: ["service", "mounts"], inMemory: false })),
  ];
  const secretFiles = service.secrets.length > 0 && service.secretsAs === "files";
  for (const place of places) {
    const fault = faultOf(place, secretFiles);
    if (fault) report(place.field, `${place.target} ${fault}`);
  }
  const targets = places.map(({ target }) => target);
  for (const target of new Set(targets.filter((one, index) => targets.indexOf(one) < index)))
    report(["service", "mounts"], `${target} is the place of two of mounts and isolation.tmpfs; give each its own`);
}

function faultOf(place: Place, secretFiles: boolean): string | null {
  if (!isPlain(place.target))
    return 'is not the plain path of a folder below /; write it without "//", "/./" and "/../", and without "/" at its end';
  if (secretFiles && isInTheWay(place))
    return `is in the way of ${SECRETS_FOLDER}, where the app finds its secrets; choose another place, or secretsAs: "environment"`;
  return null;
}

/** Written in the one way in which it can be compared with others. */
const isPlain = (target: string): boolean =>
  target
    .split("/")
    .slice(1)
    .every((name) => !["", ".", ".."].includes(name));

const RUN = "/run";

/**
 * A tmpfs at /run is none: Docker mounts the secrets within. A folder of the droplet there would need one for them, and is read-only unless told otherwise.
 * At /var/run, in most images a link to /run, Docker mounts either after the secrets.
 */
function isInTheWay({ target, inMemory }: Place): boolean {
  if (inMemory && target === RUN) return false;
  const meant = target.replace(/^\/var\/run(?=\/|$)/, RUN);
  return [RUN, SECRETS_FOLDER].includes(meant) || meant.startsWith(`${SECRETS_FOLDER}/`);
}
