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
