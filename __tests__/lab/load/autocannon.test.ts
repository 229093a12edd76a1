/** The second tool against a server that counts for itself. */
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { EventEmitter, once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { closeServer } from "../../../lab/embedded/close.js";
import { startAutocannon, total } from "../../../lab/load/autocannon.js";

let server: Server;
let seen: number;
let connections: number;
let answer: RequestListener;
const arrivals = new EventEmitter<{ request: [] }>();

beforeEach(async () => {
  [seen, connections] = [0, 0];
  server = createServer((incoming, response) => {
    seen += 1;
    answer(incoming, response);
    arrivals.emit("request");
  });
  server.on("connection", () => (connections += 1));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterEach(() => closeServer(server));

const start = (ratePerSecond: number) =>
  startAutocannon({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, ratePerSecond });

async function requests(count: number): Promise<void> {
  while (seen < count) await once(arrivals, "request");
}

describe("autocannon as a second load", () => {
  it("counts what the server saw, on kept connections, and cuts nothing off at its end", async () => {
    answer = (_incoming, response) => setTimeout(() => response.end("{}"), 300);
    const load = start(4);
    await requests(9);
    const report = await load.stop();
    expect(report).toEqual({ sent: seen, failed: 0 });
    expect(connections).toBe(4);
  });

  it("counts errors, broken connections and connections closed in order as failed", async () => {
    let failed = 0;
    const ways: RequestListener[] = [
      (_incoming, response) => response.end("{}"),
      (_incoming, response) => response.writeHead(503).end(),
      ({ socket }) => socket.resetAndDestroy(),
      ({ socket }) => socket.end(),
    ];
    answer = (incoming, response) => {
      failed += seen % ways.length === 0 ? 0 : 1;
      ways[seen % ways.length]?.(incoming, response);
    };
    const load = start(6);
    await requests(13);
    expect(await load.stop()).toEqual({ sent: seen, failed });
  });

  it("is one report of all its instances", () => {
    expect(
      total([
        { sent: 5, ok: 5 },
        { sent: 6, ok: 4 },
      ]),
    ).toEqual({ sent: 11, failed: 2 });
  });
});
