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

  const ofBalancer = (dropletCount: number) => {
    const { digitalocean_monitor_alert: alerts = {} } = resources({ dropletCount, alerts: { email } });
    return Object.values(alerts).find(({ entities }) => entities !== undefined);
  };

  test.each([
    [1, 50],
    [2, 75],
    [10, 95],
    [11, 95],
    [19, 95],
  ])("tell of one droplet of %i that the balancer finds unhealthy", (dropletCount, value) => {
    expect(ofBalancer(dropletCount)).toMatchObject({
      ...{ type: "v1/insights/lbaas/droplet_health", compare: "LessThan", value },
    });
    expect(value).toBeGreaterThan((100 * (dropletCount - 1)) / dropletCount);
  });

  test.each([1, 2, 10, 19, 20, 50, 100])("tell of no rollout of %i droplets", (dropletCount) => {
    // In half an hour each droplet is away for a minute at most.
    expect(ofBalancer(dropletCount)?.["value"]).toBeLessThan(100 - 100 / 30);
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
