/** Whom DigitalOcean tells when the fleet is not well. */
import { MonitorAlert } from "@cdktf/provider-digitalocean/lib/monitor-alert/index.js";
import { UptimeAlert } from "@cdktf/provider-digitalocean/lib/uptime-alert/index.js";
import { UptimeCheck } from "@cdktf/provider-digitalocean/lib/uptime-check/index.js";
import { Construct } from "constructs";
import type { z } from "zod";
import { alertLevels, fleetFields } from "../contract/config.js";
import { record } from "../contract/fields.js";
import { hostCount, rolloutPolicy } from "../contract/policy.js";
import { checked } from "./checked.js";

const alertSettings = record({
  ...alertLevels.shape,
  /** Together with `environment` the name shown in the control panel. */
  name: fleetFields.shape.name,
  environment: fleetFields.shape.environment,
  dropletCount: fleetFields.shape.dropletCount,
  /** How long a rollout takes a droplet out follows from the check, how many at once from the policy. */
  healthCheck: fleetFields.shape.healthCheck,
  maxUnavailable: rolloutPolicy.shape.maxUnavailable,
});

/** The alerts' part of the configuration; its fields are described in contract/config.ts. */
export interface FleetAlertsProps extends z.input<typeof alertSettings> {
  /** Tag of the droplets that are watched: the stack's own. */
  readonly dropletTag: string;
  readonly loadBalancerId: string;
  /** What the uptime check asks for, such as https://api.example.com/. Not the health path: the app takes that for unknown from outside. */
  readonly url: string;
}

/** Long enough that a rollout, which takes each droplet out for a minute or two, moves the mean by a few percent only, whatever the fleet's size. */
const BALANCER_WINDOW = "30m";
const BALANCER_WINDOW_SECONDS = 1800;
/** Stop and start of a container, beside the balancer's probes. */
const RESTART_SECONDS = 20;
/** Between what a rollout costs and what is told of lies so much more of it. */
const MARGIN = 1.4;
const DROPLET_WINDOW = "10m";
/** Shortest that DigitalOcean knows. */
const UPTIME_PERIOD = "2m";
/** Let's Encrypt's certificates, which hold for 90 days, are renewed before: one that has so few left was not. */
const EXPIRY_DAYS = 14;

/**
 * Alerts by email on processor, memory and disk of every droplet, on droplets that the balancer finds unhealthy, on an API that no region
 * can reach, and on a certificate that is about to expire. None at all without an address. Processor, memory and disk are measured by the droplets' own agent
 * (`droplet.monitoring`).
 *
 * A single unhealthy droplet is told of as long as it weighs more than a rollout does: of up to 14 droplets with the default check, of fewer with a slower one. Of a larger
 * fleet it takes more of them, and a single one is found by `npm run rollout -- verify` and by the next rollout.
 * @see https://docs.digitalocean.com/products/monitoring/how-to/set-up-alerts/
 * @throws InvalidInput when a field is bad
 */
export class FleetAlerts extends Construct {
  constructor(scope: Construct, id: string, props: FleetAlertsProps) {
    super(scope, id);
    const { dropletTag, loadBalancerId, url, ...fields } = props;
    const settings = checked(this, alertSettings, fields);
    const { email, cpuPercent, memoryPercent, diskPercent, name, environment } = settings;
    if (email.length === 0) return;
    const fleet = `${environment}-${name}`;
    const droplet = (kind: string, metric: string, value: number) =>
      new MonitorAlert(this, kind, {
        description: `${fleet}: ${kind} of a droplet is above ${value} %`,
        type: `v1/insights/droplet/${metric}`,
        ...{ compare: "GreaterThan", value, window: DROPLET_WINDOW },
        tags: [dropletTag],
        alerts: { email },
      });
    droplet("cpu", "cpu", cpuPercent);
    droplet("memory", "memory_utilization_percent", memoryPercent);
    droplet("disk", "disk_utilization_percent", diskPercent);
    new MonitorAlert(this, "balancer", {
      description: `${fleet}: the balancer finds a droplet unhealthy`,
      type: "v1/insights/lbaas/droplet_health",
      ...{ compare: "LessThan", value: healthyShare(settings), window: BALANCER_WINDOW },
      entities: [loadBalancerId],
      alerts: { email },
    });
    const secure = url.startsWith("https:");
    const check = new UptimeCheck(this, "uptime", { name: fleet, type: secure ? "https" : "http", target: url });
    new UptimeAlert(this, "down", {
      ...{ checkId: check.id, name: `${fleet} is down`, type: "down_global", period: UPTIME_PERIOD },
      notifications: [{ email }],
    });
    if (secure) {
      new UptimeAlert(this, "certificate", {
        ...{ checkId: check.id, name: `${fleet}: the certificate expires`, type: "ssl_expiry", period: UPTIME_PERIOD },
        ...{ comparison: "less_than", threshold: EXPIRY_DAYS },
        notifications: [{ email }],
      });
    }
  }
}

/** Percent between all droplets and all but one, but none that the mean of a window with a rollout in it comes near. At least 1. */
function healthyShare({ dropletCount, healthCheck, maxUnavailable }: z.output<typeof alertSettings>): number {
  const { checkIntervalSeconds, unhealthyThreshold, healthyThreshold } = healthCheck;
  // A droplet waits for a probe of either kind first: one interval more.
  const outSeconds = (unhealthyThreshold + healthyThreshold + 1) * checkIntervalSeconds + RESTART_SECONDS;
  const atOnce = hostCount(maxUnavailable, dropletCount) / dropletCount;
  const rollout = Math.min(outSeconds / BALANCER_WINDOW_SECONDS, atOnce);
  const share = Math.min(1 - 0.5 / dropletCount, 1 - MARGIN * rollout);
  return Math.max(1, Math.floor(100 * share));
}
