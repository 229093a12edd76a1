/** The fleet of the tests with real Terraform. `TERRAFORM_FLEET` holds what a step declares, as JSON. */
import type { FleetConfig } from "../../constructs/index.js";
import { PUBLIC_KEY } from "../lab/support/stack.js";

const fleet = JSON.parse(process.env["TERRAFORM_FLEET"] ?? "{}") as FleetConfig;

export default {
  environment: "terraform",
  ssh: { publicKey: PUBLIC_KEY, allowedCidrs: ["203.0.113.7/32"] },
  rollout: {
    readyTimeoutSeconds: 60,
    bootTimeoutSeconds: 120,
    progressDeadlineSeconds: 300,
    drainTimeoutSeconds: 60,
    minFreeDiskMb: 0,
  },
  ...fleet,
  // Its value is looked for in the state.
  service: { secrets: ["DATABASE_URL"], ...fleet.service },
} satisfies FleetConfig;
