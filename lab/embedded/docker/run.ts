/** `docker run -d`: from the command line to a container. */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { DockerError } from "../../model/docker-error.js";
import type { ContainerSpec, Publication, RestartPolicy } from "../../model/containers.js";
import { LabFault } from "../../fault.js";
import { parseFlags, type Flags, type FlagSyntax } from "./flags.js";
import type { Contents, Mount } from "./engine.js";
import type { StoredImage } from "./image-store.js";
import { LogBuffer } from "./log-buffer.js";

const SYNTAX: FlagSyntax = {
  short: { d: "detach", p: "publish", e: "env", l: "label", m: "memory" },
  interspersed: false,
  kinds: {
    ...{ detach: "flag", name: "value", label: "list", restart: "value", publish: "list", init: "flag" },
    ...{ env: "list", "env-file": "list", "stop-timeout": "value", memory: "value", mount: "list" },
    ...{ network: "value", ip: "value" },
    // Known and without effect here: lab/SPEC.md says so.
    ...{ "log-driver": "value", "log-opt": "list", "read-only": "flag", tmpfs: "list" },
    ...{ "cap-drop": "list", "cap-add": "list", "security-opt": "list", "pids-limit": "value", cpus: "value" },
  },
};

const DEFAULT_STOP_SECONDS = 10;

/** How a container looks names up. Nothing is looked up here: what is mounted there has no effect. */
const RESOLVER = "/etc/resolv.conf";

/** One `docker run`, read but not carried out. */
export interface RunRequest {
  readonly image: string;
  /** @param newName for a container without a name */
  spec(image: StoredImage, newName: string): ContainerSpec<Contents>;
}

/**
 * @param folder working folder of the caller, from which `--env-file` is read
 * @throws DockerError as the command line words it · LabFault for what the lab does not stand for
 */
export function parseRun(words: readonly string[], folder: string): RunRequest {
  const flags = parseFlags("run", words, SYNTAX);
  const [image, ...command] = flags.operands;
  if (image === undefined) throw new LabFault("docker run: no image");
  if (!flags.has("detach")) throw new LabFault("the lab's docker runs containers only with -d");
  const network = networkOf(flags);
  const given = environmentOf(flags, folder);
  const mounts = flags.list("mount").map(mountOf);
  const spec = (stored: StoredImage, newName: string): ContainerSpec<Contents> => ({
    name: flags.value("name") ?? newName,
    image,
    labels: pairs(flags.list("label")),
    restart: restartOf(flags.value("restart") ?? "no"),
    publish: flags.list("publish").map(publicationOf),
    network,
    staticAddress: flags.value("ip") ?? null,
    extra: contentsOf(flags, stored, command, { environment: given, mounts }),
  });
  return { image, spec };
}

function contentsOf(
  flags: Flags,
  image: StoredImage,
  command: readonly string[],
  { environment, mounts }: Pick<Contents, "environment" | "mounts">,
): Contents {
  return {
    imageId: image.id,
    command: command.length > 0 ? command : image.command,
    environment: { ...image.environment, ...environment },
    mounts,
    init: flags.has("init"),
    stopTimeoutSeconds: Number(flags.value("stop-timeout") ?? DEFAULT_STOP_SECONDS),
    memoryBytes: bytes(flags.value("memory") ?? "0"),
    stopsOnTerm: image.stopsOnTerm,
    log: new LogBuffer(),
  };
}

function environmentOf(flags: Flags, folder: string): Record<string, string> {
  const files = flags.list("env-file").map((file) => readEnvironmentFile(file, folder));
  return Object.assign({}, ...files, pairs(flags.list("env"))) as Record<string, string>;
}

/** Lines `NAME=value`; `#` begins a comment. A name alone takes the caller's value, and the lab's caller has none. */
function readEnvironmentFile(file: string, folder: string): Record<string, string> {
  let text: string;
  try {
    text = readFileSync(path.resolve(folder, file), "utf8");
  } catch {
    throw new DockerError(`open ${file}: no such file or directory`);
  }
  const lines = text.split("\n").filter((line) => /^[^#\s][^=]*=/.test(line));
  return pairs(lines);
}

/** `docker run` takes `name=value`; a name alone has an empty value. */
function pairs(entries: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    entries.map((entry) => {
      const cut = entry.indexOf("=");
      return cut < 0 ? [entry, ""] : [entry.slice(0, cut), entry.slice(cut + 1)];
    }),
  );
}

export function restartOf(policy: string): RestartPolicy {
  if (policy === "no" || policy === "always") return policy;
  throw new LabFault(`the lab knows the restart policies no and always, got ${policy}`);
}

/** Null: Docker's default one. */
function networkOf(flags: Flags): string | null {
  const network = flags.value("network") ?? "bridge";
  if (network === "host" || network === "none" || network.startsWith("container:"))
    throw new LabFault(`the lab has no --network ${network}`);
  return network === "bridge" ? null : network;
}

/** `[address:]hostPort:containerPort[/tcp]`, or `address::containerPort[/tcp]`: Docker chooses a port of the host. */
function publicationOf(text: string): Publication {
  const [, before = "", hostPort = "", containerPort] = /^([0-9.]+:)?(\d*):(\d+)(?:\/tcp)?$/.exec(text) ?? [];
  if (containerPort === undefined || (before === "" && hostPort === ""))
    throw new LabFault(`the lab publishes only [address:]port:port and address::port, got ${text}`);
  return {
    address: before.slice(0, -1) || "0.0.0.0",
    hostPort: hostPort === "" ? null : Number(hostPort),
    containerPort: Number(containerPort),
  };
}

/** `type=bind,src=…,dst=…[,readonly]`. @throws DockerError where there is no such folder */
function mountOf(text: string): Mount {
  const [, source, target] = /^type=bind,src=([^,]+),dst=([^,]+)(?:,readonly)?$/.exec(text) ?? [];
  if (source === undefined || target === undefined)
    throw new LabFault(`the lab mounts only type=bind,src=…,dst=…[,readonly], got ${text}`);
  if (target !== RESOLVER && !existsSync(source))
    throw new DockerError(`invalid mount config for type "bind": bind source path does not exist: ${source}`);
  return { source, target };
}

function bytes(text: string): number {
  const [, amount, unit = ""] = /^(\d+)([bkmg]?)$/i.exec(text) ?? [];
  if (amount === undefined) throw new LabFault(`docker run: --memory ${text} is no amount`);
  const factor = { "": 1, b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }[unit.toLowerCase()] ?? 1;
  return Number(amount) * factor;
}
