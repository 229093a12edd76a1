/** The smallest app that meets the contract, for images that break it in one point. */
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";

const { PORT = "80", CONTROL_PORT = "9000", HEALTH_PATH = "/health", RELEASE = "unknown" } = process.env;
const HOST = process.env.HOST ?? "0.0.0.0";
const instance = randomUUID();
const startedAt = Date.now();

/**
 * @param {{ port?: number, healthStatus?: number }} faults what this image does otherwise
 */
export function startTinyApp({ port = Number(PORT), healthStatus = 200 } = {}) {
  const probes = new Map();
  const service = createServer((request, response) => {
    const isProbe = request.url === HEALTH_PATH && request.headers["x-forwarded-for"] === undefined;
    if (isProbe) count(probes, request.socket.remoteAddress, healthStatus === 200);
    response.writeHead(isProbe ? healthStatus : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(isProbe ? { status: healthStatus === 200 ? "ok" : "starting" } : { release: RELEASE }));
  });
  const control = createServer((_request, response) => {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify(lifecycle(probes)));
  });
  service.listen(port, HOST);
  control.listen(Number(CONTROL_PORT), process.env.CONTROL_HOST ?? "127.0.0.1");
  process.once("SIGTERM", () => process.exit(0));
}

function count(probes, source, passed) {
  if (source === "127.0.0.1") return;
  const before = probes.get(source) ?? { passed: 0, failed: 0 };
  const next = passed ? { passed: before.passed + 1, failed: 0 } : { passed: 0, failed: before.failed + 1 };
  probes.set(source, { ...next, at: Date.now() });
}

function lifecycle(probes) {
  const now = Date.now();
  return {
    instance,
    release: RELEASE,
    state: "serving",
    inFlight: 0,
    upgraded: 0,
    probes: [...probes].map(([source, { passed, failed, at }]) => ({ source, passed, failed, agoMs: now - at })),
    lastRequestAgoMs: now - startedAt,
    witnessRequests: 0,
  };
}
