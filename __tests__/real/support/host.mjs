/** What a balancer sees of a droplet: an HTTP server that notes every request. Arguments: address, port, folder. */
import { appendFileSync, existsSync } from "node:fs";
import { createServer } from "node:http";
import path from "node:path";
import { setInterval, clearInterval } from "node:timers";

const [address, port, folder = "."] = process.argv.slice(2);
const has = (file) => existsSync(path.join(folder, file));

createServer((request, response) => {
  const { method, url, httpVersion, headers } = request;
  const seen = { atMs: Date.now(), method, url, httpVersion, headers, source: request.socket.remoteAddress };
  appendFileSync(path.join(folder, "requests.jsonl"), `${JSON.stringify(seen)}\n`);
  const answer = () => response.writeHead(url === "/health" && has("unhealthy") ? 503 : 200).end(`${address}\n`);
  if (url !== "/held") return answer();
  const held = setInterval(() => {
    if (!has("let-go")) return;
    clearInterval(held);
    answer();
  }, 20);
}).listen(Number(port), address, () => process.stdout.write("ready\n"));
