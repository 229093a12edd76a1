import { describe, expect, it } from "@jest/globals";
import { answers, appWith, connection, drain, get, holdRequests, listening, until } from "./support.ts";

describe("POST /drain", () => {
  it("answers 200, as often as it is asked", async () => {
    const app = appWith();
    const statuses = [(await drain(app)).statusCode, (await drain(app)).statusCode];
    expect(statuses).toEqual([200, 200]);
  });

  it.each(["/", "/health", "/unknown", "/%"])("has GET %s say Connection: close, and not before", async (url) => {
    const app = appWith();
    const connectionOf = async () => (await app.service.inject(url)).headers.connection;
    expect(await connectionOf()).not.toBe("close");
    await drain(app);
    expect(await connectionOf()).toBe("close");
  });

  it("leaves health at 200 and serves on", async () => {
    const app = appWith();
    await drain(app);
    expect((await app.service.inject("/health")).statusCode).toBe(200);
    expect((await app.service.inject("/")).statusCode).toBe(200);
  });

  it("closes a connection after its next answer, one that was in flight before included", async () => {
    const app = appWith();
    const held = holdRequests(app);
    const before = await connection(await listening(app.service));
    before.send(get("/held"));
    await until(() => held.count() === 1);
    await drain(app);
    held.release();
    await before.closed;
    expect(answers(before)).toEqual(["HTTP/1.1 200"]);
    expect(before.received()).toContain("connection: close");
    await app.stop();
  });

  it("goes on accepting connections", async () => {
    const app = appWith();
    const port = await listening(app.service);
    await drain(app);
    const after = await connection(port);
    after.send(get("/"));
    await after.closed;
    expect(answers(after)).toEqual(["HTTP/1.1 200"]);
    await app.stop();
  });

  it("has no way back", async () => {
    const app = appWith();
    await drain(app);
    expect((await app.control.inject({ method: "DELETE", url: "/drain" })).statusCode).toBe(404);
    expect((await app.service.inject("/")).headers.connection).toBe("close");
  });

  it.each(["", "a=1"])("takes any content type, as small HTTP clients name one (body %j)", async (payload) => {
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const answer = await appWith().control.inject({ method: "POST", url: "/drain", headers, payload });
    expect(answer.statusCode).toBe(200);
  });

  it("is not on the service port", async () => {
    const { service } = appWith();
    expect((await service.inject({ method: "POST", url: "/drain" })).statusCode).toBe(404);
    expect((await service.inject("/")).headers.connection).not.toBe("close");
  });
});
