/** The service port's connections, and what is in flight on each. */
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";

/** Counts by connection, so that a client that goes away takes with it all it had asked, pipelined requests too. */
export class Connections {
  readonly #inFlight = new Map<Socket, number>();
  readonly #upgraded = new Set<Duplex>();
  #closing = false;

  /** Requests accepted and not finished. */
  get inFlight(): number {
    return [...this.#inFlight.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Connections taken over by another protocol and still open. */
  get upgraded(): number {
    return this.#upgraded.size;
  }

  /** A connection was accepted. */
  opened(socket: Socket): void {
    if (socket.destroyed || this.#inFlight.has(socket)) return;
    this.#inFlight.set(socket, 0);
    socket.once("close", () => this.#inFlight.delete(socket));
  }

  /** A request arrived. The function given back says that it is finished; saying so twice does no harm. */
  begin(socket: Socket): () => void {
    this.opened(socket);
    this.#add(socket, 1);
    let unfinished = true;
    return () => {
      if (unfinished) this.#add(socket, -1);
      unfinished = false;
    };
  }

  /**
   * For an app that adds a WebSocket: to be called by its listener for the node server's `upgrade` event, which sees the
   * request instead of Fastify. The reference app has no such listener, so Node answers an upgrade like any other request.
   */
  tookOver(socket: Duplex): void {
    this.#upgraded.add(socket);
    socket.once("close", () => this.#upgraded.delete(socket));
  }

  /**
   * Closes every connection once nothing is in flight on it. Node's own `server.close()` closes the idle ones, but waits for
   * ever on one that never sent a byte, and until the keep-alive timeout on one whose answer had begun before.
   */
  closeWhenIdle(): void {
    this.#closing = true;
    for (const socket of this.#inFlight.keys()) if (socket.bytesRead === 0) socket.destroy();
  }

  #add(socket: Socket, change: 1 | -1): void {
    const count = this.#inFlight.get(socket);
    if (count === undefined) return;
    this.#inFlight.set(socket, count + change);
    if (this.#closing && count + change === 0) socket.destroySoon();
  }
}
