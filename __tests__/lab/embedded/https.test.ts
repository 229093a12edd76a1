/** HTTPS at the embedded balancer: who asks for the domain's name is shown a certificate for it. */
import { afterAll, afterEach, beforeAll, expect, it, jest } from "@jest/globals";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { connect } from "node:tls";
import { Agent, request } from "undici";
import { Authority } from "../../../lab/authority.js";
import type { BalancerEntry, BalancerSettings, EntryTls } from "../../../lab/balancer-options.js";
import { EmbeddedBalancer } from "../../../lab/embedded/balancer.js";
import { closeServer } from "../../../lab/embedded/close.js";
import { PortPool } from "../../../lab/embedded/ports.js";
import { startLoad } from "../../../lab/load/load.js";
import { describeWithOpenssl } from "../../support/openssl.js";
import { until } from "../support/until.js";

/** For a machine that is slow or busy; nothing is concluded from the time it takes. */
jest.setTimeout(60_000);

const DOMAIN = "api.example.com";
const http: BalancerEntry = { entryPort: 80, targetPort: 80, tls: null };
const https = (certificate: string): BalancerEntry => ({
  ...{ entryPort: 443, targetPort: 80 },
  tls: { certificate, names: [DOMAIN], http2: true },
});
const SETTINGS: BalancerSettings = {
  nodes: 1,
  phasesSeconds: [],
  lateSeconds: [],
  // However busy the machine is, the host stays in rotation: nothing here is about its health.
  check: { path: "/health", port: 80, intervalSeconds: 0.05, timeoutSeconds: 5, fall: 10_000, rise: 2 },
  entries: [http, https("one")],
  redirectToHttps: true,
  retries: 0,
  backendKeepalive: false,
  idleTimeoutSeconds: 60,
};

describeWithOpenssl("the embedded balancer's HTTPS", () => {
  const ports = new PortPool();
  const seen: IncomingHttpHeaders[] = [];
  let folder: string;
  let authority: Authority;
  let host: Server;
  let balancer: EmbeddedBalancer;

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "evenkeel-https-"));
    authority = await Authority.create(folder);
    host = createServer(({ url, headers }, response) => {
      if (url !== "/health") seen.push(headers);
      response.end('{"release":"v1"}');
    });
    host.listen(0, "127.0.0.1");
    await once(host, "listening");
  });
  afterEach(() => balancer.close());
  afterAll(async () => {
    await closeServer(host);
    await ports.release();
    rmSync(folder, { recursive: true });
  });

  const certificate = async ({ certificate: name, names }: EntryTls): Promise<string> =>
    readFileSync(await authority.issue(name, names), "utf8");

  async function start(): Promise<void> {
    seen.length = 0;
    balancer = await EmbeddedBalancer.start(SETTINGS, { takePort: () => ports.take(), certificate });
    const { port } = host.address() as AddressInfo;
    await balancer.sync([{ id: "a", name: "a", privateAddress: "10.110.0.2", endpoint: () => Promise.resolve(port) }]);
    await until("the host is up", () => balancer.nodesUp("a").length === 1);
  }

  async function ask(url: string, servername = DOMAIN): Promise<number> {
    const dispatcher = new Agent({ connect: { ca: readFileSync(authority.caFile), servername } });
    try {
      const { statusCode, body } = await request(url, { dispatcher, headers: { host: servername } });
      await body.dump();
      return statusCode;
    } finally {
      await dispatcher.close();
    }
  }

  async function serial(): Promise<string> {
    const port = Number(new URL(balancer.url(443)).port);
    const socket = connect({ host: "127.0.0.1", port, servername: DOMAIN, ca: readFileSync(authority.caFile) });
    await once(socket, "secureConnect");
    const { serialNumber } = socket.getPeerCertificate();
    socket.destroy();
    return serialNumber;
  }

  it("is served for the domain, and hosts are told so", async () => {
    await start();
    expect(balancer.url(443)).toMatch(/^https:\/\/127\.0\.0\.1:\d+\/$/);
    expect(await ask(balancer.url(443))).toBe(200);
    expect(seen).toMatchObject([{ host: DOMAIN, "x-forwarded-proto": "https", "x-forwarded-port": "443" }]);
  });

  it("is not for another name", async () => {
    await start();
    await expect(ask(balancer.url(443), "other.example.com")).rejects.toThrow(/altnames/);
  });

  it("is where HTTP leads, and no host hears of that", async () => {
    await start();
    const { statusCode, headers, body } = await request(`${balancer.url(80)}where?x=1`);
    await body.dump();
    expect(statusCode).toBe(307);
    expect(headers["location"]).toBe(`${balancer.url(443)}where?x=1`);
    expect(seen).toEqual([]);
  });

  it("shows another certificate from one moment to the next, and no request fails", async () => {
    await start();
    const before = await serial();
    const asked = { url: balancer.url(443), caFile: authority.caFile, serverName: DOMAIN };
    const load = await startLoad({ ...asked, ratePerSecond: 25, keepAliveShare: 0.8 });
    await load.until(({ ok }) => ok > 25);
    await balancer.update({ ...SETTINGS, entries: [http, https("two")] });
    expect(balancer.url(443)).toBe(asked.url);
    expect(await serial()).not.toBe(before);
    const { sent } = load.progress();
    await load.until((progress) => progress.sent > sent + 50);
    expect(await load.stop()).toMatchObject({ failed: 0, failures: [] });
  });

  it("begins and ends with its declaration", async () => {
    await start();
    await balancer.update({ ...SETTINGS, entries: [http], redirectToHttps: false });
    expect(() => balancer.url(443)).toThrow("the balancer has no port 443");
    expect(await ask(balancer.url(80))).toBe(200);
    await balancer.update(SETTINGS);
    expect(await ask(balancer.url(443))).toBe(200);
  });
});
