import { describe, expect, it } from "@jest/globals";
import { Life } from "../../app/life.ts";
import { WITNESS_HEADER } from "../../app/service.ts";
import { WITNESS_HEADER as contractHeader } from "../../contract/host.js";
import { appWith, balancer, lifecycleOf, probe } from "./support.ts";

const forwarded = { "x-forwarded-for": "203.0.113.7" };

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

  it("answers /slow after the asked time", async () => {
    const answer = await appWith().service.inject("/slow?ms=1");
    expect([answer.statusCode, answer.json()]).toEqual([200, { waitedMs: 1 }]);
  });

  it.each(["/slow", "/slow?ms=-1", "/slow?ms=60001", "/slow?ms=soon"])("answers %s with Fastify's 400", async (url) => {
    const answer = await appWith().service.inject(url);
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({ code: "FST_ERR_VALIDATION", error: "Bad Request" });
  });
});

describe("the health check", () => {
  it("answers exactly 200 while serving and 503 while draining", async () => {
    const app = appWith();
    const before = await probe(app);
    app.life.drain();
    const after = await probe(app);
    expect([before.statusCode, before.body]).toEqual([200, '{"status":"ok"}']);
    expect([after.statusCode, after.body]).toEqual([503, '{"status":"shutdown"}']);
  });

  it("answers 503 while stopping", async () => {
    const app = appWith();
    app.life.stop();
    expect((await probe(app)).statusCode).toBe(503);
  });

  it("is found on the configured path only, taken literally", async () => {
    const app = appWith({ HEALTH_PATH: "/up/:id*" });
    expect((await probe(app, balancer, "/up/:id*?from=balancer")).statusCode).toBe(200);
    expect((await probe(app, balancer, "/up/7")).statusCode).toBe(404);
    expect((await probe(app, balancer, "/health")).statusCode).toBe(404);
  });

  it("is found on the next path as well, and leaves the same evidence there", async () => {
    const app = appWith({ NEXT_HEALTH_PATH: "/next" });
    expect((await probe(app, balancer, "/next")).statusCode).toBe(200);
    app.life.drain();
    expect((await probe(app, balancer, "/next")).statusCode).toBe(503);
    expect((await probe(app, balancer, "/health")).statusCode).toBe(503);
    expect((await lifecycleOf(app)).probes).toMatchObject([{ source: balancer, passed: 0, failed: 2 }]);
    expect((await app.service.inject({ url: "/next", headers: forwarded })).statusCode).toBe(404);
  });

  it("may share the path / with the API: what came through the balancer gets the API", async () => {
    const app = appWith({ HEALTH_PATH: "/" });
    expect((await probe(app, balancer, "/")).json()).toEqual({ status: "ok" });
    expect((await app.service.inject({ url: "/", headers: forwarded })).json()).toMatchObject({
      api: "happy response",
    });
  });
});

describe("a probe", () => {
  it("leaves evidence under its source, an IPv4 address through an IPv6 socket under the same", async () => {
    const app = appWith();
    await probe(app, "10.10.0.9");
    await probe(app, "::ffff:10.10.0.9");
    app.life.drain();
    await probe(app, "10.10.0.8");
    expect((await lifecycleOf(app)).probes).toEqual([
      { source: "10.10.0.9", passed: 2, failed: 0, agoMs: expect.any(Number) },
      { source: "10.10.0.8", passed: 0, failed: 1, agoMs: expect.any(Number) },
    ]);
  });

  it("is no ordinary request", async () => {
    const app = appWith();
    await probe(app);
    expect(await lifecycleOf(app)).toMatchObject({ lastRequestAgoMs: null, witnessRequests: 0, inFlight: 0 });
  });

  it.each(["127.0.0.1", "::1", "::ffff:127.0.0.1"])("from the droplet itself (%s) leaves none", async (source) => {
    const app = appWith();
    expect((await probe(app, source)).statusCode).toBe(200);
    app.life.drain();
    expect((await probe(app, source)).statusCode).toBe(503);
    expect(await lifecycleOf(app)).toMatchObject({ probes: [], lastRequestAgoMs: null });
  });

  it("from loopback leaves evidence when LOCAL_SOURCES is set to nothing", async () => {
    const app = appWith({ LOCAL_SOURCES: "" });
    await probe(app, "127.0.0.1");
    expect((await lifecycleOf(app)).probes).toMatchObject([{ source: "127.0.0.1", passed: 1 }]);
  });
});

describe("a health request that came through the balancer", () => {
  it.each(["203.0.113.7", ""])("is answered like an unknown path (X-Forwarded-For %j)", async (value) => {
    const { service } = appWith();
    const headers = { "x-forwarded-for": value };
    const health = await service.inject({ url: "/health", headers, remoteAddress: balancer });
    const unknown = await service.inject({ url: "/hidden", headers, remoteAddress: balancer });
    expect(health.statusCode).toBe(404);
    expect(health.body.replaceAll("health", "hidden")).toBe(unknown.body);
    expect(Object.keys(health.headers)).toEqual(Object.keys(unknown.headers));
  });

  it.each([
    ["HEAD", "/health"],
    ["OPTIONS", "/health"],
    ["POST", "/health"],
    ["GET", "/%68ealth"],
    ["GET", "/health/"],
  ] as const)("does not find the path by %s %s either", async (method, url) => {
    const { service } = appWith();
    const answer = await service.inject({ method, url, headers: forwarded, remoteAddress: balancer });
    expect(answer.statusCode).toBe(404);
  });

  it("leaves no evidence and counts as ordinary traffic", async () => {
    const app = appWith();
    await app.service.inject({ url: "/health", headers: forwarded, remoteAddress: balancer });
    const { probes, lastRequestAgoMs } = await lifecycleOf(app);
    expect(probes).toEqual([]);
    expect(lastRequestAgoMs).not.toBeNull();
  });
});

describe("traffic", () => {
  it.each(["/", "/unknown", "/slow?ms=soon", "/%"])("is dated by GET %s", async (url) => {
    let now = 5000;
    const app = appWith({}, new Life("r1", () => now));
    await app.service.inject(url);
    now += 700;
    expect(await lifecycleOf(app)).toMatchObject({ lastRequestAgoMs: 700, inFlight: 0 });
  });

  it("tells witness requests apart: they are counted and do not date", async () => {
    const app = appWith();
    const headers = { ...forwarded, [WITNESS_HEADER]: "1" };
    await app.service.inject({ url: "/", headers });
    await app.service.inject({ url: "/unknown", headers });
    expect(await lifecycleOf(app)).toMatchObject({ witnessRequests: 2, lastRequestAgoMs: null });
  });

  it("knows witness requests by the contract's header", () => expect(WITNESS_HEADER).toBe(contractHeader));
});

describe("while draining", () => {
  it.each(["/", "/health", "/unknown", "/slow?ms=soon", "/%"])("GET %s says Connection: close", async (url) => {
    const app = appWith();
    const connectionOf = async () => (await app.service.inject({ url, remoteAddress: balancer })).headers.connection;
    expect(await connectionOf()).not.toBe("close");
    app.life.drain();
    expect(await connectionOf()).toBe("close");
    app.life.undrain();
    expect(await connectionOf()).not.toBe("close");
  });

  it("requests are still served", async () => {
    const app = appWith();
    app.life.drain();
    expect((await app.service.inject("/")).statusCode).toBe(200);
  });
});
