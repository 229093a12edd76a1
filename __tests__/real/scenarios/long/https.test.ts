/** HTTPS at the balancer, HTTP from there to the droplets. */
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { request } from "undici";
import { withHttps } from "../../../../lab/https.js";
import { expectUnnoticed, LIMIT_MS, LOAD, startReal, type RealScenario } from "../../../support/real.js";

jest.setTimeout(LIMIT_MS);

describe("HTTPS at the balancer", () => {
  let scenario: RealScenario;
  beforeAll(async () => {
    scenario = await startReal({ change: withHttps });
    await scenario.begin();
  });
  afterAll(() => (scenario as RealScenario | undefined)?.end());

  it("leads clients of HTTP there", async () => {
    const { statusCode, headers, body } = await request(scenario.world.balancer.url(80));
    await body.dump();
    expect([301, 302, 307]).toContain(statusCode);
    expect(headers["location"]).toBe(scenario.world.balancer.url(443));
  });

  it("costs no request, and the rollout's own go through it", async () => {
    const { world } = scenario;
    const { result } = await expectUnnoticed(scenario, {
      ...LOAD,
      url: world.balancer.url(443),
      // Half of the load on new connections would measure handshakes, on this machine that makes both ends of them.
      keepAliveShare: 0.9,
      caFile: world.site.authorityFile,
    });
    expect(result.receipt?.witness).toMatchObject({ failed: 0, reachable: true });
  });
});
