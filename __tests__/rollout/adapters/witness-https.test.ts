/** The witness over HTTPS, in a process of its own: whom Node trusts is settled when it starts. */
import { afterAll, beforeAll, expect, it, jest } from "@jest/globals";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { Authority } from "../../../lab/authority.js";
import { closeServer } from "../../../lab/embedded/close.js";
import { describeWithOpenssl } from "../../support/openssl.js";
import { projectFile } from "../../support/stacks.js";

/** For a machine that is slow or busy; nothing is concluded from the time it takes. */
jest.setTimeout(120_000);

const SCRIPT = `
import { HttpWitness } from ${JSON.stringify(projectFile("scripts/rollout/adapters/witness.ts"))};
const found = [];
for (const endpoint of JSON.parse(process.env.ENDPOINTS)) {
  const witness = new HttpWitness(endpoint);
  found.push(await witness.whyUnreachable());
  await witness.close();
}
console.log(JSON.stringify(found));
`;

describeWithOpenssl("the witness over HTTPS", () => {
  const asked: unknown[] = [];
  let folder: string;
  let authority: Authority;
  let server: Server;

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "evenkeel-witness-"));
    authority = await Authority.create(folder);
    const pem = readFileSync(await authority.issue("balancer", ["api.example.com"]));
    server = createServer({ key: pem, cert: pem }, ({ headers: { host }, socket }, response) => {
      asked.push([host, "servername" in socket && socket.servername]);
      response.end();
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  });
  afterAll(async () => {
    await closeServer(server);
    rmSync(folder, { recursive: true });
  });

  /** Why each name cannot be asked for at the server's address. */
  async function whyNot(trusted: Record<string, string>, ...names: readonly (string | undefined)[]): Promise<unknown> {
    asked.length = 0;
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const endpoints = names.map((serverName) => ({ url, serverName }));
    const { stdout } = await execa(process.execPath, ["--import", "tsx", "--input-type=module", "--eval", SCRIPT], {
      cwd: projectFile("."),
      env: { ENDPOINTS: JSON.stringify(endpoints), ...trusted },
    });
    return JSON.parse(stdout);
  }

  it("asks for the domain at the address, and for no other name than the certificate's", async () => {
    const trusted = { NODE_EXTRA_CA_CERTS: authority.caFile };
    expect(await whyNot(trusted, "api.example.com", "other.example.com", undefined)).toEqual([
      null,
      "ERR_TLS_CERT_ALTNAME_INVALID",
      "ERR_TLS_CERT_ALTNAME_INVALID",
    ]);
    expect(asked).toEqual([["api.example.com", "api.example.com"]]);
  });

  it("asks nothing where nobody vouches for the certificate", async () => {
    expect(await whyNot({}, "api.example.com")).toEqual([
      expect.stringMatching(/^(UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT_LOCALLY)$/),
    ]);
    expect(asked).toEqual([]);
  });
});
