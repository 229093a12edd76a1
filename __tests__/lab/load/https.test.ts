/** The load on an HTTPS server whose certificate is from an authority of its own. */
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa, execaSync } from "execa";
import { closeServer } from "../../../lab/embedded/close.js";
import { startLoad } from "../../../lab/load/load.js";

const canIssue = execaSync("openssl", ["version"], { reject: false }).exitCode === 0;
const withCertificate = canIssue ? describe : describe.skip;
const why = canIssue ? "" : " (skipped: openssl makes the certificate, and it is not installed)";

withCertificate(`a load on an HTTPS server${why}`, () => {
  let folder: string;
  let certificate: string;
  let server: Server;
  let connections = 0;

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "evenkeel-https-"));
    certificate = path.join(folder, "certificate.pem");
    const keyFile = path.join(folder, "key.pem");
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", keyFile];
    const names = ["-subj", "/CN=lab", "-addext", "subjectAltName=IP:127.0.0.1"];
    await execa("openssl", ["req", "-x509", "-days", "2", ...key, "-out", certificate, ...names]);
    const pair = { key: readFileSync(keyFile), cert: readFileSync(certificate) };
    server = createServer(pair, (_incoming, response) => response.end('{"release":"v1"}'));
    server.on("secureConnection", () => (connections += 1));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  });
  afterAll(async () => {
    await closeServer(server);
    rmSync(folder, { recursive: true });
  });

  const url = () => `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;

  it("goes over kept and new connections once the authority is given", async () => {
    const load = await startLoad({ url: url(), caFile: certificate, ratePerSecond: 50 });
    await load.until(({ ok }) => ok >= 40);
    const report = await load.stop();
    expect(report).toMatchObject({ failed: 0, byRelease: { v1: report.sent } });
    expect(connections).toBeGreaterThan(report.sent / 3);
    expect(connections).toBeLessThan(report.sent);
  });

  it("fails every request on a certificate that nobody vouches for", async () => {
    const load = await startLoad({ url: url(), ratePerSecond: 50 });
    await load.until(({ failed }) => failed >= 5);
    const report = await load.stop();
    expect(report).toMatchObject({ ok: 0, failedByKind: { error: report.failed } });
  });
});
