import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import type { App } from "../../app/app.ts";
import { answers, appWith, connection, get, holdRequests, listening, until } from "./support.ts";
import type { Connection, Held } from "./support.ts";

let app: App;
let held: Held;
let port: number;
let clients: Connection[];

beforeEach(async () => {
  app = appWith();
  held = holdRequests(app);
  app.service.get("/large", () => "x".repeat(LARGE_BYTES));
  port = await listening(app.service);
  clients = [];
});

afterEach(async () => {
  held.release();
  for (const client of clients) client.destroy();
  await app.stop();
});

/** More than what the kernel takes off the process's hands. */
const LARGE_BYTES = 50_000_000;

async function client(text = ""): Promise<Connection> {
  const made = await connection(port);
  clients.push(made);
  if (text !== "") made.send(text);
  return made;
}

const refused = () =>
  until(() =>
    connection(port).then(
      (made) => (made.destroy(), false),
      (error: unknown) => (error as NodeJS.ErrnoException).code === "ECONNREFUSED",
    ),
  );

describe("stopping", () => {
  it("finishes what is in flight, says Connection: close, and only then ends", async () => {
    const served = await client(get("/held"));
    await until(() => held.count() === 1);
    let stopped = false;
    const stop = app.stop().then(() => (stopped = true));
    await refused();
    expect(stopped).toBe(false);
    held.release();
    await stop;
    await served.closed;
    expect(served.received()).toContain('{"held":true}');
    expect(served.received()).toContain("connection: close");
  });

  it("serves a request that still arrives on an open connection", async () => {
    const kept = await client(get("/"));
    await until(() => answers(kept).length === 1);
    await client(get("/held"));
    await until(() => held.count() === 1);
    const stop = app.stop();
    kept.send(get("/"));
    await kept.closed;
    expect(answers(kept)).toEqual(["HTTP/1.1 200", "HTTP/1.1 200"]);
    held.release();
    await stop;
  });

  it("closes idle connections and those that never sent anything", async () => {
    const idle = await client(get("/"));
    const silent = await client();
    await until(() => answers(idle).length === 1);
    await Promise.all([app.stop(), idle.closed, silent.closed]);
  });

  it("does not cut off an answer that a slow client is still reading", async () => {
    const slow = await client(get("/large"));
    await until(() => slow.received() !== "");
    slow.pause();
    const stop = app.stop();
    await refused();
    slow.resume();
    await Promise.all([stop, slow.closed]);
    expect(slow.received().split("\r\n\r\n")[1]).toHaveLength(LARGE_BYTES);
  });

  it("does not wait for the keep-alive timeout of an answer that had begun before", async () => {
    const begun = await client(get("/begun"));
    await until(() => begun.received().includes("begun"));
    expect(begun.received()).toContain("Connection: keep-alive");
    const stop = app.stop();
    held.release();
    await Promise.all([stop, begun.closed]);
    expect(begun.received()).toContain("ended");
  });

  it("does not wait for a request whose client has gone", async () => {
    const gone = await client(get("/held"));
    await until(() => held.count() === 1);
    gone.destroy();
    await app.stop();
  });
});
