import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { closeServer } from "../../../lab/embedded/close.js";
import { startLoad, startUptimeCheck } from "../../../lab/load/load.js";

let server: Server;
const connections = new Set<unknown>();
let answer: RequestListener;

beforeAll(async () => {
  server = createServer((incoming, response) => answer(incoming, response));
  server.on("connection", (socket) => connections.add(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
beforeEach(() => connections.clear());
afterAll(() => closeServer(server));

const url = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
const json = (value: unknown) => JSON.stringify(value);

test("counts what the server saw, by release, with slow requests and both kinds of connection", async () => {
  const seen = { fast: 0, slow: 0 };
  answer = (incoming, response) => {
    const slow = incoming.url === "/slow?ms=50";
    seen[slow ? "slow" : "fast"] += 1;
    setTimeout(() => response.end(json(slow ? { waitedMs: 50 } : { release: "v1" })), slow ? 50 : 0);
  };
  const load = await startLoad({ url: url(), ratePerSecond: 300, slowShare: 0.1, slowMs: 50, keepAliveShare: 0.5 });
  await load.until(({ ok }) => ok >= 200);
  const report = await load.stop();
  expect(report).toMatchObject({
    failed: 0,
    failures: [],
    skipped: 0,
    sent: seen.fast + seen.slow,
    byRelease: { v1: seen.fast },
  });
  expect(report.sent).toBe(report.ok);
  expect(seen.slow).toBeGreaterThan(10);
  expect(connections.size).toBeLessThan(report.sent);
  expect(connections.size).toBeGreaterThan(report.sent / 3);
  expect(report.perSecond.reduce((sum, { sent }) => sum + sent, 0)).toBe(report.sent);
  expect(await load.stop()).toBe(report);
});

test("sees every kind of failure, with its moment", async () => {
  let count = 0;
  answer = (incoming, response) => {
    count += 1;
    if (count % 4 === 0) response.writeHead(503).end();
    else if (count % 4 === 1) incoming.socket.destroy();
    else if (count % 4 === 2) response.end("{}");
    // Every fourth one gets no answer at all.
  };
  const load = await startLoad({ url: url(), ratePerSecond: 100, keepAliveShare: 0, timeoutMs: 100 });
  await load.until(({ failed }) => failed >= 30);
  const { failures, failed, sent, ok } = await load.stop();
  expect(ok + failed).toBe(sent);
  expect(new Set(failures.map(({ kind }) => kind))).toEqual(new Set(["status", "reset", "timeout"]));
  expect(failures.every(({ kind, status }) => (kind === "status") === (status === 503))).toBe(true);
  expect(failures.every(({ atMs, ms }) => atMs >= 0 && ms >= 0)).toBe(true);
});

test("sees a server that is not there", async () => {
  const load = await startLoad({ url: "http://127.0.0.1:9/", ratePerSecond: 50 });
  await load.until(({ failed }) => failed > 0);
  expect((await load.stop()).failures[0]).toMatchObject({ kind: "refused", status: null });
});

test("ends by itself at its limits", async () => {
  answer = (_incoming, response) => response.end("{}");
  const load = await startLoad({ url: url(), ratePerSecond: 500, mostRequests: 40 });
  await expect(load.until(({ sent }) => sent > 40)).rejects.toThrow("the load ended first");
  expect((await load.stop()).sent).toBe(40);
});

test("an uptime check takes any answer below 500", async () => {
  const paths = new Set<string | undefined>();
  answer = (incoming, response) => {
    paths.add(incoming.url);
    response.writeHead(404).end();
  };
  const check = await startUptimeCheck({ url: url(), path: "/health", everySeconds: 0.02 });
  await check.until(({ ok }) => ok >= 3);
  expect(await check.stop()).toMatchObject({ failed: 0 });
  expect([...paths]).toEqual(["/health"]);
});
