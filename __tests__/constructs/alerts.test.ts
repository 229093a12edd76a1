import { describe, expect, test } from "@jest/globals";
import type { FleetConfig } from "../../constructs/index.js";
import { exampleStack, synthesized } from "../support/stacks.js";

type Blocks = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

const resources = (config: FleetConfig): Readonly<Record<string, Blocks>> => synthesized(exampleStack(config)).resource;
const email = ["ops@example.com"];

describe("alerts", () => {
  test("are none without an address", () => {
    const types = Object.keys(resources({ alerts: { cpuPercent: 50 } }));
    expect(types.filter((type) => /alert|uptime/.test(type))).toEqual([]);
  });

  test("watch processor, memory and disk of every droplet of the stack, also of those that are superseded", () => {
    const { digitalocean_monitor_alert: alerts = {}, digitalocean_tag: tags = {} } = resources({
      alerts: { email, cpuPercent: 70 },
    });
    const stackTag = Object.keys(tags).find((name) => name.includes("stack-tag")) ?? "";
    const onDroplets = Object.values(alerts).filter(({ tags: watched }) => watched !== undefined);
    expect(
      onDroplets.map(({ type, value, compare }) => `${String(type)} ${String(compare)} ${String(value)}`).sort(),
    ).toEqual([
      "v1/insights/droplet/cpu GreaterThan 70",
      "v1/insights/droplet/disk_utilization_percent GreaterThan 85",
      "v1/insights/droplet/memory_utilization_percent GreaterThan 90",
    ]);
    for (const alert of onDroplets)
      expect(alert).toMatchObject({ tags: [`\${digitalocean_tag.${stackTag}.name}`], alerts: { email } });
  });

  const ofBalancer = (dropletCount: number, more: FleetConfig = {}) => {
    const { digitalocean_monitor_alert: alerts = {} } = resources({ dropletCount, alerts: { email }, ...more });
    return Object.values(alerts).find(({ entities }) => entities !== undefined);
  };

  test.each([
    [1, 50],
    [2, 75],
    [10, 93],
    [14, 93],
  ])("tell of one droplet of %i that the balancer finds unhealthy", (dropletCount, value) => {
    expect(ofBalancer(dropletCount)).toMatchObject({
      ...{ type: "v1/insights/lbaas/droplet_health", compare: "LessThan", value },
    });
    expect(value).toBeGreaterThan((100 * (dropletCount - 1)) / dropletCount);
  });

  /** Seconds that a rollout takes a droplet out for: probes until it is down and up again, and what lies between. */
  const out = (intervalSeconds: number, probes: number): number => intervalSeconds * (probes + 1) + 15;
  const WINDOW_SECONDS = 1800;
  const checks = [
    { checkIntervalSeconds: 3, responseTimeoutSeconds: 3, unhealthyThreshold: 2, healthyThreshold: 2 },
    { checkIntervalSeconds: 30, responseTimeoutSeconds: 5, unhealthyThreshold: 2, healthyThreshold: 3 },
    { checkIntervalSeconds: 300, responseTimeoutSeconds: 5, unhealthyThreshold: 2, healthyThreshold: 2 },
  ];

  test.each(
    checks.flatMap((healthCheck) =>
      [1, 2, 10, 20, 100].map((droplets) => [droplets, healthCheck.checkIntervalSeconds, healthCheck] as const),
    ),
  )("tell of no rollout of %i droplets that are probed every %i s", (dropletCount, interval, healthCheck) => {
    const config = { healthCheck, rollout: { progressDeadlineSeconds: 3600, leaseSeconds: 900 } };
    const value = Number(ofBalancer(dropletCount, config)?.["value"]);
    const probes = healthCheck.unhealthyThreshold + healthCheck.healthyThreshold;
    // No more than one at a time, for so much of the window.
    const mean = 100 * (1 - Math.min(1 / dropletCount, out(interval, probes) / WINDOW_SECONDS));
    expect(value).toBeLessThan(Math.max(mean, 1.5));
    expect(value).toBeGreaterThanOrEqual(1);
  });

  test("ask the balancer from outside for a path of the API's own", () => {
    const { digitalocean_uptime_check: checks = {}, digitalocean_uptime_alert: alerts = {} } = resources({
      loadBalancer: { entryPort: 8080 },
      alerts: { email, uptimePath: "/status" },
    });
    expect(Object.values(checks)[0]?.["target"]).toMatch(
      /^http:\/\/\$\{digitalocean_loadbalancer\.[^}]+\.ip\}:8080\/status$/,
    );
    expect(Object.values(alerts)).toMatchObject([{ type: "down_global", period: "2m", notifications: [{ email }] }]);
  });
});
