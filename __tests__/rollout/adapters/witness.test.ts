import { afterEach, describe, expect, it } from "@jest/globals";
import { HttpWitness } from "../../../scripts/rollout/adapters/witness.js";
import { TestServer, type Answer, type Asked } from "./server.js";

let server: TestServer;
let witness: HttpWitness;

async function start(answer: (asked: Asked, number: number) => Answer): Promise<void> {
  server = await TestServer.start(answer);
  witness = new HttpWitness({ url: `${server.url}/ping` }, "run1");
}
afterEach(async () => {
  await witness.close();
  await server.stop();
});

describe("the witness", () => {
  it("asks on a fresh connection each time, and says that it is the witness", async () => {
    await start(() => ({ status: 200, body: "ok" }));
    expect(await witness.send(25)).toEqual({ sent: 25, answered: 25, failures: [] });
    expect(server.sockets).toBe(25);
    expect(server.asked).toHaveLength(25);
    for (const { method, url, headers } of server.asked) {
      expect([method, url, headers["x-evenkeel-witness"]]).toEqual(["GET", "/ping", "run1"]);
    }
  });

  it("asks for a name at an address that the name need not lead to", async () => {
    await start(() => ({ status: 200 }));
    await witness.close();
    witness = new HttpWitness({ url: server.url, serverName: "api.example.com" }, "run1");
    expect(await witness.send(1)).toEqual({ sent: 1, answered: 1, failures: [] });
    expect(server.asked.map(({ headers }) => headers.host)).toEqual(["api.example.com"]);
  });

  it("sends nothing when nothing is wanted", async () => {
    await start(() => ({ status: 200 }));
    expect(await witness.send(0)).toEqual({ sent: 0, answered: 0, failures: [] });
    expect(server.sockets).toBe(0);
  });

  it.each([200, 204, 301, 404])("takes %s for an answer of the app", async (status) => {
    await start(() => ({ status }));
    expect(await witness.send(1)).toEqual({ sent: 1, answered: 1, failures: [] });
  });

  it("does not follow where an answer points", async () => {
    await start(() => ({ status: 302, headers: { location: "/elsewhere" } }));
    await witness.send(1);
    expect(server.asked.map(({ url }) => url)).toEqual(["/ping"]);
  });

  it("takes 5xx for a failure, by its status, and goes on", async () => {
    await start((_asked, number) => ({ status: number % 2 === 0 ? 503 : 200 }));
    const report = await witness.send(4);
    expect(report).toEqual({ sent: 4, answered: 2, failures: ["503", "503"] });
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
    expect(await witness.send(2)).toEqual({ sent: 2, answered: 0, failures: [code, code] });
  });

  it("takes an answer that ends before its time for a failure", async () => {
    await start(() => ({ status: 200, headers: { "content-length": "100", connection: "close" }, body: "short" }));
    const { answered } = await witness.send(1);
    expect(answered).toBe(0);
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
