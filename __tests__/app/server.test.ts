import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { answers, bundle, connection, get, killStarted, start, statusesOf, until } from "./support.ts";
import type { Bundle, Connection, Server } from "./support.ts";

// Deadlines only: a busy machine takes its time to start a process.
jest.setTimeout(60_000);

/** The process under test is a one-file bundle, on this machine's Node. */
let example: Bundle;
/** The example with the long request of load tests. */
let withSlow: Bundle;

beforeAll(async () => {
  [example, withSlow] = await Promise.all([bundle(), bundle("lab/app/server.ts")]);
});
afterAll(() => Promise.all([example.remove(), withSlow.remove()]));
afterEach(killStarted);

/** A server with one request of `ms` milliseconds in flight. */
async function busy(ms: number): Promise<{ server: Server; client: Connection }> {
  const server = start(withSlow.file);
  const { ports } = await server.started();
  const client = await connection(ports[0] ?? 0);
  // Both arrive at once: when the first is answered, the second is in flight.
  client.send(get("/") + get(`/slow?ms=${ms}`));
  await until(() => answers(client).length === 1);
  return { server, client };
}

describe("the process", () => {
  it("serves on one port, and tells its release", async () => {
    const { ports } = await start(example.file, { RELEASE: "r1" }).started();
    expect(ports).toHaveLength(1);
    const answer = await fetch(`http://127.0.0.1:${ports[0] ?? 0}/`);
    expect(await answer.json()).toMatchObject({ api: "happy response", release: "r1" });
    expect(await statusesOf(ports[0], ["/health"])).toEqual([200]);
  });

  it("is drained on a port of its own, if it has one", async () => {
    const { ports } = await start(example.file, { DRAIN_PORT: "0" }).started();
    const [control, service] = ports;
    const drained = await fetch(`http://127.0.0.1:${control ?? 0}/drain`, { method: "POST" });
    expect(drained.status).toBe(200);
    const answer = await fetch(`http://127.0.0.1:${service ?? 0}/`);
    expect([answer.status, answer.headers.get("connection")]).toEqual([200, "close"]);
  });

  it.each(["SIGTERM", "SIGINT"] as const)("exits 0 on %s when nothing is in flight", async (signal) => {
    const server = start(example.file, { DRAIN_PORT: "0" });
    await server.started();
    server.kill(signal);
    expect(await server.exited).toEqual({ code: 0, signal: null, err: "" });
    expect(server.messages()).toEqual(["start", "stop"]);
  });

  it("finishes what is in flight on SIGTERM, then exits 0", async () => {
    const { server, client } = await busy(1500);
    server.kill("SIGTERM");
    await client.closed;
    expect(answers(client)).toEqual(["HTTP/1.1 200", "HTTP/1.1 200"]);
    expect(client.received()).toContain("connection: close");
    expect(client.received()).toContain('{"waitedMs":1500}');
    expect(await server.exited).toEqual({ code: 0, signal: null, err: "" });
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

  it("does not wait for the timer of a request whose client has gone", async () => {
    const { server, client } = await busy(60_000);
    client.destroy();
    server.kill("SIGTERM");
    expect(await server.exited).toEqual({ code: 0, signal: null, err: "" });
  });

  it("fails when a variable cannot be used: one line, exit code 2", async () => {
    const server = start(example.file, { PORT: "eighty" });
    expect(await server.exited).toEqual({
      code: 2,
      signal: null,
      err: 'PORT: got "eighty"; needs a whole number from 0 to 65535\n',
    });
    expect(server.messages()).toEqual([]);
  });

  it("fails when its port is taken: a line in the log, exit code 1", async () => {
    const { ports } = await start(example.file).started();
    const second = start(example.file, { PORT: String(ports[0]) });
    expect(await second.exited).toMatchObject({ code: 1, err: "" });
    expect(second.messages()).toEqual(["start failed"]);
  });
});
