/** A fleet with a domain: clients speak HTTPS, and so does the rollout's witness. */
import { afterAll, beforeAll, expect, it, jest } from "@jest/globals";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { DOMAIN, issueAnew, secureLoad, SECURE } from "../support/domain.js";
import { describeWithOpenssl } from "../support/openssl.js";
import { Scenario } from "../support/scenario.js";

jest.setTimeout(600_000);

/** More would measure handshakes, of which this machine makes both ends, one of them in the test's own process. */
const load = (scenario: Scenario) => ({ ...secureLoad(scenario.world), ratePerSecond: 25, keepAliveShare: 0.9 });

describeWithOpenssl("a fleet with a domain", () => {
  let scenario: Scenario;
  beforeAll(async () => {
    scenario = await Scenario.start({ fleet: SECURE });
    await scenario.begin();
  });
  afterAll(() => (scenario as Scenario | undefined)?.end());

  it("has the record, the certificate and nothing else of it", () => {
    const { account, site } = scenario.world;
    expect(account.domains.recordsOf("example.com").filter(({ type }) => type === "A")).toMatchObject([
      { name: "api", data: site.balancerAddress, ttl: 300 },
    ]);
    expect(scenario.world.output("url")).toBe(`https://${DOMAIN}`);
  });

  it("is rolled out without a failed request, and the witness is served for the domain at the balancer's address", async () => {
    const image = await scenario.world.pushReference("v2");
    const { result, seen } = await scenario.under(() => scenario.deploy(image), load(scenario));
    expect({ exitCode: result.exitCode, stderr: result.stderr }).toEqual({ exitCode: 0, stderr: result.stderr });
    expect(seen).toMatchObject({ failed: 0, failures: [] });
    expect(await scenario.running()).toEqual([image, image]);
    expect(result.receipt?.witness).toMatchObject({ failed: 0, reachable: true });
    expect(result.receipt?.witness.sent).toBeGreaterThan(0);
  });

  it("has its certificate exchanged under load without a failed request", async () => {
    const { result, seen } = await scenario.under(() => issueAnew(scenario.world), load(scenario));
    expect(result.after).not.toBe(result.before);
    expect(seen).toMatchObject({ failed: 0, failures: [] });
  });

  it("says so when the certificate cannot be verified, and waits instead", async () => {
    const { site } = scenario.world;
    const nobody = path.join(site.folder, "nobody.crt");
    writeFileSync(nobody, "");
    const image = await scenario.world.pushReference("v3");
    const { exitCode, events, receipt } = await scenario.deploy(image, { NODE_EXTRA_CA_CERTS: nobody });
    expect(exitCode).toBe(0);
    expect(events.find(({ name }) => name === "witnessUnreachable")?.data).toMatchObject({
      why: expect.stringMatching(/^(UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT_LOCALLY)$/),
    });
    expect(receipt?.witness.reachable).toBe(false);
    expect(await scenario.running()).toEqual([image, image]);
  });
});
