/**
 * The one file to edit. Every field, its unit, range and default: contract/config.ts and contract/policy.ts, or the
 * completion of your editor. What is left out takes its default.
 */
import type { FleetConfig } from "./constructs/index.js";

const { EVENKEEL_SSH_PUBLIC_KEY, EVENKEEL_SSH_ALLOWED_CIDRS } = process.env;

export default {
  // Names the droplets api-1, api-2, … and the container.
  name: "api",
  environment: "production",
  region: "sfo3",

  // Raise or lower it freely: a droplet that leaves is taken out of rotation before it is deleted.
  dropletCount: 2,
  // A change of these rebuilds every droplet, still without a failed request.
  droplet: { size: "s-1vcpu-1gb", image: "debian-12-x64" },

  // HTTPS under a name of your own, for a zone whose DNS is at DigitalOcean (docs/https.md).
  // domain: { name: "api.example.com", zone: "example.com" },

  // How the balancer decides who gets requests, on a port that only its check asks. A shorter interval makes every rollout faster.
  healthCheck: {
    port: 8086,
    path: "/health",
    checkIntervalSeconds: 10,
    responseTimeoutSeconds: 5,
    unhealthyThreshold: 2,
    healthyThreshold: 3,
  },

  // What runs in the container of every droplet. Secrets are named in `secrets` and set where you deploy: docs/own-app.md
  service: {
    port: 80,
    environment: { NODE_ENV: "production" },
  },

  // Key and addresses of those who may log in, so that this file is the same for everybody. An empty list keeps SSH closed, and
  // then the rollout cannot log in either.
  ssh: {
    publicKey: EVENKEEL_SSH_PUBLIC_KEY,
    allowedCidrs: EVENKEEL_SSH_ALLOWED_CIDRS?.split(",").filter(Boolean) ?? [],
  },

  // How many droplets are handed over at once once the first one is ("25%" works as well), how many may be out of rotation where one has to leave it,
  // and what happens to requests that do not end.
  rollout: { maxParallel: 1, maxUnavailable: 1, drainTimeoutSeconds: 60, onDrainTimeout: "halt" },
} satisfies FleetConfig;
