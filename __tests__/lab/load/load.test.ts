import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { execa, execaSync } from "execa";
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
    endedEarly: false,
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
  const { failures, failed, failedByKind, sent, ok } = await load.stop();
  expect(ok + failed).toBe(sent);
  expect(new Set(failures.map(({ kind }) => kind))).toEqual(new Set(["status", "reset", "timeout"]));
  expect(Object.values(failedByKind).reduce((sum, count) => sum + count)).toBe(failed);
  expect(failures.every(({ kind, status }) => (kind === "status") === (status === 503))).toBe(true);
  expect(failures.every(({ atMs, ms }) => atMs >= 0 && ms >= 0)).toBe(true);
});

test("a broken connection that was kept counts like one that was new", async () => {
  const asked = new WeakSet<object>();
  answer = (incoming, response) => {
    if (asked.has(incoming.socket)) incoming.socket.destroy();
    else response.end("{}");
    asked.add(incoming.socket);
  };
  const load = await startLoad({ url: url(), ratePerSecond: 100, keepAliveShare: 1 });
  await load.until(({ failed, ok }) => failed >= 10 && ok >= 10);
  const report = await load.stop();
  expect(report.failedByKind).toEqual({ reset: report.failed });
});

test("sends very slow requests besides the slow ones", async () => {
  const seen = new Map<string | undefined, number>();
  answer = (incoming, response) => {
    seen.set(incoming.url, (seen.get(incoming.url) ?? 0) + 1);
    response.end("{}");
  };
  const load = await startLoad({ url: url(), ratePerSecond: 400, slowShare: 0.1, verySlowShare: 0.02 });
  await load.until(({ ok }) => ok >= 200);
  const { sent } = await load.stop();
  const [slow = 0, verySlow = 0] = [seen.get("/slow?ms=1500"), seen.get("/slow?ms=20000")];
  expect(Math.abs(slow - sent * 0.1)).toBeLessThanOrEqual(2);
  expect(Math.abs(verySlow - sent * 0.02)).toBeLessThanOrEqual(2);
});

test("sends slow requests as uploads whose body comes in pieces", async () => {
  const bodies: { length: number; pieces: number }[] = [];
  answer = (incoming, response) => {
    const seen = { length: 0, pieces: 0 };
    incoming.on("data", (piece: Buffer) => {
      seen.length += piece.length;
      seen.pieces += 1;
    });
    incoming.once("end", () => {
      if (incoming.method === "POST" && incoming.url === "/upload") bodies.push(seen);
      response.end("{}");
    });
  };
  const slow = { slowShare: 0.2, slowMs: 100, slowIn: "upload" } as const;
  const load = await startLoad({ url: url(), ratePerSecond: 100, ...slow });
  await load.until(({ ok }) => ok >= 50);
  const report = await load.stop();
  expect(report.failures).toEqual([]);
  expect(Math.abs(bodies.length - report.sent * 0.2)).toBeLessThanOrEqual(2);
  expect(bodies.every(({ length, pieces }) => length === 10_000 && pieces > 1)).toBe(true);
});

test("speaks HTTP/1.0, a connection each, and sees an answer that is cut", async () => {
  const versions = new Set<string>();
  let asked = 0;
  answer = (incoming, response) => {
    versions.add(incoming.httpVersion);
    asked += 1;
    if (asked % 3 === 0) response.writeHead(503).end();
    else if (asked % 3 === 1) response.end(json({ release: "v1" }));
    else response.writeHead(200, { "content-length": "9" }).write("{", () => incoming.socket.end());
  };
  const load = await startLoad({ url: url(), ratePerSecond: 100, httpVersion: "1.0", keepAliveShare: 1 });
  await load.until(({ ok, failed }) => ok >= 10 && failed >= 20);
  const { byRelease, ok, sent, failedByKind } = await load.stop();
  expect([...versions]).toEqual(["1.0"]);
  expect(byRelease).toEqual({ v1: ok });
  expect(connections.size).toBe(sent);
  expect(Object.keys(failedByKind).sort()).toEqual(["reset", "status"]);
});

test("sees a server that is not there", async () => {
  const load = await startLoad({ url: "http://127.0.0.1:9/", ratePerSecond: 50 });
  await load.until(({ failed }) => failed > 0);
  expect((await load.stop()).failures[0]).toMatchObject({ kind: "refused", status: null });
});

test("what is due while too many are under way is not measured, and those under way are still judged", async () => {
  let seen = 0;
  answer = () => void (seen += 1);
  const load = await startLoad({
    url: url(),
    ratePerSecond: 200,
    mostUnderWay: 10,
    timeoutMs: 2000,
    keepAliveShare: 0,
  });
  await load.until(({ notMeasured }) => notMeasured >= 20);
  const report = await load.stop();
  expect(report).toMatchObject({ ok: 0, failedByKind: { timeout: report.sent } });
  expect(report.sent).toBe(seen);
  expect(report.notMeasuredBy).toEqual({ crowded: report.notMeasured });
});

const canPause = execaSync("pgrep", ["-V"], { reject: false }).exitCode === 0;
const withPgrep = canPause ? test : test.skip;
const why = canPause ? "" : " (skipped: pgrep finds the generator's process, and it is not installed)";

withPgrep(`a generator that slept loses no request that was answered meanwhile${why}`, async () => {
  let [seen, answered] = [0, 0];
  answer = (_incoming, response) => {
    seen += 1;
    setTimeout(() => response.end("{}", () => (answered += 1)), 100);
  };
  const load = await startLoad({ url: url(), ratePerSecond: 100, timeoutMs: 1000, keepAliveShare: 0 });
  await load.until(({ ok }) => ok >= 20);
  const { stdout } = await execa("pgrep", ["-n", "-P", String(process.pid), "node"]);
  const generator = Number(stdout.trim());
  process.kill(generator, "SIGSTOP");
  await new Promise((settle) => setTimeout(settle, 2500));
  process.kill(generator, "SIGCONT");
  await load.until(({ notMeasured }) => notMeasured > 0);
  const report = await load.stop();
  expect(report).toMatchObject({ failed: 0, sent: seen, ok: answered });
  expect(report.notMeasuredBy).toEqual({ late: report.notMeasured });
});

const onLinux = process.platform === "linux" ? test : test.skip;
const whyLinux = process.platform === "linux" ? "" : " (skipped: other kernels refuse what does not fit the queue)";

onLinux(`a connection that nobody takes up is not measured: the request was never sent${whyLinux}`, async () => {
  const script = `const server = require("node:http").createServer((_, response) => response.end("{}"));
    server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => console.log(server.address().port))`;
  const busy = spawn(process.execPath, ["--eval", script], { stdio: ["ignore", "pipe", "inherit"] });
  const [port] = (await once(createInterface({ input: busy.stdout }), "line")) as [string];
  busy.kill("SIGSTOP");
  try {
    const settings = { ratePerSecond: 50, timeoutMs: 500, keepAliveShare: 0 };
    const load = await startLoad({ url: `http://127.0.0.1:${port}/`, ...settings });
    await load.until(({ notMeasured, failed }) => notMeasured >= 10 && failed > 0);
    const report = await load.stop();
    // The kernel takes as many as the queue holds: their requests were sent, and nobody answered.
    expect(report).toMatchObject({ ok: 0, failedByKind: { timeout: report.sent } });
    expect(report.notMeasuredBy).toEqual({ unconnected: report.notMeasured });
  } finally {
    busy.kill("SIGKILL");
  }
});

test("ends by itself at its limits", async () => {
  answer = (_incoming, response) => response.end("{}");
  const load = await startLoad({ url: url(), ratePerSecond: 500, mostRequests: 40 });
  await expect(load.until(({ sent }) => sent > 40)).rejects.toThrow("the load ended first");
  expect(await load.stop()).toMatchObject({ sent: 40, endedEarly: true });
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
