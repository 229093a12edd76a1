import { describe, expect, it } from "@jest/globals";
import { buildApp } from "../../app/app.ts";
import { readConfig } from "../../app/config.ts";
import { answers, appWith, connection, get, listening, until } from "./support.ts";

describe("the API", () => {
  it("answers / with an id that lasts as long as the process, and the release", async () => {
    const { service } = appWith({ RELEASE: "r1" });
    const [first, second] = [(await service.inject("/")).json<unknown>(), (await service.inject("/")).json<unknown>()];
    expect(first).toEqual({ api: "happy response", id: expect.any(Number), release: "r1" });
    expect(second).toEqual(first);
  });

  it("has another id in another process", async () => {
    const ids = await Promise.all([appWith(), appWith()].map(async ({ service }) => (await service.inject("/")).body));
    expect(ids[0]).not.toBe(ids[1]);
  });

  it("keeps connections open between requests, for longer than the balancer's idle timeout of 60 s", async () => {
    const app = appWith();
    const { service } = app;
    const kept = await connection(await listening(service));
    kept.send(get("/"));
    await until(() => answers(kept).length === 1);
    kept.send(get("/"));
    await until(() => answers(kept).length === 2);
    expect(kept.received().toLowerCase()).toContain("keep-alive: timeout=65");
    expect(service.server).toMatchObject({ keepAliveTimeout: 65_000, headersTimeout: 66_000 });
    await app.stop();
  });

  it("keeps them open for as long as it is told to", () => {
    expect(appWith({ KEEP_ALIVE_SECONDS: "605" }).service.server).toMatchObject({ keepAliveTimeout: 605_000 });
  });
});

describe("the health check", () => {
  it("answers 200", async () => {
    const answer = await appWith().service.inject("/health");
    expect([answer.statusCode, answer.body]).toEqual([200, '{"status":"ok"}']);
  });

  it("answers whoever asks: the app does not tell the balancer from others", async () => {
    const headers = { "x-forwarded-for": "203.0.113.7" };
    expect((await appWith().service.inject({ url: "/health", headers })).statusCode).toBe(200);
  });

  it("is found on the configured path only, taken literally", async () => {
    const { service } = appWith({ HEALTH_PATH: "/up/:id*" });
    expect((await service.inject("/up/:id*?from=balancer")).statusCode).toBe(200);
    expect((await service.inject("/up/7")).statusCode).toBe(404);
    expect((await service.inject("/health")).statusCode).toBe(404);
  });

  it("is found on the next path as well, if there is one", async () => {
    const { service } = appWith({ NEXT_HEALTH_PATH: "/next" });
    expect((await service.inject("/next")).json()).toEqual({ status: "ok" });
    expect((await service.inject("/health")).json()).toEqual({ status: "ok" });
    expect((await appWith().service.inject("/next")).statusCode).toBe(404);
  });
});

describe("the log", () => {
  async function linesOf(urls: readonly string[]): Promise<string[]> {
    const lines: string[] = [];
    const stream = { write: (line: string) => void lines.push((JSON.parse(line) as { msg: string }).msg) };
    const { service } = buildApp(readConfig({}), { stream });
    service.get("/broken", () => Promise.reject(new Error("no database")));
    for (const url of urls) await service.inject(url);
    return lines;
  }

  it("has no line per request", async () => expect(await linesOf(["/", "/health", "/unknown"])).toEqual([]));

  it("has a line for a request that failed", async () => expect(await linesOf(["/broken"])).toEqual(["no database"]));
});
