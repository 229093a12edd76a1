import { describe, expect, it } from "@jest/globals";
import Fastify from "fastify";
import { addSlow } from "../../../lab/app/slow.js";

const ask = (url: string) => {
  const app = Fastify();
  addSlow(app);
  return app.inject(url);
};

describe("/slow", () => {
  it("answers after the asked time", async () => {
    const answer = await ask("/slow?ms=1");
    expect([answer.statusCode, answer.json()]).toEqual([200, { waitedMs: 1 }]);
  });

  it.each(["/slow", "/slow?ms=-1", "/slow?ms=60001", "/slow?ms=soon"])("refuses %s", async (url) => {
    expect((await ask(url)).statusCode).toBe(400);
  });
});

it("/upload answers once the whole body has come, and says how long it was", async () => {
  const app = Fastify();
  addSlow(app);
  for (const headers of [{}, { "content-type": "application/octet-stream" }]) {
    const answer = await app.inject({ method: "POST", url: "/upload", headers, payload: Buffer.from("four") });
    expect([answer.statusCode, answer.json()]).toEqual([200, { bytes: 4 }]);
  }
});
