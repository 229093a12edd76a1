/** The fleet of the fault suite. `FAULTS_FLEET` holds what a fault wants of it, as JSON. */
import type { FleetConfig } from "../../constructs/index.js";

const wanted = JSON.parse(process.env["FAULTS_FLEET"] ?? "{}") as FleetConfig;

export default {
  environment: "faults",
  healthCheck: { checkIntervalSeconds: 3, responseTimeoutSeconds: 3, unhealthyThreshold: 2, healthyThreshold: 2 },
  ...wanted,
  // Nothing of this reaches an account: the lab reads the JSON that Terraform would.
  ssh: { keyFingerprints: ["00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff"], allowedCidrs: ["203.0.113.7/32"] },
  rollout: {
    strategy: "drain",
    bootTimeoutSeconds: 30,
    progressDeadlineSeconds: 60,
    drainTimeoutSeconds: 30,
    minFreeDiskMb: 1,
    ...wanted.rollout,
  },
} satisfies FleetConfig;
