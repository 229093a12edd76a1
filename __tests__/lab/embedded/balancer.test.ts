import { jest } from "@jest/globals";
import { createServer, request, type RequestListener, type Server } from "node:http";
import { Agent } from "node:http";
import type { AddressInfo } from "node:net";
import { connect } from "node:net";
import { once } from "node:events";
import type { Member } from "../../../lab/embedded/balancer-node.js";
import type { BalancerSettings } from "../../../lab/balancer-options.js";
import { EmbeddedBalancer } from "../../../lab/embedded/balancer.js";
import { closeServer } from "../../../lab/embedded/close.js";
import { page } from "../../../lab/embedded/pages.js";
import { PortPool } from "../../../lab/embedded/ports.js";
import { startLoad } from "../../../lab/load/load.js";
import { until } from "../support/until.js";

/** For a machine that is slow or busy; nothing is concluded from the time it takes. */
jest.setTimeout(60_000);

/** A host behind the balancer whose health can be turned. */
class Host implements Member {
  healthy = true;
  probes: { at: number; from: string | undefined }[] = [];
  refused = false;
  /** Whom new connections get to in its place. */
  leadsTo: Host = this;
  readonly privateAddress = "10.110.0.2";
  readonly server: Server;

  constructor(
    readonly id: string,
    answer: RequestListener = (_request, response) => response.end(id),
  ) {
    this.server = createServer((incoming, response) => {
      if (incoming.url !== "/health") return answer(incoming, response);
      this.probes.push({ at: performance.now(), from: incoming.socket.remoteAddress });
      return response.writeHead(this.healthy ? 200 : 503).end();
    });
  }

  get name(): string {
    return this.id;
  }

  endpoint(): Promise<number | null> {
    return Promise.resolve(this.refused ? null : (this.leadsTo.server.address() as AddressInfo).port);
  }
}

const ports = new PortPool();
const opened: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
});
afterAll(() => ports.release());

/** HTTPS has a file of its own. */
const place = {
  takePort: () => ports.take(),
  certificate: () => Promise.reject(new Error("nobody signs here")),
};

/** Quick enough for tests; a busy machine may take long for one answer. */
const SETTINGS: BalancerSettings = {
  nodes: 1,
  phasesSeconds: [],
  lateSeconds: [],
  check: { path: "/health", port: 80, intervalSeconds: 0.05, timeoutSeconds: 5, fall: 2, rise: 2 },
  entries: [{ entryPort: 80, targetPort: 80, tls: null }],
  redirectToHttps: false,
  retries: 0,
  backendKeepalive: false,
  idleTimeoutSeconds: 60,
};

async function start(hosts: readonly Host[], more: Partial<BalancerSettings> = {}): Promise<EmbeddedBalancer> {
  for (const host of hosts) {
    host.server.listen(0, "127.0.0.1");
    await once(host.server, "listening");
    opened.push({ close: () => closeServer(host.server) });
  }
  const balancer = await EmbeddedBalancer.start({ ...SETTINGS, ...more }, place);
  opened.unshift(balancer);
  await balancer.sync(hosts);
  return balancer;
}

const allUp = (balancer: EmbeddedBalancer, hosts: readonly Host[]) =>
  until("all hosts up", () => hosts.every((host) => balancer.nodesUp(host.id).length === balancer.settings.nodes));

const get = async (balancer: EmbeddedBalancer, path = ""): Promise<string> =>
  (await fetch(balancer.url() + path)).text();

test("new members are down: HAProxy's 503 page, byte for byte", async () => {
  const balancer = await start([new Host("a")], {
    check: { path: "/health", port: 80, intervalSeconds: 60, timeoutSeconds: 1, fall: 2, rise: 2 },
  });
  const socket = connect(Number(new URL(balancer.url()).port), "127.0.0.1");
  socket.end("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  let text = "";
  for await (const chunk of socket) text += String(chunk);
  expect(text).toMatch(
    /^HTTP\/1.1 503 Service Unavailable\r\ncontent-length: 107\r\ncache-control: no-cache\r\ncontent-type: text\/html\r\n/,
  );
  expect(text.slice(text.indexOf("\r\n\r\n") + 4)).toBe(
    "<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>\n",
  );
});

test("hosts get requests in turn, each over a connection of its own, with the client's address", async () => {
  const seen: unknown[] = [];
  const host = (id: string) =>
    new Host(id, ({ headers }, response) => {
      seen.push([
        headers["x-forwarded-for"],
        headers["x-forwarded-proto"],
        headers["x-forwarded-port"],
        headers.connection,
      ]);
      response.end(id);
    });
  const hosts = [host("a"), host("b")];
  const balancer = await start(hosts);
  await allUp(balancer, hosts);
  const answers = [await get(balancer), await get(balancer), await get(balancer), await get(balancer)];
  expect(answers.sort()).toEqual(["a", "a", "b", "b"]);
  expect(seen).toEqual(Array.from({ length: 4 }, () => ["127.0.0.1", "http", "80", "close"]));
  expect(balancer.requests()).toEqual({ a: 2, b: 2 });
});

test("a failing host leaves rotation after as many probes as it takes to fall, and its requests under way go on", async () => {
  let finish: (() => void) | undefined;
  const slow = new Host("slow", (_request, response) => {
    finish = () => response.end("finished");
  });
  const balancer = await start([slow]);
  await allUp(balancer, [slow]);
  const answer = get(balancer);
  await until("the request is under way", () => finish !== undefined);
  expect(await balancer.inFlight()).toEqual({ slow: 1 });
  slow.healthy = false;
  const before = slow.probes.length;
  await until("out of rotation", () => balancer.nodesUp("slow").length === 0);
  expect(slow.probes.length - before).toBe(2);
  expect((await fetch(balancer.url())).status).toBe(503);
  expect(await balancer.inFlight()).toEqual({ slow: 1 });
  finish?.();
  expect(await answer).toBe("finished");
  expect(await balancer.inFlight()).toEqual({});
  expect(balancer.changes.map(({ droplet, up }) => [droplet, up])).toEqual([
    ["slow", true],
    ["slow", false],
  ]);
});

test("no moment is probed twice, although a timer may fire before its time", async () => {
  const intervalMs = 10;
  const host = new Host("a");
  const check = { ...SETTINGS.check, intervalSeconds: intervalMs / 1000 };
  await start([host], { check });
  await until("many probes", () => host.probes.length >= 200);
  const [first, last] = [host.probes.at(0)?.at ?? 0, host.probes.at(-1)?.at ?? 0];
  // Late ones only make it fewer, but for the first and the last, which lie beside their moments.
  expect(host.probes.length).toBeLessThanOrEqual((last - first) / intervalMs + 2.5);
});

test("a probe that is not answered in time has failed", async () => {
  const host = new Host("a");
  const balancer = await start([host], { check: { ...SETTINGS.check, timeoutSeconds: 0.5 } });
  await allUp(balancer, [host]);
  host.server.removeAllListeners("request");
  host.server.on("request", () => undefined);
  await until("out of rotation", () => balancer.nodesUp("a").length === 0);
});

test("nodes probe for themselves, each in its own phase, and decide for themselves", async () => {
  const host = new Host("a");
  const balancer = await start([host], {
    nodes: 2,
    phasesSeconds: [0, 0.1],
    check: { path: "/health", port: 80, intervalSeconds: 0.2, timeoutSeconds: 5, fall: 2, rise: 2 },
  });
  await allUp(balancer, [host]);
  expect(balancer.changes.map(({ node }) => node).sort()).toEqual([0, 1]);
  const sources = new Set(host.probes.map(({ from }) => from));
  if (process.platform === "linux") expect([...sources].sort()).toEqual(["127.0.1.1", "127.0.1.2"]);
  const inPhase = (isMet: (phase: number) => boolean): boolean => host.probes.some(({ at }) => isMet(at % 200));
  // Timers come late on a busy machine, never early, and not late for ever.
  await until("a probe in the first phase", () => inPhase((phase) => phase < 100));
  await until("a probe in the second phase", () => inPhase((phase) => phase >= 99));
});

test("a host that left gets no new requests, and one that comes back starts down", async () => {
  const hosts = [new Host("a"), new Host("b")];
  const balancer = await start(hosts);
  await allUp(balancer, hosts);
  await balancer.sync(hosts.slice(1));
  expect(await Promise.all([get(balancer), get(balancer), get(balancer)])).toEqual(["b", "b", "b"]);
  await balancer.sync(hosts);
  expect(balancer.nodesUp("a")).toEqual([]);
});

describe("a host that refuses connections before it is out of rotation", () => {
  const slowCheck = { path: "/health", port: 80, intervalSeconds: 0.05, timeoutSeconds: 0.05, fall: 1000, rise: 1 };

  test("costs its clients a 503 without retries", async () => {
    const hosts = [new Host("a"), new Host("b")];
    const balancer = await start(hosts, { check: slowCheck });
    await allUp(balancer, hosts);
    if (hosts[0]) hosts[0].refused = true;
    const statuses = await Promise.all([fetch(balancer.url()), fetch(balancer.url())]);
    expect(statuses.map(({ status }) => status).sort()).toEqual([200, 503]);
  });

  test("costs nothing when another one is tried", async () => {
    const hosts = [new Host("a"), new Host("b")];
    const balancer = await start(hosts, { check: slowCheck, retries: 1 });
    await allUp(balancer, hosts);
    if (hosts[0]) hosts[0].refused = true;
    expect([await get(balancer), await get(balancer), await get(balancer)]).toEqual(["b", "b", "b"]);
  });

  test("costs nothing to many at once: none tries that host twice", async () => {
    const hosts = [new Host("a"), new Host("b")];
    const balancer = await start(hosts, { check: slowCheck, retries: 1 });
    await allUp(balancer, hosts);
    if (hosts[0]) hosts[0].refused = true;
    const answers = await Promise.all(Array.from({ length: 20 }, () => fetch(balancer.url())));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  });
});

describe("a host that breaks off", () => {
  const breaking = () => new Host("a", ({ socket }) => socket.destroy());

  test("is a 502 on a new connection", async () => {
    const host = breaking();
    const balancer = await start([host]);
    await allUp(balancer, [host]);
    const answer = await fetch(balancer.url(), { headers: { connection: "close" } });
    expect([answer.status, await answer.text()]).toEqual([502, page(502)]);
  });

  test("is a closed connection where a request came before", async () => {
    const host = new Host("a", (incoming, response) =>
      incoming.url === "/first" ? response.end("fine") : incoming.socket.destroy(),
    );
    const balancer = await start([host]);
    await allUp(balancer, [host]);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const send = (path: string) =>
      new Promise<string>((settle) => {
        request(balancer.url() + path, { agent }, (reply) => {
          reply.resume().once("end", () => settle(String(reply.statusCode)));
        })
          .once("error", (error) => settle("code" in error ? String(error.code) : error.message))
          .end();
      });
    expect([await send("first"), await send("second")]).toEqual(["200", "ECONNRESET"]);
    agent.destroy();
  });

  test("in the middle of an answer is never taken for a whole one", async () => {
    const host = new Host("a", ({ socket }, response) => {
      response.write("half");
      setImmediate(() => socket.destroy());
    });
    const balancer = await start([host]);
    await allUp(balancer, [host]);
    await expect(get(balancer)).rejects.toThrow();
  });
});

test("bodies go through both ways, of any size", async () => {
  const host = new Host("a", (incoming, response) => incoming.pipe(response));
  const balancer = await start([host]);
  await allUp(balancer, [host]);
  const body = "evenkeel ".repeat(200_000);
  for (const method of ["POST", "PUT"]) {
    const answer = await fetch(balancer.url(), { method, body });
    expect((await answer.text()).length).toBe(body.length);
  }
  expect(await (await fetch(balancer.url(), { method: "POST" })).text()).toBe("");
});

describe("other settings for a running balancer", () => {
  const check = { path: "/health", port: 80, intervalSeconds: 0.1, timeoutSeconds: 5, fall: 4, rise: 3 };
  const checked = { ...SETTINGS, check };

  test("another check leaves everybody where they are, and no request fails", async () => {
    const hosts = [new Host("a"), new Host("b")];
    const out = new Host("c");
    out.healthy = false;
    const balancer = await start([...hosts, out]);
    await allUp(balancer, hosts);
    const load = await startLoad({ url: balancer.url(), ratePerSecond: 100 });
    opened.unshift({ close: () => load.stop().then(() => undefined) });
    await load.until(({ ok }) => ok > 20);
    await balancer.update(checked);
    const probesThen = out.probes.length;
    const sentThen = load.progress().sent;
    await until("each was probed again", () => out.probes.length > probesThen + 3);
    await load.until(({ sent }) => sent > sentThen + 20);
    expect(balancer.settings).toEqual(checked);
    expect(balancer.changes.map(({ droplet, up }) => [droplet, up]).sort()).toEqual([
      ["a", true],
      ["b", true],
    ]);
    expect(await load.stop()).toMatchObject({ failures: [], failed: 0 });
  });

  test("thresholds and path count from the next probe on", async () => {
    const asked: (string | undefined)[] = [];
    const host = new Host("a", ({ url }, response) => {
      asked.push(url);
      response.writeHead(503).end();
    });
    const balancer = await start([host]);
    await allUp(balancer, [host]);
    await balancer.update({ ...checked, check: { ...check, path: "/ready" } });
    const probesThen = host.probes.length;
    await until("out of rotation", () => balancer.nodesUp("a").length === 0);
    // The look comes up to 10 ms after the change, and a probe may come in between.
    expect([4, 5]).toContain(asked.length);
    expect(new Set(asked)).toEqual(new Set(["/ready"]));
    // One may have been on its way.
    expect(host.probes.length - probesThen).toBeLessThanOrEqual(1);
  });

  test("a port that is declared no more is refused, and what is in flight there ends; a new one is served", async () => {
    let finish: (() => void) | undefined;
    const host = new Host("a", ({ url }, response) => {
      if (url === "/slow") finish = () => response.end("finished");
      else response.end("a");
    });
    const balancer = await start([host]);
    await allUp(balancer, [host]);
    const before = balancer.url();
    const answer = get(balancer, "slow");
    await until("the request is under way", () => finish !== undefined);
    await balancer.update({ ...SETTINGS, entries: [{ entryPort: 8080, targetPort: 80, tls: null }] });
    expect(() => balancer.url(80)).toThrow("the balancer has no port 80");
    await expect(fetch(before)).rejects.toThrow();
    expect(await get(balancer)).toBe("a");
    finish?.();
    expect(await answer).toBe("finished");
  });

  test("connections to hosts are kept once that is declared", async () => {
    const seen: (string | undefined)[] = [];
    const host = new Host("a", ({ headers }, response) => {
      seen.push(headers.connection);
      response.end();
    });
    const balancer = await start([host]);
    await allUp(balancer, [host]);
    await get(balancer);
    await balancer.update({ ...SETTINGS, backendKeepalive: true });
    await get(balancer);
    expect(seen).toEqual(["close", "keep-alive"]);
  });

  test("a kept connection goes on to where it was made, wherever the host leads new ones", async () => {
    const [before, after] = [
      new Host("a", (_request, response) => response.end("before")),
      new Host("a", (_request, response) => response.end("after")),
    ];
    const balancer = await start([before], { ...SETTINGS, backendKeepalive: true });
    await allUp(balancer, [before]);
    expect(await get(balancer)).toBe("before");
    await start([after]);
    before.leadsTo = after;
    expect(await get(balancer)).toBe("before");
    await balancer.update({ ...SETTINGS, backendKeepalive: false });
    expect(await get(balancer)).toBe("after");
  });

  test("HTTPS that no certificate can be had for is refused, and all goes on as before", async () => {
    const host = new Host("a");
    const balancer = await start([host]);
    await allUp(balancer, [host]);
    const entries = [
      { entryPort: 443, targetPort: 80, tls: { certificate: "one", names: ["api.example.com"], http2: true } },
    ];
    await expect(balancer.update({ ...checked, entries })).rejects.toThrow("nobody signs here");
    expect(balancer.settings).toEqual(SETTINGS);
    expect(await get(balancer)).toBe("a");
  });
});
