/** A release in the hands of an intruder: it serves well, and its control port says what a test tells it to say. */
import { clearInterval, setInterval } from "node:timers";
import { URL } from "node:url";
import { startTinyApp } from "./tiny-app.mjs";

const MEGABYTE = "x".repeat(1_000_000);
/** Until it is told otherwise, the control port tells the truth. */
let text = null;
let mode = "honest";

const modes = {
  honest: (response, report) => response.end(JSON.stringify(report)),
  says: (response) => response.end(text),
  "five-megabytes": (response, report) => response.end(JSON.stringify({ ...report, more: MEGABYTE.repeat(5) })),
  endless: (response) => {
    const more = () => {
      while (!response.destroyed && response.write(MEGABYTE));
    };
    response.on("drain", more);
    more();
  },
  slow: (response, report) => {
    const left = [...JSON.stringify(report)];
    const timer = setInterval(() => response.write(left.shift() ?? " "), 500);
    response.on("close", () => clearInterval(timer));
  },
};

startTinyApp({
  says: (request, response, report) => {
    const { pathname, search } = new URL(request.url, "http://localhost");
    const told = decodeURIComponent(search.slice(1));
    if (pathname === "/say") [text, mode] = [told, "says"];
    if (pathname === "/mode") mode = told;
    if (pathname === "/say" || pathname === "/mode") return response.end();
    response.writeHead(200, { "content-type": "application/json" });
    modes[mode](response, report);
  },
});
