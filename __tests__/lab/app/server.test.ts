import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { bundle, killStarted, start, statusesOf, type Bundle } from "../../app/support.js";

// Deadlines only: a busy machine takes its time to start a process.
jest.setTimeout(60_000);

let server: Bundle;
beforeAll(async () => (server = await bundle("lab/app/server.ts")));
afterAll(() => server.remove());
afterEach(killStarted);

describe("the lab's app", () => {
  it("is the example, and answers the long request of load tests", async () => {
    const { ports } = await start(server.file, { RELEASE: "r1" }).started();
    const answer = await fetch(`http://127.0.0.1:${ports[0] ?? 0}/`);
    expect(await answer.json()).toMatchObject({ api: "happy response", release: "r1" });
    expect(await statusesOf(ports[0], ["/health", "/slow?ms=1", "/shutdown"])).toEqual([200, 200, 404]);
  });

  it("ends in order on SIGTERM", async () => {
    const process = start(server.file);
    await process.started();
    process.kill("SIGTERM");
    expect(await process.exited).toMatchObject({ code: 0, signal: null });
  });

  it.each(["CONTRACT", "SLOW_ROUTE"])("fails when %s is a word that it does not know", async (name) => {
    expect(await start(server.file, { [name]: "Article" }).exited).toMatchObject({
      code: 2,
      err: expect.stringMatching(new RegExp(`^${name}: got "Article"; needs one of .*\n$`)),
    });
  });
});

describe("the lab's app with the article's contract", () => {
  it("drains through the service port, and listens nowhere else", async () => {
    const { ports } = await start(server.file, { CONTRACT: "article", DRAIN_PORT: "0" }).started();
    expect(ports).toHaveLength(1);
    const statuses = await statusesOf(ports[0], ["/health", "/shutdown", "/health", "/", "/slow?ms=1"]);
    expect(statuses).toEqual([200, 200, 503, 200, 404]);
  });

  it("answers the long request of load tests when it is asked to", async () => {
    const { ports } = await start(server.file, { CONTRACT: "article", SLOW_ROUTE: "on" }).started();
    expect(await statusesOf(ports[0], ["/slow?ms=1"])).toEqual([200]);
  });

  it("is killed by SIGTERM as any process without a handler", async () => {
    const process = start(server.file, { CONTRACT: "article" });
    await process.started();
    process.kill("SIGTERM");
    expect(await process.exited).toMatchObject({ code: null, signal: "SIGTERM" });
  });
});
