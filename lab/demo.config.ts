/** The fleet of `npm run demo`: two droplets behind the fastest check that DigitalOcean's balancer does. */
import type { FleetConfig } from "../constructs/index.js";

export default {
  name: "demo",
  environment: "lab",
  dropletCount: 2,
  fleetTag: "demo-api",
  healthCheck: { checkIntervalSeconds: 3, responseTimeoutSeconds: 3, unhealthyThreshold: 2, healthyThreshold: 2 },
  // Nothing of this reaches an account: the lab reads the JSON that Terraform would.
  ssh: { keyFingerprints: ["00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff"], allowedCidrs: ["203.0.113.7/32"] },
  // Limits for a machine that does much else: where nothing is wrong, none of them is waited for.
  rollout: {
    readyTimeoutSeconds: 30,
    bootTimeoutSeconds: 180,
    progressDeadlineSeconds: 240,
    drainTimeoutSeconds: 30,
    minFreeDiskMb: 100,
  },
} satisfies FleetConfig;
