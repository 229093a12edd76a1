/** The smallest app that meets the contract, for images that break it in one point. */
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";

const { PORT = "80", CONTROL_PORT = "9000", HEALTH_PATH = "/health", RELEASE = "unknown" } = process.env;
const HOST = process.env.HOST ?? "0.0.0.0";
const instance = randomUUID();

/**
 * @param {object} [faults] what this image does otherwise
 * @param {number} [faults.port] service port
 * @param {() => number | null} [faults.health] status of the health path while it serves; null: no answer, ever
 * @param {boolean} [faults.drains] whether it does what `POST /drain` asks; the answer is the same
 * @param {boolean} [faults.stops] whether SIGTERM ends it
 * @param {(request: object, response: object, report: object) => void} [faults.says] what the control port answers; the report is the truth
 * @param {boolean} [faults.upgrades] whether it takes connections over for another protocol, in which it says nothing
 */
export function startTinyApp({
  port = Number(PORT),
  health = () => 200,
  drains = true,
  stops = true,
  upgrades = false,
  says = (_request, response, report) => answer(response, 200, report),
} = {}) {
  const life = { state: "serving", witnessRequests: 0, lastRequestAt: null, upgraded: 0, probes: new Map() };
  const service = createServer((request, response) => {
    const isProbe = request.url === HEALTH_PATH && request.headers["x-forwarded-for"] === undefined;
    if (!isProbe) {
      if (request.headers["x-evenkeel-witness"] === undefined) life.lastRequestAt = Date.now();
      else life.witnessRequests += 1;
      return answer(response, 200, { release: RELEASE });
    }
    const status = life.state === "serving" ? health() : 503;
    count(life.probes, request.socket.remoteAddress, status === 200);
    if (status !== null) answer(response, status, { status: status === 200 ? "ok" : "no" });
  });
  const control = createServer((request, response) => {
    if (request.url === "/drain" && drains) life.state = request.method === "DELETE" ? "serving" : "draining";
    says(request, response, lifecycle(life));
  });
  if (upgrades) service.on("upgrade", (_request, socket) => hold(life, socket));
  service.listen(port, HOST);
  control.listen(Number(CONTROL_PORT), process.env.CONTROL_HOST ?? "127.0.0.1");
  process.on("SIGTERM", () => stops && process.exit(0));
}

function answer(response, status, body) {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

/** Open until the other side, or the end of the process, ends it. */
function hold(life, socket) {
  life.upgraded += 1;
  socket.on("error", () => undefined);
  socket.once("close", () => (life.upgraded -= 1));
  socket.resume();
  socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
}

function count(probes, source, passed) {
  if (source === "127.0.0.1") return;
  const before = probes.get(source) ?? { passed: 0, failed: 0 };
  const next = passed ? { passed: before.passed + 1, failed: 0 } : { passed: 0, failed: before.failed + 1 };
  probes.set(source, { ...next, at: Date.now() });
}

function lifecycle({ state, witnessRequests, lastRequestAt, upgraded, probes }) {
  const now = Date.now();
  return {
    instance,
    release: RELEASE,
    state,
    inFlight: 0,
    upgraded,
    probes: [...probes].map(([source, { passed, failed, at }]) => ({ source, passed, failed, agoMs: now - at })),
    lastRequestAgoMs: lastRequestAt === null ? null : now - lastRequestAt,
    witnessRequests,
  };
}
