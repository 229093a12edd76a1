import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import type { App } from "../../app/app.ts";
import { WITNESS_HEADER } from "../../app/service.ts";
import { appWith, connection, get, holdRequests, lifecycleOf, listening, until } from "./support.ts";
import type { Connection } from "./support.ts";

let app: App;
let release: () => void;
let port: number;
let clients: Connection[];

beforeEach(async () => {
  app = appWith({ LOCAL_SOURCES: "" });
  release = holdRequests(app);
  port = await listening(app.service);
  clients = [];
});

afterEach(async () => {
  release();
  for (const client of clients) client.destroy();
  await app.stop();
});

async function client(text = ""): Promise<Connection> {
  const made = await connection(port);
  clients.push(made);
  if (text !== "") made.send(text);
  return made;
}

const inFlight = (count: number) => until(() => app.life.report().inFlight === count);
const answers = (of: Connection): string[] => of.received().match(/HTTP\/1\.1 \d{3}/g) ?? [];

describe("requests in flight", () => {
  it("are counted from arrival to the end of the answer, witness requests too", async () => {
    const one = await client(get("/held"));
    await client(get("/held", `${WITNESS_HEADER}: 1\r\n`));
    await inFlight(2);
    release();
    await inFlight(0);
    await until(() => answers(one).length === 1);
  });

  it("do not contain probes", async () => {
    const prober = await client(get("/health"));
    await until(() => answers(prober).length === 1);
    await until(() => app.life.report().probes.length === 1);
    expect((await lifecycleOf(app)).inFlight).toBe(0);
  });

  it("end when the client goes away", async () => {
    const gone = await client(get("/held"));
    await inFlight(1);
    gone.destroy();
    await inFlight(0);
  });

  it("end when a client goes away that had sent several at once", async () => {
    const gone = await client(get("/held").repeat(3));
    await inFlight(3);
    gone.destroy();
    await inFlight(0);
    release();
    const next = await client(get("/"));
    await until(() => answers(next).length === 1);
    await inFlight(0);
  });
});

describe("a connection", () => {
  it("is kept open between requests while serving, for longer than the balancer's idle timeout of 60 s", async () => {
    const kept = await client(get("/"));
    await until(() => answers(kept).length === 1);
    kept.send(get("/"));
    await until(() => answers(kept).length === 2);
    expect(kept.received().toLowerCase()).toContain("keep-alive: timeout=65");
    expect(app.service.server).toMatchObject({ keepAliveTimeout: 65_000, headersTimeout: 66_000 });
  });

  it("is closed after its next answer while draining, one that was in flight before included", async () => {
    const before = await client(get("/held"));
    await inFlight(1);
    app.life.drain();
    release();
    await before.closed;
    expect(answers(before)).toEqual(["HTTP/1.1 200"]);
    expect(before.received()).toContain("connection: close");
  });

  it("that asks for an upgrade is answered like any other request and not counted as upgraded", async () => {
    const asking = await client(get("/", "Connection: Upgrade\r\nUpgrade: websocket\r\n"));
    await until(() => answers(asking).length === 1);
    expect(answers(asking)).toEqual(["HTTP/1.1 200"]);
    expect(app.life.report().upgraded).toBe(0);
  });

  it("that an upgrade handler took over is counted as upgraded until it closes, and never as in flight", async () => {
    app.service.server.on("upgrade", (_request, socket) => {
      app.life.connections.tookOver(socket);
      socket.resume().on("end", () => socket.end());
      socket.write("HTTP/1.1 101 Switching Protocols\r\n\r\n");
    });
    const upgraded = await client(get("/", "Connection: Upgrade\r\nUpgrade: websocket\r\n"));
    await until(() => answers(upgraded).length === 1);
    expect(await lifecycleOf(app)).toMatchObject({ upgraded: 1, inFlight: 0 });
    upgraded.destroy();
    await until(() => app.life.report().upgraded === 0);
  });
});

describe("stopping", () => {
  it("finishes what is in flight, says Connection: close, and only then ends", async () => {
    const served = await client(get("/held"));
    await inFlight(1);
    let stopped = false;
    const stop = app.stop().then(() => (stopped = true));
    expect(await lifecycleOf(app)).toMatchObject({ state: "stopping", inFlight: 1 });
    expect(stopped).toBe(false);
    release();
    await stop;
    await served.closed;
    expect(served.received()).toContain('{"held":true}');
    expect(served.received()).toContain("connection: close");
  });

  it("accepts no connection any more, at once", async () => {
    await client(get("/held"));
    await inFlight(1);
    const stop = app.stop();
    await expect(connection(port)).rejects.toMatchObject({ code: "ECONNREFUSED" });
    release();
    await stop;
  });

  it("closes idle connections and those that never sent anything", async () => {
    const idle = await client(get("/"));
    const silent = await client();
    await until(() => answers(idle).length === 1);
    await Promise.all([app.stop(), idle.closed, silent.closed]);
  });

  it("does not wait for the keep-alive timeout of an answer that had begun before", async () => {
    const begun = await client(get("/begun"));
    await until(() => begun.received().includes("begun"));
    expect(begun.received()).toContain("Connection: keep-alive");
    const stop = app.stop();
    release();
    await Promise.all([stop, begun.closed]);
    expect(begun.received()).toContain("ended");
  });
});
