/** Alerts on metrics and on uptime checks. */
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { TestApi } from "./support/client.js";

let lab: TestApi;
beforeEach(async () => void (lab = await TestApi.start()));
afterEach(() => lab.close());

test("an alert on a metric is kept as it was declared and replaced as a whole", async () => {
  const body = {
    ...{ type: "v1/insights/droplet/cpu", description: "CPU", compare: "GreaterThan", value: 90, window: "5m" },
    ...{ entities: [], tags: ["web"], alerts: { slack: null, email: ["ops@example.com"] }, enabled: true },
  };
  const { uuid } = await lab.want("POST", "/v2/monitoring/alerts", "policy", body);
  const path = `/v2/monitoring/alerts/${String(uuid)}`;
  const alerts = { email: ["ops@example.com"], slack: [] };
  expect(await lab.want("GET", path, "policy")).toEqual({ ...body, uuid, alerts });
  await lab.want("PUT", path, "policy", { ...body, value: 95 });
  expect(await lab.want("GET", path, "policy")).toMatchObject({ uuid, value: 95 });
  expect((await lab.call("DELETE", path)).status).toBe(204);
  expect(await lab.refusal("PUT", path, body)).toMatch(/^404/);
});

test("an uptime check has alerts of its own, which always say whom they tell", async () => {
  const check = { name: "c", type: "https", target: "https://example.com/", regions: ["us_east"], enabled: true };
  const { id } = await lab.want("POST", "/v2/uptime/checks", "check", check);
  const path = `/v2/uptime/checks/${String(id)}`;
  const alert = { name: "down", type: "down", threshold: 0, comparison: "", notifications: null, period: "2m" };
  const { id: alertId } = await lab.want("POST", `${path}/alerts`, "alert", alert);
  expect(await lab.want("GET", `${path}/alerts/${String(alertId)}`, "alert")).toMatchObject({
    notifications: { email: [], slack: [] },
  });
  await lab.want("PUT", `${path}/alerts/${String(alertId)}`, "alert", { ...alert, period: "5m" });
  await lab.want("PUT", path, "check", { ...check, name: "other" });
  expect((await lab.call("GET", `${path}/alerts`)).body["alerts"]).toMatchObject([{ id: alertId, period: "5m" }]);
  expect((await lab.call("DELETE", `${path}/alerts/${String(alertId)}`)).status).toBe(204);
  expect((await lab.call("DELETE", path)).status).toBe(204);
  expect(await lab.refusal("GET", `${path}/alerts`)).toMatch(/^404/);
});
