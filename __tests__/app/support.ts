/** What the tests of the reference API share: a configured app, raw connections, and the bundled process. */
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { setTimeout as wait } from "node:timers/promises";
import { build } from "esbuild";
import type { FastifyInstance } from "fastify";
import { buildApp } from "../../app/app.ts";
import type { App } from "../../app/app.ts";
import { readConfig } from "../../app/config.ts";
import type { Life } from "../../app/life.ts";
import { lifecycle } from "../../contract/host.js";
import type { Lifecycle } from "../../contract/host.js";

export const appFolder = fileURLToPath(new URL("../../app/", import.meta.url));

/** A node of the balancer, seen from the app. */
export const balancer = "10.10.0.9";

/** An app that the environment configures, without a log. */
export function appWith(env: Record<string, string> = {}, life?: Life): App {
  return life === undefined ? buildApp(readConfig(env)) : buildApp(readConfig(env), false, life);
}

/** The lifecycle as the control port answers it, validated against the contract. */
export async function lifecycleOf({ control }: App): Promise<Lifecycle> {
  return lifecycle.parse((await control.inject("/lifecycle")).json());
}

/** One health request as a node of the balancer sends it. */
export function probe({ service }: App, remoteAddress = balancer, url = "/health") {
  return service.inject({ url, remoteAddress });
}

/** Comes back as soon as `condition` holds. The test's own timeout is the deadline. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await wait(5);
}

/** A promise and what settles it: holds a request in flight for as long as a test wants. */
export function gate(): { readonly passed: Promise<void>; open: () => void } {
  let open = (): void => undefined;
  const passed = new Promise<void>((resolve) => (open = resolve));
  return { passed, open: () => open() };
}

/** Adds `GET /held`, which answers when the function given back is called, and `GET /begun`, which then ends its answer. */
export function holdRequests({ service }: App): () => void {
  const { passed, open } = gate();
  service.get("/held", async () => {
    await passed;
    return { held: true };
  });
  service.get("/begun", (_request, reply) => {
    const parts = async function* () {
      yield "begun";
      await passed;
      yield "ended";
    };
    return reply.send(Readable.from(parts()));
  });
  return open;
}

/** Listens on a free loopback port and gives it back. */
export async function listening(server: FastifyInstance): Promise<number> {
  await server.listen({ port: 0, host: "127.0.0.1" });
  return (server.server.address() as AddressInfo).port;
}

/** A bare connection: what the client wrote is sent as it is, what came back is kept as text. */
export interface Connection {
  send(text: string): void;
  received(): string;
  readonly closed: Promise<void>;
  destroy(): void;
}

export async function connection(port: number): Promise<Connection> {
  const socket = connect(port, "127.0.0.1");
  let text = "";
  socket.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  socket.on("error", () => undefined);
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  return { send: (out) => socket.write(out), received: () => text, closed, destroy: () => socket.destroy() };
}

/** A request's text, keep-alive as HTTP/1.1 has it. */
export const get = (path: string, headers = ""): string => `GET ${path} HTTP/1.1\r\nHost: api\r\n${headers}\r\n`;

/** The server as one file in a folder of its own. */
export interface Bundle {
  readonly file: string;
  remove(): Promise<void>;
}

/** Bundles the server, as the lab does. */
export async function bundle(): Promise<Bundle> {
  const folder = await mkdtemp(join(tmpdir(), "evenkeel-app-"));
  const file = join(folder, "server.mjs");
  await build({
    entryPoints: [join(appFolder, "server.ts")],
    outfile: file,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
  });
  return { file, remove: () => rm(folder, { recursive: true }) };
}

/** A line of the process's log. */
export interface LogLine {
  readonly msg: string;
  readonly port?: number;
  readonly controlPort?: number;
}

/** The server as a process of its own. */
export interface Server {
  readonly log: readonly LogLine[];
  readonly exited: Promise<{
    readonly code: number | null;
    readonly signal: NodeJS.Signals | null;
    readonly err: string;
  }>;
  kill(signal: NodeJS.Signals): void;
  /** Comes back with the line whose message is `msg`. */
  logged(msg: string): Promise<LogLine>;
}

/** Starts the bundle on free loopback ports unless `env` says otherwise. */
export function start(file: string, env: Record<string, string> = {}): Server {
  const free = { HOST: "127.0.0.1", PORT: "0", CONTROL_PORT: "0" };
  const child = spawn(process.execPath, [file], { env: { ...free, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  const [out, err] = [collect(child.stdout), collect(child.stderr)];
  const readLog = (): LogLine[] =>
    out()
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as LogLine);
  let ended = false;
  const exited = new Promise<Awaited<Server["exited"]>>((resolve) =>
    child.once("close", (code, signal) => {
      ended = true;
      resolve({ code, signal, err: err() });
    }),
  );
  const logged = async (msg: string): Promise<LogLine> => {
    await until(() => ended || readLog().some((line) => line.msg === msg));
    const line = readLog().find((entry) => entry.msg === msg);
    if (line === undefined) throw new Error(`the process ended without logging "${msg}": ${out()}${err()}`);
    return line;
  };
  return {
    get log() {
      return readLog();
    },
    exited,
    kill: (signal) => child.kill(signal),
    logged,
  };
}

function collect(stream: NodeJS.ReadableStream): () => string {
  let text = "";
  stream.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  return () => text;
}
