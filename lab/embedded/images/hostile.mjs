/**
 * A release in the hands of an intruder: it serves well, and its health path answers what a test tells it to. A test may also
 * have it write to its log. It is told on any port, with any method.
 */
import { clearInterval, setInterval } from "node:timers";
import { URL } from "node:url";
import { startTinyApp } from "./tiny-app.mjs";

const MEGABYTE = "x".repeat(1_000_000);
/** Until it is told otherwise, the health path tells the truth. */
let text = "";
let mode = "honest";

const modes = {
  honest: (response) => response.end('{"status":"ok"}'),
  says: (response) => response.end(text),
  "five-megabytes": (response) => response.end(MEGABYTE.repeat(5)),
  endless: (response) => {
    const more = () => {
      while (!response.destroyed && response.write(MEGABYTE));
    };
    response.on("drain", more);
    more();
  },
  slow: (response) => {
    const timer = setInterval(() => response.write(" "), 500);
    response.on("close", () => clearInterval(timer));
  },
};

const orders = {
  "/say": (told) => ([text, mode] = [told, "says"]),
  "/mode": (told) => (mode = Object.hasOwn(modes, told) ? told : mode),
  "/log": (told) => process.stdout.write(told),
};

startTinyApp({
  hears: (request, response) => {
    const { pathname, search } = new URL(request.url, "http://localhost");
    const order = orders[pathname];
    if (order === undefined) return false;
    order(decodeURIComponent(search.slice(1)));
    response.end();
    return true;
  },
  health: (response) => {
    response.writeHead(200, { "content-type": "application/json" });
    modes[mode](response);
    return null;
  },
});
