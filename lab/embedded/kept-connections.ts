/**
 * Connections to hosts that the balancer keeps for further requests. They are those of an address and port, as a balancer has them: where the droplet
 * leads new ones meanwhile makes no difference to one that stands.
 */
import { Agent, type ClientRequestArgs } from "node:http";
import { createConnection, type Socket } from "node:net";

/** What a request on such a connection is made with. */
export interface KeptTarget {
  readonly host: string;
  readonly port: number;
  /** Port of this machine that a new connection is made to. */
  readonly realPort: number;
}

export class KeptConnections extends Agent {
  constructor() {
    super({ keepAlive: true });
  }

  override createConnection({ realPort, localAddress }: ClientRequestArgs & Partial<KeptTarget>): Socket {
    if (realPort === undefined) throw new Error("a request to a host was made without the port that it is to go to");
    return createConnection({
      ...{ host: "127.0.0.1", port: realPort },
      ...(localAddress === undefined ? {} : { localAddress }),
    });
  }
}
