import { describe, expect, it } from "@jest/globals";
import { buildArticle } from "../../../lab/app/article.js";

const forwarded = { "x-forwarded-for": "203.0.113.7" };

describe("the article's contract", () => {
  it("answers / with an id that lasts as long as the process", async () => {
    const app = buildArticle(false);
    const first = (await app.inject("/")).json<unknown>();
    expect(first).toEqual({ api: "happy response", id: expect.any(Number) });
    expect((await app.inject("/")).json()).toEqual(first);
  });

  it("turns health 503 by GET /shutdown, for good, and goes on serving", async () => {
    const app = buildArticle(false);
    const before = await app.inject("/health");
    expect([before.statusCode, before.body]).toEqual([200, '{"status":"ok"}']);
    expect((await app.inject("/shutdown")).body).toBe('{"shutdown":true}');
    const after = await app.inject("/health");
    expect([after.statusCode, after.body]).toEqual([503, '{"status":"shutdown"}']);
    expect((await app.inject("/")).statusCode).toBe(200);
  });

  it("does not hide the health path from outside", async () => {
    const answer = await buildArticle(false).inject({ url: "/health", headers: forwarded });
    expect(answer.statusCode).toBe(200);
  });

  it.each([
    ["no other", false, []],
    ["the long requests of load tests, when they are asked for", true, ["slow (GET)", "upload (POST)"]],
  ])("has these three routes and %s", async (_name, slowRoute, more) => {
    const app = buildArticle(false, slowRoute);
    await app.ready();
    const routes = app.printRoutes({ commonPrefix: false }).match(/\S+ \([^)]+\)/g);
    expect(routes?.sort()).toEqual(["/ (GET)", "health (GET)", "shutdown (GET)", ...more].sort());
  });
});
