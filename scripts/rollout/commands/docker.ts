/** Exact argument lists of every docker command that a rollout gives. Pure: nothing is run here. */
import { CONTAINER_NETWORK, containerName, labels, type Slot } from "../../../contract/host.js";
import type { Release } from "../../../contract/release.js";
import { SECRETS_FOLDER } from "../../../contract/secrets.js";
import { line, type Word } from "./shell.js";

/** Id of the release that a container was made for. */
export const RELEASE_FORMAT = `{{index .Config.Labels "${labels.release}"}}`;

/** A JSON list, so that no value can be taken for the next one, nor for the next container. */
const jsonList = (values: readonly string[]): string => `[${values.map((value) => `{{json ${value}}}`).join(",")}]`;

/** One line for one container, a JSON list. Its reader is in look.ts. */
export const CONTAINER_FORMAT = jsonList([
  ".Name",
  ".Id",
  ".Config.Image",
  `(index .Config.Labels "${labels.release}")`,
  ".State.Running",
  ".State.Restarting",
  ".RestartCount",
  ".State.ExitCode",
  ".State.Status",
  ".State.FinishedAt",
]);

/** Status of a pre-deploy command, in which there is never a "|", and the id of the run that started it. */
export const PRE_DEPLOY_FORMAT = `{{.State.Status}}|{{index .Config.Labels "${labels.run}"}}`;

/** A container and its process. */
export const INSTANCE_FORMAT = "{{.Id}}:{{.State.Pid}}";

/** What must be "true|false|0" while a new container becomes ready. */
export const ALIVE_FORMAT = "{{.State.Running}}|{{.State.Restarting}}|{{.RestartCount}}";

/** Its process, as the host numbers it; 0 while it does not run. */
export const PID_FORMAT = "{{.State.Pid}}";

/** Address that a container was given in the network for good, whether it runs or not. */
export const SLOT_FORMAT = `{{with index .NetworkSettings.Networks "${CONTAINER_NETWORK}"}}{{with .IPAMConfig}}{{.IPv4Address}}{{end}}{{end}}`;

/** Whether it runs, that address, and its release, in none of which but the last there is ever a "|". */
export const PLACE_FORMAT = `{{.State.Running}}|${SLOT_FORMAT}|${RELEASE_FORMAT}`;

/** Id, whether it runs, its process, its address in the network, and its release, in none of which but the last there is ever a "|". */
export const TRAFFIC_FORMAT = `{{.Id}}|{{.State.Running}}|{{.State.Pid}}|${SLOT_FORMAT}|${RELEASE_FORMAT}`;

/** Path of a release's environment file, relative to the fleet's folder on the host. */
export const environmentFile = (release: Pick<Release, "id">): string => `releases/${release.id}.env`;

/** Folder of a release's secrets, one file each, relative to the fleet's folder on the host. */
export const secretsFolder = (release: Pick<Release, "id">): string => `releases/${release.id}.secrets`;

/**
 * What comes after the container's place in the network (commands/steward.ts). New containers never restart by themselves: that begins once they are in
 * rotation.
 */
export function run(fleet: string, slot: Slot, release: Release): Word[] {
  const { service } = release;
  return [
    ...["--name", containerName(fleet, slot)],
    ...["--label", `${labels.fleet}=${fleet}`, "--label", `${labels.release}=${release.id}`],
    ...["--restart", "no", "--init", "--stop-timeout", String(service.stopTimeoutSeconds)],
    // What is published at all may be forwarded to, and the front does that. Docker chooses the port of the machine, and nobody asks it.
    ...["-p", `127.0.0.1::${service.port}`],
    ...inside(release),
    release.image,
    ...service.command,
  ];
}

/** The pre-deploy command: like the service, but that nobody can reach it. */
export function runPreDeploy(fleet: string, runId: string, release: Release, command: readonly string[]): Word[] {
  return [
    ...["docker", "run", "-d", "--name", containerName(fleet, "pre-deploy")],
    ...["--label", `${labels.fleet}=${fleet}`, "--label", `${labels.release}=${release.id}`],
    ...["--label", `${labels.run}=${runId}`, "--restart", "no", "--init"],
    ...["--stop-timeout", String(release.service.stopTimeoutSeconds)],
    ...inside(release),
    release.image,
    ...command,
  ];
}

/** What a release's containers see, may use and may do. */
function inside(release: Release): Word[] {
  const { service } = release;
  const { memoryMb, cpus, log, isolation } = service;
  const secrets = { before: "type=bind,src=", path: secretsFolder(release), after: `,dst=${SECRETS_FOLDER},readonly` };
  return [
    ...["--env-file", environmentFile(release)],
    ...(hasSecretFiles(release) ? ["--mount", secrets] : []),
    ...service.mounts.flatMap(({ source, target, readOnly }) => [
      "--mount",
      `type=bind,src=${source},dst=${target}${readOnly ? ",readonly" : ""}`,
    ]),
    ...(memoryMb === undefined ? [] : ["--memory", `${memoryMb}m`]),
    ...(cpus === undefined ? [] : ["--cpus", String(cpus)]),
    // Its options belong to this driver: Docker refuses them where the daemon has another one by default.
    ...["--log-driver", "json-file"],
    ...["--log-opt", `max-size=${log.maxSizeMb}m`, "--log-opt", `max-file=${log.maxFiles}`],
    ...["--pids-limit", String(isolation.pidsLimit)],
    ...["--cap-drop", "ALL", ...isolation.capabilities.flatMap((capability) => ["--cap-add", capability])],
    ...(isolation.allowPrivilegeEscalation ? [] : ["--security-opt", "no-new-privileges"]),
    ...(isolation.readOnlyRootFilesystem ? ["--read-only"] : []),
    ...Object.entries(isolation.tmpfs).flatMap(([path, sizeMb]) => ["--tmpfs", `${path}:size=${sizeMb}m`]),
  ];
}

/** Whether the app finds its secrets in files. */
export const hasSecretFiles = ({ service }: Release): boolean =>
  service.secretsAs === "files" && service.secrets.length > 0;

export const stop = (name: string, timeoutSeconds: number): string[] => [
  "docker",
  "stop",
  "-t",
  String(timeoutSeconds),
  name,
];
export const start = (name: string): string[] => ["docker", "start", name];
export const rename = (from: string, to: string): string[] => ["docker", "rename", from, to];
export const remove = (name: string): string[] => ["docker", "rm", "-f", name];
export const restartPolicy = (name: string, policy: "no" | "always"): string[] => [
  "docker",
  "update",
  `--restart=${policy}`,
  name,
];
/** What is found is printed, also when others of the names are not there. */
export const inspect = (names: readonly string[], format: string): string[] => [
  "docker",
  "inspect",
  "--type",
  "container",
  "--format",
  format,
  ...names,
];
/** Most bytes that a script reads of one field of a container: a label may hold anything. */
export const FIELD_BYTES = 4_096;
/** Shell text that prints one field of one container, nothing where Docker shows none. */
export const inspectField = (name: string, format: string): string =>
  `${line(inspect([name], format))} 2>/dev/null | head -c ${FIELD_BYTES}`;
export const logs = (name: string, lines: number): string[] => ["docker", "logs", "--tail", String(lines), name];
export const serverVersion = (): string[] => ["docker", "version", "--format", "{{.Server.Version}}"];
export const inspectImage = (image: string): string[] => [
  "docker",
  "image",
  "inspect",
  "--format",
  jsonList([".RepoDigests", ".Architecture"]),
  image,
];
export const listImages = (repository: string): string[] => [
  ...["docker", "images", "--digests", "--no-trunc", "--format", "{{.Repository}}@{{.Digest}}"],
  repository,
];
/** Shell text that prints the PATH of this shell where it leads to no docker. */
export const SEARCHED_IN_VAIN = `command -v docker >/dev/null 2>&1 || printf '%s\\n' "$PATH"`;
/** Shell text that prints the whole megabytes that are free where Docker keeps its data, or in the home folder where that is not to be seen. */
export const FREE_DISK = `{ df -Pk /var/lib/docker 2>/dev/null || df -Pk "$HOME"; } | awk 'NR == 2 { print int($4 / 1024) }'`;
