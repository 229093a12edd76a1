/** What the tests of the example API share: a configured app, raw connections, and the bundled process. */
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

const root = fileURLToPath(new URL("../../", import.meta.url));
export const appFolder = join(root, "app");

/** An app that the environment configures, without a log. */
export const appWith = (env: Record<string, string> = {}): App => buildApp(readConfig(env));

/** Has the app drain as the droplet asks it to. */
export const drain = ({ control }: App) => control.inject({ method: "POST", url: "/drain" });

/** Comes back as soon as `condition` holds. The test's own timeout is the deadline. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await wait(5);
}

/** What {@link holdRequests} holds. */
export interface Held {
  /** Requests that arrived there. */
  readonly count: () => number;
  /** Has them all answered. */
  readonly release: () => void;
}

/** Adds `GET /held`, which answers once it is released, and `GET /begun`, which ends its answer then. */
export function holdRequests({ service }: App): Held {
  let count = 0;
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  service.get("/held", async () => {
    count += 1;
    await released;
    return { held: true };
  });
  service.get("/begun", (_request, reply) => {
    const parts = async function* () {
      yield "begun";
      await released;
      yield "ended";
    };
    return reply.send(Readable.from(parts()));
  });
  return { count: () => count, release };
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
  /** Reads no more, until it is to go on. */
  pause(): void;
  resume(): void;
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
  return {
    send: (out) => socket.write(out),
    received: () => text,
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    closed,
    destroy: () => socket.destroy(),
  };
}

/** A request's text, keep-alive as HTTP/1.1 has it. */
export const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: api\r\n\r\n`;

/** Status lines of what a connection received. */
export const answers = (of: Connection): string[] => of.received().match(/HTTP\/1\.1 \d{3}/g) ?? [];

/** Statuses of one request after the other. */
export async function statusesOf(port: number | undefined, paths: readonly string[]): Promise<number[]> {
  const statuses: number[] = [];
  for (const path of paths) statuses.push((await fetch(`http://127.0.0.1:${port ?? 0}${path}`)).status);
  return statuses;
}

/** A server as one file in a folder of its own. */
export interface Bundle {
  readonly file: string;
  remove(): Promise<void>;
}

/** Bundles a server, as the lab does. @param entry path from the project's root */
export async function bundle(entry = "app/server.ts"): Promise<Bundle> {
  const folder = await mkdtemp(join(tmpdir(), "evenkeel-app-"));
  const file = join(folder, "server.mjs");
  await build({
    entryPoints: [join(root, entry)],
    outfile: file,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
  });
  return { file, remove: () => rm(folder, { recursive: true }) };
}

/** The server as a process of its own. */
export interface Server {
  /** Messages of its log, in order, those of listening left out. */
  messages(): string[];
  readonly exited: Promise<{
    readonly code: number | null;
    readonly signal: NodeJS.Signals | null;
    readonly err: string;
  }>;
  kill(signal: NodeJS.Signals): void;
  logged(message: string): Promise<void>;
  /** Comes back once it serves, with its ports in the order in which it listened. */
  started(): Promise<{ readonly ports: readonly number[] }>;
}

const running: Server[] = [];

/** Ends every process that was started. To be called after each test. */
export async function killStarted(): Promise<void> {
  for (const server of running) server.kill("SIGKILL");
  await Promise.all(running.splice(0).map(({ exited }) => exited));
}

const LISTENING = /^Server listening at http:\/\/.*:(\d+)$/;

/** Starts a bundle on a free loopback port unless `env` says otherwise. */
export function start(file: string, env: Record<string, string> = {}): Server {
  const free = { HOST: "127.0.0.1", PORT: "0" };
  const child = spawn(process.execPath, [file], { env: { ...free, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  const [out, err] = [collect(child.stdout), collect(child.stderr)];
  const all = (): string[] =>
    out()
      .split("\n")
      .slice(0, -1)
      .map((line) => (JSON.parse(line) as { msg: string }).msg);
  let ended = false;
  const exited = new Promise<Awaited<Server["exited"]>>((resolve) =>
    child.once("close", (code, signal) => {
      ended = true;
      resolve({ code, signal, err: err() });
    }),
  );
  const logged = async (message: string): Promise<void> => {
    await until(() => ended || all().includes(message));
    if (!all().includes(message)) throw new Error(`ended without logging "${message}": ${out()}${err()}`);
  };
  const server: Server = {
    messages: () => all().filter((message) => !LISTENING.test(message)),
    exited,
    kill: (signal) => child.kill(signal),
    logged,
    started: async () => {
      await logged("start");
      return { ports: all().flatMap((message) => LISTENING.exec(message)?.slice(1).map(Number) ?? []) };
    },
  };
  running.push(server);
  return server;
}

function collect(stream: NodeJS.ReadableStream): () => string {
  let text = "";
  stream.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  return () => text;
}
