/**
 * What HAProxy answers by itself, byte for byte.
 * @see https://docs.haproxy.org/2.6/configuration.html#1.3.1 which status means what
 */
import type { ServerResponse } from "node:http";

const PAGES = {
  502: ["Bad Gateway", "The server returned an invalid or incomplete response."],
  503: ["Service Unavailable", "No server is available to handle this request."],
} as const;

export type OwnStatus = keyof typeof PAGES;

export const page = (status: OwnStatus): string =>
  `<html><body><h1>${status} ${PAGES[status][0]}</h1>\n${PAGES[status][1]}\n</body></html>\n`;

export function answerWithPage(response: ServerResponse, status: OwnStatus): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, PAGES[status][0], {
    "content-length": Buffer.byteLength(page(status)),
    "cache-control": "no-cache",
    "content-type": "text/html",
  });
  response.end(page(status));
}
