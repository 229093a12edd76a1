/** Docker's command line: one function a command. Each gives what it prints, or throws what Docker refuses. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { DockerError } from "../../model/docker-error.js";
import { LabFault } from "../../fault.js";
import { contains, parseRange } from "../../model/ranges.js";
import type { Engine, LabContainer } from "./engine.js";
import { parseFlags, type Flags, type FlagKinds } from "./flags.js";
import { parseRun, restartOf } from "./run.js";
import { shownContainer, shownImage, shownImageRows, shownRow } from "./show.js";
import { render } from "./template.js";

export interface Output {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Who calls, and with what. */
export interface Invocation {
  readonly engine: Engine;
  /** Words after the command's name. */
  readonly words: readonly string[];
  /** Working folder of the caller. */
  readonly folder: string;
  /** Folder given with `--config`, or null. */
  readonly configFolder: string | null;
}

export type Command = (invocation: Invocation) => Promise<Output> | Output;

/** Version that the lab's engine says it has: Debian 12's. */
export const ENGINE_VERSION = "20.10.24";

const printed = (stdout: string, exitCode = 0, stderr = ""): Output => ({ exitCode, stdout, stderr });
const lines = (texts: readonly string[]): string => texts.map((text) => `${text}\n`).join("");
const daemonError = (error: unknown): string => {
  if (error instanceof DockerError) return `Error response from daemon: ${error.message}\n`;
  throw error;
};

/** Runs a container. Whatever Docker refuses ends with 125 here, and a container that was created stays. */
export const run: Command = async ({ engine, words, folder }) => {
  let id = "";
  try {
    const request = parseRun(words, folder);
    const image = engine.imageOrPull(request.image);
    const container = engine.create(request.spec(image, `lab_${engine.list().length + 1}`));
    id = `${container.id}\n`;
    await engine.start(container.id);
    return printed(id);
  } catch (error) {
    const message = daemonError(error);
    const [exitCode, stdout] = message.includes("executable file not found") ? [127, id] : [125, id];
    return printed(stdout, exitCode, `docker: ${message}\nRun 'docker run --help' for more information\n`);
  }
};

/** For commands that do one thing to each container that they name, and print the name. */
function forEach(
  name: string,
  kinds: FlagKinds,
  short: Readonly<Record<string, string>>,
  act: (engine: Engine, reference: string, flags: Flags) => Promise<void> | void,
  prefix = "",
): Command {
  return async ({ engine, words }) => {
    const flags = parseFlags(name, words, { kinds, short });
    if (flags.operands.length === 0) throw new LabFault(`docker ${name}: no container named`);
    const done: string[] = [];
    const errors: string[] = [];
    for (const reference of flags.operands) {
      try {
        await act(engine, reference, flags);
        done.push(`${prefix}${reference}`);
      } catch (error) {
        errors.push(daemonError(error));
      }
    }
    return printed(lines(done), errors.length > 0 ? 1 : 0, errors.join(""));
  };
}

const seconds = (engine: Engine, reference: string, flags: Flags): number =>
  Number(flags.value("time") ?? engine.find(reference).extra.stopTimeoutSeconds);

export const stop = forEach("stop", { time: "value" }, { t: "time" }, (engine, reference, flags) =>
  engine.stop(reference, seconds(engine, reference, flags)),
);
export const restart = forEach("restart", { time: "value" }, { t: "time" }, async (engine, reference, flags) => {
  await engine.stop(reference, seconds(engine, reference, flags));
  await engine.start(reference);
});
export const start = forEach("start", {}, {}, (engine, reference) => engine.start(reference));
export const remove = forEach("rm", { force: "flag" }, { f: "force" }, (engine, reference, flags) =>
  engine.remove(reference, flags.has("force")),
);
export const update = forEach("update", { restart: "value" }, {}, (engine, reference, flags) =>
  engine.update(reference, restartOf(flags.value("restart") ?? "")),
);
export const kill = forEach("kill", { signal: "value" }, { s: "signal" }, (engine, reference, flags) => {
  const name = (flags.value("signal") ?? "KILL").replace(/^SIG/, "");
  return engine.kill(reference, `SIG${name}` as NodeJS.Signals);
});

export const rename: Command = ({ engine, words }) => {
  const [from, to, ...more] = parseFlags("rename", words, { kinds: {} }).operands;
  if (from === undefined || to === undefined || more.length > 0) throw new LabFault("docker rename takes two names");
  engine.rename(from, to);
  return printed("");
};

export const inspect: Command = ({ engine, words }) => {
  const flags = parseFlags("inspect", words, { kinds: { type: "value", format: "value" }, short: { f: "format" } });
  if ((flags.value("type") ?? "container") !== "container") throw new LabFault("docker inspect: only containers");
  const typed = flags.value("type") !== undefined;
  return shown(flags, (name) => {
    try {
      const container = engine.find(name);
      return shownContainer(container, engine.pid(container));
    } catch (error) {
      throw typed ? error : new DockerError(`No such object: ${name}`);
    }
  });
};

export const inspectImage: Command = ({ engine, words }) => {
  const flags = parseFlags("image inspect", words, { kinds: { format: "value" }, short: { f: "format" } });
  return shown(flags, (name) => {
    const image = engine.images.find(name);
    if (!image) throw new DockerError(`No such image: ${name}`);
    return shownImage(image);
  });
};

export const inspectNetwork: Command = ({ engine, words }) => {
  const flags = parseFlags("network inspect", words, { kinds: { format: "value" }, short: { f: "format" } });
  return shown(flags, (name) => {
    const { id, name: Name, subnet: Subnet, gateway: Gateway, range: IPRange } = engine.findNetwork(name);
    return { Name, Id: id, Driver: "bridge", IPAM: { Config: [{ Subnet, IPRange, Gateway }] } };
  });
};

const NETWORK_KINDS: FlagKinds = {
  ...{ driver: "value", subnet: "value", gateway: "value", "ip-range": "value", opt: "list" },
};

/** A bridge of the user's own; the name of its interface has no effect here. */
export const createNetwork: Command = ({ engine, words }) => {
  const flags = parseFlags("network create", words, { kinds: NETWORK_KINDS, short: { d: "driver", o: "opt" } });
  const [name, ...more] = flags.operands;
  const [subnet, gateway, range] = ["subnet", "gateway", "ip-range"].map((flag) => flags.value(flag) ?? "");
  if (name === undefined || more.length > 0) throw new LabFault("docker network create takes one name");
  if ((flags.value("driver") ?? "bridge") !== "bridge") throw new LabFault("the lab's docker knows only bridges");
  const unknown = flags.list("opt").find((option) => !/^com\.docker\.network\.bridge\.name=\w+$/.test(option));
  if (unknown !== undefined) throw new LabFault(`the lab's docker does not know the network option ${unknown}`);
  if (!subnet || !gateway || !range || !parseRange(subnet) || !parseRange(range))
    throw new LabFault("the lab's docker network create needs --subnet, --gateway and --ip-range");
  if (!contains(subnet, gateway) || !contains(subnet, range.split("/")[0] ?? ""))
    throw new DockerError(`no matching subnet for gateway ${gateway} or range ${range}`);
  return printed(`${engine.createNetwork({ name, subnet, gateway, range })}\n`);
};

/** What is found goes to stdout, also when something else is not. */
function shown(flags: Flags, find: (name: string) => unknown): Output {
  const format = flags.value("format");
  const found: unknown[] = [];
  const errors: string[] = [];
  for (const name of flags.operands) {
    try {
      found.push(find(name));
    } catch (error) {
      if (!(error instanceof DockerError)) throw error;
      errors.push(`Error: ${error.message}\n`);
    }
  }
  const text = format === undefined ? [JSON.stringify(found, null, 4)] : found.map((one) => render(format, one));
  // With a format and nothing found, Docker prints an empty line.
  return printed(lines(text.length > 0 ? text : [""]), errors.length > 0 ? 1 : 0, errors.join(""));
}

const PS_KINDS: FlagKinds = { all: "flag", filter: "list", format: "value", "no-trunc": "flag", quiet: "flag" };

export const ps: Command = ({ engine, words }) => {
  const flags = parseFlags("ps", words, { kinds: PS_KINDS, short: { a: "all", f: "filter", q: "quiet" } });
  const format = flags.value("format") ?? (flags.has("quiet") ? "{{.ID}}" : undefined);
  if (format === undefined) throw new LabFault("the lab's docker ps needs --format or -q");
  const rows = engine
    .list()
    .filter((container) => flags.has("all") || container.status === "running" || container.status === "restarting")
    .filter((container) => flags.list("filter").every((filter) => matches(container, filter)))
    .map((container) => ({ ...shownRow(container), ...(flags.has("no-trunc") ? { ID: container.id } : {}) }));
  return printed(lines(rows.reverse().map((row) => render(format, row))));
};

function matches({ labels, name }: LabContainer, filter: string): boolean {
  const [, kind, key = "", value] = /^(label|name)=([^=]*)(?:=(.*))?$/.exec(filter) ?? [];
  if (kind === "label") return key in labels && (value === undefined || labels[key] === value);
  if (kind === "name") return new RegExp(key).test(name);
  throw new LabFault(`the lab's docker ps knows the filters label and name, got ${filter}`);
}

export const logs: Command = ({ engine, words }) => {
  const flags = parseFlags("logs", words, { kinds: { tail: "value" }, short: { n: "tail" } });
  const log = engine.find(flags.operands[0] ?? "").extra.log.tail(Number(flags.value("tail") ?? Infinity));
  const of = (stream: string): string => lines(log.filter((line) => line.stream === stream).map((line) => line.text));
  return printed(of("stdout"), 0, of("stderr"));
};

export const pull: Command = async ({ engine, words, configFolder }) => {
  const flags = parseFlags("pull", words, { kinds: { quiet: "flag" }, short: { q: "quiet" } });
  const [name = ""] = flags.operands;
  await engine.registries.answered();
  const known = engine.images.find(name) !== null;
  const image = engine.registries.pull(name, readConfig(configFolder));
  engine.keep(image, name);
  const status = known ? "Image is up to date for" : "Downloaded newer image for";
  return printed(
    flags.has("quiet") ? `${name}\n` : lines([`Digest: ${image.digest}`, `Status: ${status} ${name}`, name]),
  );
};

function readConfig(folder: string | null): unknown {
  if (folder === null) return null;
  try {
    return JSON.parse(readFileSync(path.join(folder, "config.json"), "utf8"));
  } catch {
    return null;
  }
}

export const images: Command = ({ engine, words }) => {
  const kinds: FlagKinds = { format: "value", digests: "flag", "no-trunc": "flag", quiet: "flag" };
  const flags = parseFlags("images", words, { kinds, short: { q: "quiet" } });
  const format = flags.value("format");
  if (format === undefined) throw new LabFault("the lab's docker images needs --format");
  const [repository] = flags.operands;
  const rows = engine.images.list().flatMap(shownImageRows);
  const wanted = rows.filter((row) => repository === undefined || row.Repository === repository);
  return printed(lines(wanted.map((row) => render(format, row))));
};

export const removeImage = forEach(
  "rmi",
  {},
  {},
  (engine, name) => {
    const id = engine.images.find(name)?.id;
    const users = engine.list().filter((container) => container.extra.imageId === id);
    engine.images.remove(name, users);
  },
  "Untagged: ",
);

export const version: Command = ({ words }) => {
  const format = parseFlags("version", words, { kinds: { format: "value" }, short: { f: "format" } }).value("format");
  return printed(`${render(format ?? "{{.Server.Version}}", { Server: { Version: ENGINE_VERSION, Os: "linux" } })}\n`);
};

export const info: Command = ({ words, engine }) => {
  const format = parseFlags("info", words, { kinds: { format: "value" }, short: { f: "format" } }).value("format");
  if (format === undefined) throw new LabFault("the lab's docker info needs --format");
  const answer = { ServerVersion: ENGINE_VERSION, Containers: engine.list().length, LiveRestoreEnabled: true };
  return printed(`${render(format, answer)}\n`);
};
