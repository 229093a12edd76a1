import type { Server } from "node:http";

/** Closes a server and every connection that it still has. */
export function closeServer(server: Server): Promise<void> {
  return new Promise((settle) => {
    server.close(() => settle());
    server.closeAllConnections();
  });
}
