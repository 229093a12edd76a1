/** The fleet of the e2e scenarios. `E2E_FLEET` holds what a scenario wants otherwise, as JSON. */
import type { FleetConfig } from "../../constructs/index.js";

const wanted = JSON.parse(process.env["E2E_FLEET"] ?? "{}") as FleetConfig;

export default {
  environment: "e2e",
  ...wanted,
  healthCheck: {
    checkIntervalSeconds: 3,
    responseTimeoutSeconds: 3,
    unhealthyThreshold: 2,
    healthyThreshold: 2,
    ...wanted.healthCheck,
  },
  ssh: {
    // What this machine is to real droplets.
    allowedCidrs: ["203.0.113.7/32"],
    keyFingerprints: wanted.ssh?.publicKey ? [] : ["00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff"],
    ...wanted.ssh,
  },
  rollout: {
    strategy: "drain",
    readyTimeoutSeconds: 6,
    bootTimeoutSeconds: 30,
    progressDeadlineSeconds: 60,
    drainTimeoutSeconds: 30,
    minFreeDiskMb: 1,
    ...wanted.rollout,
  },
} satisfies FleetConfig;
