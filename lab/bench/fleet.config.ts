/** The fleet of bench and soak: the article's balancer, as many droplets as are asked for. */
import type { FleetConfig } from "../../constructs/index.js";
import { strategies } from "../../contract/policy.js";
import { articleCheck } from "./settings.js";

export default {
  environment: "bench",
  dropletCount: Number(process.env["BENCH_DROPLETS"]),
  healthCheck: articleCheck,
  // Nothing of this reaches an account: the lab reads the JSON that Terraform would.
  ssh: { keyFingerprints: ["00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff"], allowedCidrs: ["203.0.113.7/32"] },
  rollout: {
    ...{ readyTimeoutSeconds: 60, minFreeDiskMb: 100 },
    maxParallel: Number(process.env["BENCH_MAX_PARALLEL"]),
    strategy: strategies.find((strategy) => strategy === process.env["BENCH_STRATEGY"]) ?? "drain",
  },
} satisfies FleetConfig;
