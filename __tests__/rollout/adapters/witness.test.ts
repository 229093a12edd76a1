import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { HttpWitness } from "../../../scripts/rollout/adapters/witness.js";
import { until } from "../../lab/support/until.js";
import { TestServer, type Answer, type Asked } from "./server.js";

let server: TestServer;
let witness: HttpWitness;

async function start(answer: (asked: Asked, number: number) => Answer): Promise<void> {
  server = await TestServer.start(answer);
  witness = new HttpWitness({ url: `${server.url}/ping` });
}
afterEach(async () => {
  await witness.close();
  await server.stop();
});

describe("the witness", () => {
  it("asks on a fresh connection each time, as any client would", async () => {
    await start(() => ({ status: 200, body: "ok" }));
    expect(await witness.send(25)).toMatchObject({ sent: 25, answered: 25, failures: [] });
    expect(server.sockets).toBe(25);
    expect(server.asked).toHaveLength(25);
    for (const { method, url, headers } of server.asked) {
      expect([method, url]).toEqual(["GET", "/ping"]);
      expect(Object.keys(headers).sort()).toEqual(["connection", "host"]);
    }
  });

  it("shares a connection where it is to be asked as by a browser", async () => {
    await start(() => ({ status: 200, body: "ok" }));
    await witness.close();
    witness = new HttpWitness({ url: server.url }, { keepsConnection: true });
    for (let sent = 0; sent < 5; sent += 1) expect(await witness.send(1)).toMatchObject({ sent: 1, answered: 1 });
    expect([server.asked.length, server.sockets]).toEqual([5, 1]);
  });

  it("asks for a name at an address that the name need not lead to", async () => {
    await start(() => ({ status: 200 }));
    await witness.close();
    witness = new HttpWitness({ url: server.url, serverName: "api.example.com" });
    expect(await witness.send(1)).toMatchObject({ sent: 1, answered: 1, failures: [] });
    expect(server.asked.map(({ headers }) => headers.host)).toEqual(["api.example.com"]);
  });

  it("sends nothing when nothing is wanted", async () => {
    await start(() => ({ status: 200 }));
    expect(await witness.send(0)).toEqual({ sent: 0, answered: 0, failures: [], slowestMs: 0 });
    expect(server.sockets).toBe(0);
  });

  it.each([200, 204, 301, 404])("takes %s for an answer of the app", async (status) => {
    await start(() => ({ status }));
    expect(await witness.send(1)).toMatchObject({ sent: 1, answered: 1, failures: [] });
  });

  it("does not follow where an answer points", async () => {
    await start(() => ({ status: 302, headers: { location: "/elsewhere" } }));
    await witness.send(1);
    expect(server.asked.map(({ url }) => url)).toEqual(["/ping"]);
  });

  it("takes 5xx for a failure, by its status, and goes on", async () => {
    await start((_asked, number) => ({ status: number % 2 === 0 ? 503 : 200 }));
    const report = await witness.send(4);
    expect(report).toMatchObject({ sent: 4, answered: 2, failures: ["503", "503"] });
  });

  it("says how long the slowest answer took, and nothing of what failed", async () => {
    await start((_asked, number) => ({ status: number === 1 ? 200 : 503, afterMs: 100 * number }));
    const began = performance.now();
    const { slowestMs } = await witness.send(2);
    // A timer may end a moment before its time. The failure took longer than the answer.
    expect(slowestMs).toBeGreaterThanOrEqual(99);
    expect(slowestMs).toBeLessThan(performance.now() - began);
  });

  it("sends no more once ten at once got no answer, and says how many it sent", async () => {
    await start((_asked, number) => ({ status: 200, reset: number > 10 }));
    const { sent, answered, failures } = await witness.send(35);
    expect([sent, answered, failures.length]).toEqual([20, 10, 10]);
    expect(server.asked).toHaveLength(20);
  });

  it("goes on while the balancer answers, though no host does", async () => {
    await start(() => ({ status: 503 }));
    const { sent, answered } = await witness.send(25);
    expect([sent, answered]).toEqual([25, 0]);
  });

  it("takes a broken connection for a failure, by its code, and does not ask again", async () => {
    await start(() => ({ status: 0, reset: true }));
    const { answered, failures } = await witness.send(1);
    expect(answered).toBe(0);
    expect(failures).toEqual([expect.stringMatching(/^(UND_ERR_SOCKET|ECONNRESET)$/)]);
    expect(server.asked).toHaveLength(1);
  });

  it("takes a refused connection for a failure, by its code", async () => {
    await start(() => ({ status: 200 }));
    await server.stop();
    // Within jest, errors of Node's own are of another realm, and the code stands within their message.
    const code = expect.stringMatching(/\bECONNREFUSED\b/);
    expect(await witness.send(2)).toMatchObject({ sent: 2, answered: 0, failures: [code, code] });
  });

  it("takes an answer that ends before its time for a failure", async () => {
    await start(() => ({ status: 200, headers: { "content-length": "100", connection: "close" }, body: "short" }));
    const { answered } = await witness.send(1);
    expect(answered).toBe(0);
  });
});

describe("an answer that is sent for as long as one listens", () => {
  let stream: Server;
  const sent: number[] = [];
  const startStream = async (status: number): Promise<void> => {
    stream = createServer((_request, response) => {
      response.writeHead(status);
      const more = setInterval(() => response.write("more"), 5);
      response.once("close", () => {
        clearInterval(more);
        sent.push(status);
      });
    }).listen(0, "127.0.0.1");
    await once(stream, "listening");
    const url = `http://127.0.0.1:${(stream.address() as AddressInfo).port}`;
    witness = new HttpWitness({ url }, { limitMs: 200 });
  };
  // The other tests' own server, which the clean-up after each of them stops.
  beforeEach(() => start(() => ({ status: 200 })));
  afterEach(() => void stream.close());

  it.each([
    [200, null],
    [500, "500"],
  ])("is left when the time is up, and counts by its status: %s", async (status, failure) => {
    await startStream(status);
    const { answered, failures } = await witness.send(1);
    expect([answered, failures]).toEqual([failure === null ? 1 : 0, failure === null ? [] : [failure]]);
    await until("the connection is closed", () => sent.includes(status));
  });
});

describe("the balancer", () => {
  it.each([200, 404, 503])("can be asked from here when it answers %s", async (status) => {
    await start(() => ({ status }));
    expect(await witness.whyUnreachable()).toBeNull();
  });

  it("cannot be asked from here when it refuses the connection", async () => {
    await start(() => ({ status: 200 }));
    await server.stop();
    expect(await witness.whyUnreachable()).toMatch(/\bECONNREFUSED\b/);
  });

  it("cannot be asked from here when it breaks the connection", async () => {
    await start(() => ({ status: 0, reset: true }));
    expect(await witness.whyUnreachable()).toMatch(/^(UND_ERR_SOCKET|ECONNRESET)$/);
  });
});
