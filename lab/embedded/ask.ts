/** One request to a port of this machine, for tests and demos. */
import { request } from "node:http";
import type { Answer } from "../site.js";

/** The body parsed where it is JSON, else as text. */
export function ask(method: string, port: number, route: string): Promise<Answer> {
  return new Promise((settle, fail) => {
    const asked = request({ host: "127.0.0.1", port, method, path: route, agent: false }, (reply) => {
      let text = "";
      reply.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      reply.once("end", () => settle({ status: reply.statusCode ?? 0, body: parsed(text) }));
      reply.once("error", fail);
    });
    asked.once("error", fail).end();
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
