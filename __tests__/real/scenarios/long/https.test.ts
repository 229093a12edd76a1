/** HTTPS at the balancer, as a domain declares it; HTTP from there to the droplets. */
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { request } from "undici";
import { DOMAIN, issueAnew, secureLoad, SECURE } from "../../../support/domain.js";
import { expectUnnoticed, LIMIT_MS, LOAD, startReal, type RealScenario } from "../../../support/real.js";

jest.setTimeout(LIMIT_MS);

describe("HTTPS at the balancer", () => {
  let scenario: RealScenario;
  beforeAll(async () => {
    scenario = await startReal({ fleet: SECURE });
    await scenario.begin();
  });
  afterAll(() => (scenario as RealScenario | undefined)?.end());

  it("leads clients of HTTP there", async () => {
    const { statusCode, headers, body } = await request(scenario.world.balancer.url(80), { headers: { host: DOMAIN } });
    await body.dump();
    expect(statusCode).toBe(307);
    expect(headers["location"]).toBe(`https://${DOMAIN}/`);
  });

  it("costs no request, and the rollout's own go through it, for the domain's name", async () => {
    // Half of the load on new connections would measure handshakes, on this machine that makes both ends of them.
    const load = { ...LOAD, ...secureLoad(scenario.world), keepAliveShare: 0.9 };
    const { result } = await expectUnnoticed(scenario, load);
    expect(result.receipt?.witness).toMatchObject({ failed: 0, reachable: true });
  });

  it("has its certificate exchanged under load without a failed request", async () => {
    const { result, seen } = await scenario.under(() => issueAnew(scenario.world), {
      ...LOAD,
      ...secureLoad(scenario.world),
      keepAliveShare: 0.9,
    });
    expect(result.after).not.toBe(result.before);
    expect(seen).toMatchObject({ failed: 0, failures: [] });
  });
});
