/**
 * What HAProxy answers by itself, byte for byte.
 * @see https://github.com/haproxy/haproxy/blob/v2.6.0/src/http_htx.c http_err_msgs in src/http.c
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
