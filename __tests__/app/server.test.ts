import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { lifecycle } from "../../contract/host.js";
import { bundle, connection, get, start, until } from "./support.ts";
import type { Bundle, Connection, Server } from "./support.ts";

// Deadlines only: a busy machine takes its time to start a process.
jest.setTimeout(60_000);

/** The process under test is the one-file bundle that the lab starts, on this machine's Node. */
let bundled: Bundle;
const started: Server[] = [];

beforeAll(async () => (bundled = await bundle()));
afterAll(() => bundled.remove());
afterEach(async () => {
  for (const server of started) server.kill("SIGKILL");
  await Promise.all(started.splice(0).map(({ exited }) => exited));
});

function run(env: Record<string, string> = {}): Server {
  const server = start(bundled.file, env);
  started.push(server);
  return server;
}

const url = (port: number | undefined, path: string): string => `http://127.0.0.1:${port ?? 0}${path}`;

async function inFlight(controlPort: number | undefined): Promise<number> {
  return lifecycle.parse(await (await fetch(url(controlPort, "/lifecycle"))).json()).inFlight;
}

/** A server with one request of `ms` milliseconds in flight. */
async function busy(ms: number): Promise<{ server: Server; client: Connection; controlPort: number | undefined }> {
  const server = run();
  const { port, controlPort } = await server.logged("start");
  const client = await connection(port ?? 0);
  client.send(get(`/slow?ms=${ms}`));
  await until(async () => (await inFlight(controlPort)) === 1);
  return { server, client, controlPort };
}

describe("the process", () => {
  it("serves both ports and tells its release", async () => {
    const { port, controlPort } = await run({ RELEASE: "r1" }).logged("start");
    expect(await (await fetch(url(port, "/"))).json()).toMatchObject({ api: "happy response", release: "r1" });
    expect((await fetch(url(port, "/health"))).status).toBe(200);
    const life = lifecycle.parse(await (await fetch(url(controlPort, "/lifecycle"))).json());
    expect(life).toMatchObject({ release: "r1", state: "serving", probes: [] });
  });

  it("counts loopback as a source when LOCAL_SOURCES is set to nothing", async () => {
    const { port, controlPort } = await run({ LOCAL_SOURCES: "" }).logged("start");
    await fetch(url(port, "/health"));
    const life = lifecycle.parse(await (await fetch(url(controlPort, "/lifecycle"))).json());
    expect(life.probes).toMatchObject([{ source: "127.0.0.1", passed: 1, failed: 0 }]);
  });

  it.each(["SIGTERM", "SIGINT"] as const)("exits 0 on %s when nothing is in flight", async (signal) => {
    const server = run();
    await server.logged("start");
    server.kill(signal);
    expect(await server.exited).toEqual({ code: 0, signal: null, err: "" });
    expect(server.log.map(({ msg }) => msg).filter((msg) => !msg.startsWith("Server listening"))).toEqual([
      "start",
      "stop",
      "stopped",
    ]);
  });

  it("finishes what is in flight on SIGTERM, then exits 0", async () => {
    const { server, client } = await busy(1500);
    server.kill("SIGTERM");
    await client.closed;
    expect(client.received()).toContain("HTTP/1.1 200");
    expect(client.received()).toContain("connection: close");
    expect(client.received()).toContain('{"waitedMs":1500}');
    expect(await server.exited).toEqual({ code: 0, signal: null, err: "" });
  });

  it("answers on the control port until the last request is finished", async () => {
    const { server, controlPort } = await busy(60_000);
    server.kill("SIGTERM");
    await server.logged("stop");
    const life = lifecycle.parse(await (await fetch(url(controlPort, "/lifecycle"))).json());
    expect(life).toMatchObject({ state: "stopping", inFlight: 1 });
  });

  it.each([
    ["SIGTERM", 143],
    ["SIGINT", 130],
  ] as const)("exits at once on a second signal, %s", async (second, code) => {
    const { server } = await busy(60_000);
    server.kill("SIGTERM");
    await server.logged("stop");
    server.kill(second);
    expect(await server.exited).toEqual({ code, signal: null, err: "" });
  });

  it("does not wait for a request whose client has gone", async () => {
    const { server, client, controlPort } = await busy(60_000);
    client.destroy();
    await until(async () => (await inFlight(controlPort)) === 0);
    server.kill("SIGTERM");
    expect(await server.exited).toEqual({ code: 0, signal: null, err: "" });
  });

  it("fails when a variable cannot be used: one line, exit code 2", async () => {
    const { exited, log } = run({ PORT: "eighty" });
    expect(await exited).toEqual({
      code: 2,
      signal: null,
      err: 'PORT: got "eighty"; needs a whole number from 0 to 65535\n',
    });
    expect(log).toEqual([]);
  });

  it("fails when its port is taken: a line in the log, exit code 1", async () => {
    const { port } = await run().logged("start");
    const second = run({ PORT: String(port) });
    await second.logged("start failed");
    expect(await second.exited).toMatchObject({ code: 1, err: "" });
  });
});

describe("the process with the article's contract", () => {
  it("drains through the service port and has no control port", async () => {
    const { port, controlPort } = await run({ CONTRACT: "article" }).logged("start");
    expect(controlPort).toBeUndefined();
    const paths = ["/health", "/shutdown", "/health", "/", "/lifecycle"];
    const statuses: number[] = [];
    for (const path of paths) statuses.push((await fetch(url(port, path))).status);
    expect(statuses).toEqual([200, 200, 503, 200, 404]);
  });

  it("is killed by SIGTERM as any process without a handler", async () => {
    const server = run({ CONTRACT: "article" });
    await server.logged("start");
    server.kill("SIGTERM");
    expect(await server.exited).toMatchObject({ code: null, signal: "SIGTERM" });
  });
});
