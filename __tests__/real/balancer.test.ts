/** The real balancer in front of plain HTTP servers: what HAProxy really does with what is declared. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect } from "node:tls";
import { afterEach, describe, expect, it, jest } from "@jest/globals";
import { Agent, request } from "undici";
import type { BalancerSettings } from "../../lab/balancer-options.js";
import { startLoad, type Load } from "../../lab/load/load.js";
import { until } from "../lab/support/until.js";
import { BalancedHosts, type Host } from "./support/hosts.js";

/** For a machine that is slow or busy; nothing is concluded from the time it takes. */
jest.setTimeout(120_000);

let bench: BalancedHosts;
let load: Load | null = null;
afterEach(async () => {
  await load?.stop();
  load = null;
  await bench.end();
  expect(bench.faults).toEqual([]);
});

async function inRotation(count: number, changes: Partial<BalancerSettings> = {}): Promise<Host[]> {
  bench = await BalancedHosts.start(changes);
  const hosts = await bench.newHosts(count);
  await bench.balancer.sync(hosts);
  await until("all hosts are up", () => hosts.every(({ id }) => isUp(id)));
  return hosts;
}

/** In the view of all nodes. */
const isUp = (id: string): boolean => bench.balancer.nodesUp(id).length === bench.balancer.settings.nodes;
const changesOf = ({ id }: Host): boolean[] =>
  bench.balancer.changes.filter(({ dropletId }) => dropletId === id).map(({ up }) => up);

async function ask(route = "", options: Parameters<typeof request>[1] = {}) {
  const { statusCode, headers, body } = await request(`${bench.balancer.url()}${route}`, options);
  return { statusCode, headers, text: (await body.text()).trim() };
}

const DOMAIN = "api.example.com";

/** What a new client of the balancer's HTTPS is shown, and what is spoken with one that knows those protocols. */
async function shown(ALPNProtocols: string[] = ["http/1.1"]) {
  const { hostname: host } = new URL(bench.balancer.url(443));
  const socket = connect({ host, port: 443, servername: DOMAIN, ca: readFileSync(bench.caFile), ALPNProtocols });
  await once(socket, "secureConnect");
  const { serialNumber: serial } = socket.getPeerCertificate();
  const { alpnProtocol: protocol } = socket;
  socket.destroy();
  return { serial, protocol };
}

describe("membership", () => {
  it("starts a new member down, even for the first moment, until it has passed its probes", async () => {
    bench = await BalancedHosts.start();
    const [host] = await bench.newHosts(1);
    if (!host) return;
    await bench.balancer.sync([host]);
    const statuses = new Set<number>();
    while (!isUp(host.id)) {
      const { statusCode } = await ask();
      // The look at the balancer may come a moment after the change.
      if (statusCode === 200) break;
      statuses.add(statusCode);
    }
    expect([...statuses]).toEqual([503]);
    await until("it is up", () => isUp(host.id));
    expect(host.probes.length).toBeGreaterThanOrEqual(3);
    expect(changesOf(host)).toEqual([true]);
  });

  it("sends nothing more to a member that is gone, lets its requests end, and takes it back as a new one", async () => {
    const [first, second] = await inRotation(2);
    if (!first || !second) return;
    const held = Promise.all([ask("held"), ask("held")]);
    const arrived = ({ seen }: Host) => seen.some(({ url }) => url === "/held");
    await until("both hold a request", () => arrived(first) && arrived(second));
    await bench.balancer.sync([second]);
    expect(bench.balancer.nodesUp(first.id)).toEqual([]);
    const answers = await Promise.all(Array.from({ length: 6 }, () => ask()));
    expect(answers.map(({ text }) => text)).toEqual(Array(6).fill(second.privateAddress));
    first.letGo();
    second.letGo();
    expect((await held).map(({ statusCode }) => statusCode)).toEqual([200, 200]);
    const before = first.probes.length;
    await bench.balancer.sync([first, second]);
    await until("it is back", () => isUp(first.id));
    expect(first.probes.length - before).toBeGreaterThanOrEqual(3);
  });

  it("forgets a member that leaves before its first probe", async () => {
    bench = await BalancedHosts.start();
    const [host] = await bench.newHosts(1);
    if (!host) return;
    await bench.balancer.sync([host]);
    await bench.balancer.sync([]);
    expect((await ask()).text).toContain("No server is available to handle this request.");
    expect(bench.balancer.changes).toEqual([]);
  });
});

describe("health", () => {
  it("takes a host out after as many failed probes as declared, and in after as many passed ones", async () => {
    const [host, other] = await inRotation(2);
    if (!host || !other) return;
    const failedFrom = host.probes.length;
    host.healthy = false;
    await until("it is out", () => !isUp(host.id));
    // The look comes up to 50 ms after the change, and a probe may come in between.
    expect([2, 3]).toContain(host.probes.length - failedFrom);
    host.healthy = true;
    await until("it is in again", () => isUp(host.id));
    expect(changesOf(host)).toEqual([true, false, true]);
    expect(changesOf(other)).toEqual([true]);
  });

  it("probes over HTTP/1.1 from the node's own address, naming the host by its private address", async () => {
    const [host] = await inRotation(1);
    const [probe] = host?.probes ?? [];
    expect(probe).toMatchObject({ method: "GET", httpVersion: "1.1", source: "10.110.15.1" });
    expect(probe?.headers).toEqual({ host: "10.110.0.1", connection: "close" });
  });

  it("has every node probe for itself, out of phase with the others, each from its own address", async () => {
    const intervalSeconds = 1;
    const check = { path: "/health", port: 8080, intervalSeconds, timeoutSeconds: 1, fall: 2, rise: 2 };
    const [host] = await inRotation(1, { nodes: 2, check });
    if (!host) return;
    const of = (source: string) => host.probes.filter((probe) => probe.source === source).map(({ atMs }) => atMs);
    await until("both have probed", () => of("10.110.15.1").length > 2 && of("10.110.15.2").length > 2);
    const [first = 0] = of("10.110.15.1").slice(-1);
    const distances = of("10.110.15.2").map((atMs) => (((atMs - first) % 1000) + 1000) % 1000);
    // Half an interval apart, as far as a busy machine keeps time.
    for (const distance of distances) expect(Math.abs(distance - 500)).toBeLessThan(250);
    expect(bench.balancer.changes.map(({ node }) => node).sort()).toEqual([0, 1]);
  });
});

describe("requests", () => {
  it("go to the hosts in turn, with the headers that DigitalOcean adds, and are counted", async () => {
    const hosts = await inRotation(3);
    for (let count = 0; count < 9; count += 1) await ask("", { headers: { "x-forwarded-for": "192.0.2.7" } });
    for (const { seen } of hosts) {
      const ordinary = seen.filter(({ url }) => url === "/");
      expect(ordinary).toHaveLength(3);
      expect(ordinary[0]?.headers).toMatchObject({ "x-forwarded-proto": "http", "x-forwarded-port": "80" });
      expect(ordinary[0]?.headers["x-forwarded-for"]).toMatch(/^192\.0\.2\.7, 203\.0\.113\.7$/);
    }
    expect(await bench.balancer.requests()).toEqual(Object.fromEntries(hosts.map(({ id }) => [id, 3])));
  });

  it("are dealt out among the nodes", async () => {
    const [host] = await inRotation(1, { nodes: 2 });
    await Promise.all(Array.from({ length: 60 }, () => ask("", { reset: true })));
    const sources = host?.seen.filter(({ url }) => url === "/").map(({ source }) => source);
    expect([...new Set(sources)].sort()).toEqual(["10.110.15.1", "10.110.15.2"]);
  });

  it("fail when their host is gone and no retries are asked for", async () => {
    const [host] = await inRotation(2, { check: slowCheck });
    await host?.kill();
    const answers = await Promise.all(Array.from({ length: 6 }, () => ask()));
    expect(answers.filter(({ statusCode }) => statusCode === 503)).toHaveLength(3);
  });

  it("go to another host when retries are asked for", async () => {
    const [host] = await inRotation(2, { check: slowCheck, retries: 1 });
    await host?.kill();
    const answers = await Promise.all(Array.from({ length: 6 }, () => ask()));
    expect(answers.map(({ statusCode }) => statusCode)).toEqual(Array(6).fill(200));
  });

  it.each([
    [false, "close"],
    [true, "keep-alive"],
  ])("with kept connections to hosts: %s", async (backendKeepalive, connection) => {
    const [host] = await inRotation(1, { backendKeepalive });
    await ask();
    const [seen] = host?.seen.filter(({ url }) => url === "/") ?? [];
    expect(seen?.headers["connection"] ?? "keep-alive").toBe(connection);
  });

  it("over HTTPS are told so to hosts, and over HTTP are led there", async () => {
    const entries = [
      { entryPort: 80, targetPort: 8080, tls: null },
      { entryPort: 443, targetPort: 8080, tls: { certificate: "one", names: [DOMAIN], http2: true } },
    ];
    const [host] = await inRotation(1, { entries, redirectToHttps: true });
    const redirect = await ask("where?x=1");
    expect(redirect.statusCode).toBe(307);
    expect(redirect.headers["location"]).toBe(`${bench.balancer.url(443)}where?x=1`);
    for (const allowH2 of [false, true]) {
      const dispatcher = new Agent({ allowH2, connect: { ca: readFileSync(bench.caFile), servername: DOMAIN } });
      const secure = await request(bench.balancer.url(443), { dispatcher, headers: { host: DOMAIN } });
      await secure.body.dump();
      await dispatcher.close();
      expect(secure.statusCode).toBe(200);
    }
    const seen = host?.seen.filter(({ url }) => url === "/") ?? [];
    expect(seen).toHaveLength(2);
    for (const { headers } of seen) {
      expect(headers).toMatchObject({ host: DOMAIN, "x-forwarded-proto": "https", "x-forwarded-port": "443" });
    }
    expect((await shown(["h2", "http/1.1"])).protocol).toBe("h2");
    expect((await shown(["http/1.1"])).protocol).toBe("http/1.1");
  });

  it("over HTTPS are shown another certificate from one moment to the next, without a failed request", async () => {
    const secured = (certificate: string) => [
      { entryPort: 443, targetPort: 8080, tls: { certificate, names: [DOMAIN], http2: true } },
    ];
    await inRotation(2, { entries: secured("one") });
    const { serial } = await shown();
    load = await startLoad({
      ...{ url: bench.balancer.url(443), caFile: bench.caFile, serverName: DOMAIN },
      // More, or half of them on new connections, would measure handshakes, of which this machine makes both ends.
      ...{ ratePerSecond: 50, keepAliveShare: 0.8 },
    });
    await load.until(({ ok }) => ok > 50);
    await bench.balancer.update({ ...bench.balancer.settings, entries: secured("two") });
    expect((await shown()).serial).not.toBe(serial);
    const { sent } = load.progress();
    await load.until((progress) => progress.sent > sent + 100);
    expect(await load.stop()).toMatchObject({ failures: [], failed: 0 });
  });
});

describe("other settings", () => {
  const check = { path: "/ready", port: 8080, intervalSeconds: 0.6, timeoutSeconds: 0.5, fall: 4, rise: 2 };

  it.each([1, 2])("leave every host where it is and lose no request, with %s node(s)", async (nodes) => {
    const [first, second] = await inRotation(2, { nodes });
    const [, , out] = await bench.newHosts(3);
    if (!first || !second || !out) return;
    out.healthy = false;
    await bench.balancer.sync([first, second, out]);
    await until("the third was probed", () => out.probes.length > 0);
    load = await startLoad({ url: bench.balancer.url(), ratePerSecond: 200 });
    await load.until(({ ok }) => ok > 100);
    const changed = { ...bench.balancer.settings, check: { ...check, path: "/health" } };
    await bench.balancer.update(changed);
    const probesThen = out.probes.length;
    await load.until(({ sent }) => sent > 400);
    await until("the third was probed often", () => out.probes.length > probesThen + 3 * nodes);
    expect(await load.stop()).toMatchObject({ failures: [], failed: 0 });
    expect(bench.balancer.settings).toEqual(changed);
    for (const { id } of [first, second]) expect(isUp(id)).toBe(true);
    expect([first, second, out].map(changesOf)).toEqual([Array(nodes).fill(true), Array(nodes).fill(true), []]);
  });

  it("count from the next probe on", async () => {
    const [host] = await inRotation(1);
    if (!host) return;
    await bench.balancer.update({ ...bench.balancer.settings, check });
    await until("it is asked elsewhere", () => host.seen.some(({ url }) => url === "/ready"));
    host.healthy = false;
    const failedFrom = host.probes.length;
    await bench.balancer.update({ ...bench.balancer.settings, check: { ...check, path: "/health" } });
    await until("it is out", () => !isUp(host.id));
    // The look comes up to 50 ms after the change, and a probe may come in between.
    expect([4, 5]).toContain(host.probes.length - failedFrom);
  });

  it("let what is in flight end, count it, and treat those who come and go as ever", async () => {
    const [first, second] = await inRotation(2);
    if (!first || !second) return;
    const held = Promise.all([ask("held"), ask("held")]);
    const arrived = ({ seen }: Host) => seen.some(({ url }) => url === "/held");
    await until("both hold a request", () => arrived(first) && arrived(second));
    await bench.balancer.sync([second]);
    const entries = [{ entryPort: 8081, targetPort: 8080, tls: null }];
    await bench.balancer.update({ ...bench.balancer.settings, entries });
    expect(bench.balancer.url()).toMatch(/:8081\/$/);
    expect(await bench.balancer.inFlight()).toEqual({ [first.id]: 1, [second.id]: 1 });
    expect((await ask()).text).toBe(second.privateAddress);
    first.letGo();
    second.letGo();
    expect((await held).map(({ statusCode }) => statusCode)).toEqual([200, 200]);
    await bench.balancer.sync([first, second]);
    await until("it is back", () => isUp(first.id));
    expect(changesOf(first)).toEqual([true, true]);
  });

  it("may lead to another port of the hosts", async () => {
    const [host] = await inRotation(1, { check: slowCheck });
    const entries = [{ entryPort: 80, targetPort: 8090, tls: null }];
    await bench.balancer.update({ ...bench.balancer.settings, entries });
    expect((await ask()).statusCode).toBe(503);
    expect(host && isUp(host.id)).toBe(true);
  });

  it("may ask another port of the hosts for their health, which is that port's alone", async () => {
    const [host] = await inRotation(1);
    if (!host) return;
    await bench.balancer.update({
      ...bench.balancer.settings,
      check: { ...bench.balancer.settings.check, port: 8090 },
    });
    const probesThen = host.probes.length;
    await until("it is out, as nobody listens there", () => !isUp(host.id));
    expect(host.probes).toHaveLength(probesThen);
    expect(changesOf(host)).toEqual([true, false]);
  });

  it("that HAProxy refuses are an error with its reason, and all goes on as before", async () => {
    const [host] = await inRotation(1);
    const { settings } = bench.balancer;
    await expect(bench.balancer.update({ ...settings, check: { ...check, path: "/two words" } })).rejects.toThrow(
      /^HAProxy does not take its new settings: .*got 'words' as argument/,
    );
    expect(bench.balancer.settings).toEqual(settings);
    expect((await ask()).text).toBe(host?.privateAddress);
  });
});

/** Nothing leaves rotation during a test. */
const slowCheck = { path: "/health", port: 8080, intervalSeconds: 1, timeoutSeconds: 1, fall: 10, rise: 2 };

it("fails for a port that is not declared, and tells of a process that ends by itself", async () => {
  await inRotation(1);
  expect(() => bench.balancer.url(8443)).toThrow("the balancer has no port 8443");
  const [pid] = bench.balancer.pids;
  process.kill(pid ?? 0, "SIGKILL");
  await until("it is told", () => bench.faults.some((fault) => fault.includes("ended by itself")));
  // Whoever looks at it meanwhile tells of it, too, before or after.
  await bench.balancer.close();
  bench.faults.length = 0;
});
