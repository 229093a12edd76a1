/** Commands that change a host, apart from what its steward does. Each may be given twice without harm. */
import { containerName, shownImage, type Slot } from "../../../contract/host.js";
import type { PreDeploy } from "../../../contract/policy.js";
import { pinnedImage, type Release } from "../../../contract/release.js";
import type { KeptRelease, LockRequest } from "../ports.js";
import * as docker from "./docker.js";
import { fleetFolder, line, parsed, quote } from "./shell.js";
import { processFunctions, stewardLives } from "./steward.js";

const runFolder = (fleet: string, runId: string): string => `${fleetFolder(fleet)}/runs/${runId}`;

/** Runs of this fleet whose files are kept on a host. */
const KEPT_RUNS = 10;

/** A script and what it reads from its standard input. */
export interface Given {
  readonly script: string;
  readonly input: string;
}

/** Exit code of a script that has changed nothing, as the run that gives it has lost the host's lock. No command within one ends so. */
export const LOCK_LOST = 75;

/**
 * A script that changes a host only while the run's steward lives there. The host itself looks, right before: the controller may have stood still
 * since its last look, or the connection.
 */
export const whileLocked = (fleet: string, runId: string, script: string): string =>
  `${processFunctions}if ! ${stewardLives(`${runFolder(fleet, runId)}/pid`, runId)}; then exit ${LOCK_LOST}; fi\n${script}`;

/** Reads a file from stdin; fails when it came in part, as over a connection that broke. */
const receive = (path: string, text: string): string =>
  `cat >${quote(path)} && [ "$(($(wc -c <${quote(path)})))" -eq ${Buffer.byteLength(text)} ]`;

/** Brings the steward's script and starts it as a process of its own; again when the lock was refused to it before. */
export function startSteward(fleet: string, request: LockRequest, script: string): Given {
  const folder = runFolder(fleet, request.runId);
  const steward = `sh "${folder}/steward.sh" ${quote(request.runId)} ${quote(request.owner)} ${request.leaseSeconds}`;
  return {
    input: script,
    script: `umask 077
${removeLogins}
mkdir -p "${fleetFolder(fleet)}/releases" "${folder}" && cd "${folder}" || exit 1
if [ -e journal ] && ! grep -q '^0	refused' journal; then exit 0; fi
# shellcheck disable=SC2016
${receive("steward.sh", script)} && printf '%s\\n' ${quote(`${steward} recover`)} >recover.sh && : >journal || exit 1
nohup ${steward} </dev/null >steward.log 2>&1 &`,
  };
}

/** Starts what a steward has left for the host's next boot. It takes the lock like any other, or leaves the host alone. */
export const recover = (fleet: string): string => `cd "${fleetFolder(fleet)}" && [ -e recover.sh ] || exit 0
nohup sh recover.sh </dev/null >/dev/null 2>&1 &`;

/** Puts a file in place whole or not at all. `path` is relative to the fleet's folder. */
export const writeFile = (fleet: string, path: string, text: string): Given => ({
  input: text,
  script: `umask 077
cd "${fleetFolder(fleet)}" && ${receive(`${path}.new`, text)} && { sync ${quote(`${path}.new`)} 2>/dev/null || :; } && mv ${quote(`${path}.new`)} ${quote(path)}`,
});

/**
 * Puts a secret where a container finds it. Everybody may read the file, as the user in the container is not the one that logs in; on the host the folder
 * around all releases lets nobody else in.
 */
export function writeSecret(fleet: string, release: Release, name: string, value: string): Given {
  const path = `${docker.secretsFolder(release)}/${name}`;
  return {
    input: value,
    script: `umask 077
cd "${fleetFolder(fleet)}" && mkdir -p ${quote(docker.secretsFolder(release))} && chmod 755 ${quote(docker.secretsFolder(release))} || exit 1
${receive(`${path}.new`, value)} && chmod 444 ${quote(`${path}.new`)} && mv -f ${quote(`${path}.new`)} ${quote(path)}`,
  };
}

/**
 * Starts the pre-deploy command, once for each run: a connection may have broken after the first time, or between the making of the container and its
 * start. A container of an earlier run makes room.
 */
export function startPreDeploy(fleet: string, runId: string, release: Release, { command }: PreDeploy): string {
  const name = containerName(fleet, "pre-deploy");
  return `cd "${fleetFolder(fleet)}" || exit 1
seen=$(${docker.inspectField(name, docker.PRE_DEPLOY_FORMAT)})
if [ "\${seen#*|}" = ${quote(runId)} ]; then
  case $seen in created*) exec ${line(docker.start(name))} >/dev/null ;; esac
  exit 0
fi
if [ -n "$seen" ]; then docker rm ${quote(name)} >/dev/null || exit 1; fi
${line(docker.runPreDeploy(fleet, runId, release, command))} >/dev/null`;
}

/** It is kept for its log under another name: one that ends well when it is told to must not count as done. Where it is gone, that was done before. */
export function stopPreDeploy(fleet: string, timeoutSeconds: number): string {
  const [name, failed] = [containerName(fleet, "pre-deploy"), containerName(fleet, "failed")];
  return `${line(docker.inspect([name], "{{.Name}}"))} >/dev/null 2>&1 || { ${line(docker.serverVersion())} >/dev/null; exit; }
${line(docker.stop(name, timeoutSeconds))} >/dev/null || exit 1
# What clients were led away from may still answer somebody: then there is no room for the log.
if [ "$(${docker.inspectField(failed, "{{.State.Running}}")})" = true ]; then
  docker rm ${quote(name)} >/dev/null
  exit
fi
docker rm ${quote(failed)} >/dev/null 2>&1
${line(docker.rename(name, failed))}`;
}

/** Folders of the droplet that a release's containers are to see and that are not there, one a line. */
export const missingMounts = ({ service }: Release): string =>
  service.mounts.map(({ source }) => `[ -d ${quote(source)} ] || printf '%s\\n' ${quote(source)}`).join("\n") || ":";

/** Name of the file, in the fleet's folder, that holds a host's copy of the fleet's history. */
export const HISTORY_FILE = "history.json";

/** Brings an order. Giving the same number twice leaves one order. */
export const writeOrder = (fleet: string, runId: string, sequence: number, order: string): Given =>
  writeFile(fleet, `runs/${runId}/order.${sequence}`, `${order}\n`);

/**
 * Removes the logins of pulls whose shell was killed: its trap has not run then. The number in the name is that of the shell; where another process has
 * it by now, the login stays until that one has ended. No fleet and no container has a name that begins with a dot.
 */
const removeLogins = `for left in "$HOME"/.evenkeel/.pull.*; do
  case \${left##*.pull.} in '' | *[!0-9]*) continue ;; esac
  if [ -d "$left" ] && ! kill -0 "\${left##*.}" 2>/dev/null; then rm -rf "$left"; fi
done`;

/**
 * Reads a Docker configuration from stdin (empty: none), pulls, and prints digests and architecture. An image that is named by digest and
 * is here is not asked for again: going back needs no registry then.
 */
export const pull = (image: string): string => `umask 077
${removeLogins}
folder=$HOME/.evenkeel/.pull.$$
mkdir -p "$folder" || exit 1
trap 'rm -rf "$folder"' EXIT HUP INT TERM
cat >"$folder/config.json"
if [ ! -s "$folder/config.json" ]; then echo '{}' >"$folder/config.json"; fi
${isPinned(image) ? `${line(docker.inspectImage(image))} >/dev/null 2>&1 ||\n  ` : ""}docker --config "$folder" pull --quiet ${quote(image)} </dev/null >/dev/null || exit 1
${line(docker.inspectImage(image))}`;

const isPinned = (image: string): boolean => pinnedImage.safeParse(image).success;

const DIGEST = /^[^\s"[\],|]+@sha256:[0-9a-f]+$/;

/** Digests (`repository@sha256:…`) and architecture as {@link docker.inspectImage} prints them; none of another form. */
export function parsePulled(output: string): { digests: string[]; architecture: string } {
  const { data } = shownImage.safeParse(parsed(output));
  if (!data) return { digests: [], architecture: "" };
  const [digests, architecture] = data;
  return { digests: (digests ?? []).filter((digest) => DIGEST.test(digest)), architecture };
}

/** Most bytes that are read of a container's log, the newest ones. */
const LOG_BYTES = 65_536;

/** Where the log driver of Docker does not give logs back, what Docker says about that is the log. */
export const logs = (fleet: string, slot: Slot, lines: number): string => {
  const name = containerName(fleet, slot);
  return `${line(docker.inspect([name], "{{.Name}}"))} >/dev/null || exit 1
${line(docker.logs(name, lines))} 2>&1 | tail -c ${LOG_BYTES}`;
};

/**
 * Removes images of the same repositories and a pre-deploy container, unless they are of `keep`. Release files of no release that is named go as
 * well, and so do the folders of old runs.
 * @param filesOnly ids of further releases whose files stay
 */
export const prune = (fleet: string, keep: readonly KeptRelease[], filesOnly: readonly string[]): string => {
  // Knowing of nothing that is in use, one knows of nothing that is not.
  if (keep.length === 0) return ":";
  const repositories = [...new Set(keep.map((release) => release.image.split("@")[0] ?? ""))];
  const keptImages = keep.map((release) => quote(release.image)).join(" | ");
  const keptFiles = [...keep.map(({ id }) => id), ...filesOnly].flatMap((id) => [
    `${id}.json`,
    docker.environmentFile({ id }).split("/")[1] ?? "",
    docker.secretsFolder({ id }).split("/")[1] ?? "",
  ]);
  const images = repositories.map(
    (repository) => `${line(docker.listImages(repository))} | while read -r image; do
  case $image in *'<none>' | ${keptImages}) ;; *) docker rmi "$image" </dev/null || exit 1 ;; esac
done`,
  );
  const preDeploy = containerName(fleet, "pre-deploy");
  const keptIds = keep.map(({ id }) => quote(id)).join(" | ");
  return `cd "${fleetFolder(fleet)}" || exit 1
case $(${docker.inspectField(preDeploy, docker.RELEASE_FORMAT)}) in '' | ${keptIds}) ;; *) docker rm ${quote(preDeploy)} >/dev/null || exit 1 ;; esac
${images.join(" &&\n")} || exit 1
for file in releases/*; do
  case \${file#releases/} in ${keptFiles.map(quote).join(" | ")}) ;; *) rm -rf "$file" ;; esac
done
# shellcheck disable=SC2012
ls -1t runs | tail -n +${KEPT_RUNS + 1} | while read -r run; do rm -rf "runs/$run"; done`;
};
