/** Exact argument lists of every docker command that a rollout gives. Pure: nothing is run here. */
import { containerName, labels, type Slot } from "../../../contract/host.js";
import type { Release } from "../../../contract/release.js";

/** Ports of the host that a container's service and control port are published on. */
export interface Publication {
  readonly serviceAddress: string;
  readonly servicePort: number;
  readonly controlPort: number;
}

/** Id of the release that a container was made for. */
export const RELEASE_FORMAT = `{{index .Config.Labels "${labels.release}"}}`;

const CONTAINER_FIELDS = [
  "{{.Name}}",
  "{{.Id}}",
  "{{.Config.Image}}",
  RELEASE_FORMAT,
  "{{.State.Running}}",
  "{{.State.Restarting}}",
  "{{.RestartCount}}",
  "{{.State.ExitCode}}",
];

/** One line for one container, fields parted by "|". */
export const CONTAINER_FORMAT = CONTAINER_FIELDS.join("|");

/** What must be "true|false|0" while a new container becomes ready. */
export const ALIVE_FORMAT = "{{.State.Running}}|{{.State.Restarting}}|{{.RestartCount}}";

/** Path of a release's environment file, relative to the fleet's folder on the host. */
export const environmentFile = (release: Release): string => `releases/${release.id}.env`;

/** New containers never restart by themselves: that begins once they are in rotation. */
export function run(fleet: string, slot: Slot, release: Release, publish: Publication): string[] {
  const { service } = release;
  return [
    ...["docker", "run", "-d", "--name", containerName(fleet, slot)],
    ...["--label", `${labels.fleet}=${fleet}`, "--label", `${labels.release}=${release.id}`],
    ...["--restart", "no", "--init", "--stop-timeout", String(service.stopTimeoutSeconds)],
    ...["--env-file", environmentFile(release)],
    ...["-p", `${publish.serviceAddress}:${publish.servicePort}:${service.port}`],
    ...["-p", `127.0.0.1:${publish.controlPort}:${service.controlPort}`],
    ...(service.memoryMb === undefined ? [] : ["--memory", `${service.memoryMb}m`]),
    release.image,
    ...service.command,
  ];
}

export const stop = (name: string, timeoutSeconds: number): string[] => [
  "docker",
  "stop",
  "-t",
  String(timeoutSeconds),
  name,
];
export const start = (name: string): string[] => ["docker", "start", name];
export const cycle = (name: string, timeoutSeconds: number): string[] => [
  "docker",
  "restart",
  "-t",
  String(timeoutSeconds),
  name,
];
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
export const logs = (name: string, lines: number): string[] => ["docker", "logs", "--tail", String(lines), name];
export const serverVersion = (): string[] => ["docker", "version", "--format", "{{.Server.Version}}"];
export const inspectImage = (image: string): string[] => [
  "docker",
  "image",
  "inspect",
  "--format",
  "{{json .RepoDigests}}|{{.Architecture}}",
  image,
];
export const listImages = (repository: string): string[] => [
  ...["docker", "images", "--digests", "--no-trunc", "--format", "{{.Repository}}@{{.Digest}}"],
  repository,
];
export const removeImage = (image: string): string[] => ["docker", "rmi", image];
/** The connection table of the container's own network. */
export const connectionTable = (name: string): string[] => [
  "docker",
  "exec",
  name,
  "cat",
  "/proc/net/tcp",
  "/proc/net/tcp6",
];
/** Shell text that prints the whole megabytes that are free where Docker keeps its data, or in the home folder where that is not to be seen. */
export const FREE_DISK = `{ df -Pk /var/lib/docker 2>/dev/null || df -Pk "$HOME"; } | awk 'NR == 2 { print int($4 / 1024) }'`;
