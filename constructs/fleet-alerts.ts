/** Whom DigitalOcean tells when the fleet is not well. */
import { MonitorAlert } from "@cdktf/provider-digitalocean/lib/monitor-alert/index.js";
import { UptimeAlert } from "@cdktf/provider-digitalocean/lib/uptime-alert/index.js";
import { UptimeCheck } from "@cdktf/provider-digitalocean/lib/uptime-check/index.js";
import { Construct } from "constructs";
import type { z } from "zod";
import { alertLevels, fleetFields } from "../contract/config.js";
import { record } from "../contract/fields.js";
import { checked } from "./checked.js";

const alertSettings = record({
  ...alertLevels.shape,
  /** Together with `environment` the name shown in the control panel. */
  name: fleetFields.shape.name,
  environment: fleetFields.shape.environment,
  dropletCount: fleetFields.shape.dropletCount,
});

/** The alerts' part of the configuration; its fields are described in contract/config.ts. */
export interface FleetAlertsProps extends z.input<typeof alertSettings> {
  /** Tag of the droplets that are watched: the stack's own. */
  readonly dropletTag: string;
  readonly loadBalancerId: string;
  /** What the uptime check asks for, such as https://api.example.com/. Not the health path: the app takes that for unknown from outside. */
  readonly url: string;
}

/** Long enough that a rollout, which takes each droplet out for about 45 s, moves the mean by two or three percent only, whatever the fleet's size. */
const BALANCER_WINDOW = "30m";
/** Highest share of healthy droplets, in percent, that is told of: one rollout stays above it. */
const HIGHEST_HEALTHY_SHARE = 95;
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
 * A single unhealthy droplet of up to 19 is told of. From 20 on it weighs hardly more than a rollout does, so that it takes more than 5 % of them; a single one
 * is then found by `npm run rollout -- verify`, and by the next rollout.
 * @see https://docs.digitalocean.com/products/monitoring/how-to/set-up-alerts/
 * @throws InvalidInput when a field is bad
 */
export class FleetAlerts extends Construct {
  constructor(scope: Construct, id: string, props: FleetAlertsProps) {
    super(scope, id);
    const { dropletTag, loadBalancerId, url, ...fields } = props;
    const { email, cpuPercent, memoryPercent, diskPercent, name, environment, dropletCount } = checked(
      this,
      alertSettings,
      fields,
    );
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
      ...{ compare: "LessThan", value: healthyShare(dropletCount), window: BALANCER_WINDOW },
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

/** Percent between all droplets and all but one, but none that a rollout comes near. */
const healthyShare = (droplets: number): number =>
  Math.min(HIGHEST_HEALTHY_SHARE, Math.round(100 * (1 - 0.5 / droplets)));
