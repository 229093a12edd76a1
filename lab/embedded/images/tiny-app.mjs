/** The smallest app that meets the contract, for images that break it in one point. */
import { createServer } from "node:http";

const { PORT = "80", HOST = "0.0.0.0", HEALTH_PATH = "/health", NEXT_HEALTH_PATH, RELEASE = "unknown" } = process.env;
const { DRAIN_PORT } = process.env;

/**
 * @param {object} [faults] what this image does otherwise
 * @param {number} [faults.port] service port
 * @param {(response: object) => number | null} [faults.health] status of the health path; null: it sees to the answer, or there is none
 * @param {boolean} [faults.drains] whether it does what `POST /drain` asks; the answer is the same
 * @param {boolean} [faults.stops] whether SIGTERM ends it
 * @param {(request: object, response: object) => boolean} [faults.hears] on both ports, whether it answered the request itself
 * @param {boolean} [faults.upgrades] whether it takes connections over for another protocol, in which it says nothing
 */
export function startTinyApp({
  port = Number(PORT),
  health = () => 200,
  drains = true,
  stops = true,
  upgrades = false,
  hears = () => false,
} = {}) {
  let leaving = false;
  const service = createServer((request, response) => {
    if (leaving) response.setHeader("connection", "close");
    if (hears(request, response)) return;
    if (request.url !== HEALTH_PATH && request.url !== NEXT_HEALTH_PATH)
      return answer(response, 200, { release: RELEASE });
    const status = health(response);
    if (status !== null) answer(response, status, { status: status === 200 ? "ok" : "no" });
  });
  if (upgrades) service.on("upgrade", (_request, socket) => hold(socket));
  service.listen(port, HOST);
  if (DRAIN_PORT !== undefined) {
    const control = createServer((request, response) => {
      if (hears(request, response)) return;
      const asked = request.method === "POST" && request.url === "/drain";
      leaving ||= asked && drains;
      answer(response, asked ? 200 : 404, {});
    });
    control.listen(Number(DRAIN_PORT), HOST);
  }
  process.on("SIGTERM", () => stops && process.exit(0));
}

function answer(response, status, body) {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

/** Open until the other side, or the end of the process, ends it. */
function hold(socket) {
  socket.on("error", () => undefined);
  socket.resume();
  socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
}
