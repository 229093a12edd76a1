import { describe, expect, it } from "@jest/globals";
import { buildApp } from "../../app/app.ts";
import { readConfig } from "../../app/config.ts";
import { lifecycle } from "../../contract/host.js";
import { appWith, lifecycleOf, probe } from "./support.ts";

describe("GET /lifecycle", () => {
  it("answers as the contract says, in compact JSON, before any request", async () => {
    const app = appWith({ RELEASE: "r1" });
    const { body } = await app.control.inject("/lifecycle");
    expect(body).toBe(JSON.stringify(lifecycle.parse(JSON.parse(body))));
    expect(await lifecycleOf(app)).toEqual({
      instance: app.life.instance,
      release: "r1",
      state: "serving",
      inFlight: 0,
      upgraded: 0,
      probes: [],
      lastRequestAgoMs: null,
      witnessRequests: 0,
    });
  });

  it("keeps its instance id for the life of the process; another process has another", async () => {
    const [one, other] = [appWith(), appWith()];
    expect((await lifecycleOf(one)).instance).toBe((await lifecycleOf(one)).instance);
    expect((await lifecycleOf(one)).instance).not.toBe((await lifecycleOf(other)).instance);
  });

  it("is no traffic itself", async () => {
    const app = appWith();
    await lifecycleOf(app);
    expect(await lifecycleOf(app)).toMatchObject({ inFlight: 0, lastRequestAgoMs: null });
  });
});

describe("/drain", () => {
  it("turns health 503 by POST and 200 again by DELETE, each as often as asked", async () => {
    const app = appWith();
    const seen: unknown[] = [];
    for (const method of ["POST", "POST", "DELETE", "DELETE"] as const) {
      const answer = await app.control.inject({ method, url: "/drain" });
      seen.push([answer.statusCode, lifecycle.parse(answer.json()).state, (await probe(app)).statusCode]);
    }
    expect(seen).toEqual([
      [200, "draining", 503],
      [200, "draining", 503],
      [200, "serving", 200],
      [200, "serving", 200],
    ]);
  });

  it("cannot bring a stopping process back", async () => {
    const app = appWith();
    app.life.stop();
    expect((await app.control.inject({ method: "POST", url: "/drain" })).json()).toMatchObject({ state: "stopping" });
    const answer = await app.control.inject({ method: "DELETE", url: "/drain" });
    expect([answer.statusCode, answer.json()]).toEqual([
      409,
      {
        statusCode: 409,
        code: "STOPPING",
        error: "Conflict",
        message: "the process is stopping and cannot serve again; start a new one",
      },
    ]);
  });

  it("takes any body and content type, as small HTTP clients send them", async () => {
    const { control } = appWith();
    for (const payload of ["", "a=1"]) {
      const headers = { "content-type": "application/x-www-form-urlencoded" };
      expect((await control.inject({ method: "POST", url: "/drain", headers, payload })).statusCode).toBe(200);
    }
  });

  it("is not on the service port, nor is /lifecycle", async () => {
    const { service } = appWith();
    expect((await service.inject({ method: "POST", url: "/drain" })).statusCode).toBe(404);
    expect((await service.inject("/lifecycle")).statusCode).toBe(404);
  });

  it("logs each change once, and no request", async () => {
    const lines: string[] = [];
    const stream = { write: (line: string) => void lines.push((JSON.parse(line) as { msg: string }).msg) };
    const app = buildApp(readConfig({}), { stream });
    for (const method of ["POST", "POST", "DELETE"] as const) await app.control.inject({ method, url: "/drain" });
    await app.service.inject("/");
    await app.service.inject("/unknown");
    await app.service.inject("/slow");
    expect(lines).toEqual(["drain", "undrain"]);
  });

  it("leaves a line in the log for a request that failed with 500", async () => {
    const lines: string[] = [];
    const stream = { write: (line: string) => void lines.push((JSON.parse(line) as { msg: string }).msg) };
    const { service } = buildApp(readConfig({}), { stream });
    service.get("/broken", () => Promise.reject(new Error("no database")));
    expect((await service.inject("/broken")).statusCode).toBe(500);
    expect(lines).toEqual(["no database"]);
  });
});
