/** The simulated balancer's entry: one HTTP listener on loopback, behind it the machines that its nodes hold to be up. */
import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { closeServer } from "../embedded/close.js";
import type { SimBalancer } from "../sim/balancer.js";

/** Time that the app takes for a request. */
const REQUEST_MS = 5;

export class Front {
  readonly #server: Server;

  constructor(balancer: SimBalancer) {
    this.#server = createServer((_request, reply) => forward(balancer, reply));
  }

  /** Listens on 127.0.0.1 and gives back the base URL. */
  async listen(): Promise<string> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  close(): Promise<void> {
    return closeServer(this.#server);
  }
}

/** Answers as HAProxy does: 503 without a machine, 502 when one breaks off. */
function forward(balancer: SimBalancer, reply: ServerResponse): void {
  balancer.request(REQUEST_MS, (ok, reason) => {
    reply.statusCode = ok ? 200 : reason === "reset" ? 502 : 503;
    reply.end(ok ? "served\n" : `${reason}\n`);
  });
}
