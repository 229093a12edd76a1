/** Good examples with every optional field set: what bad input is generated from. */
import type { FleetConfig } from "../../contract/config.js";
import type { GuardInput } from "../../contract/guard.js";
import type { Manifest } from "../../contract/manifest.js";
import { publicKey } from "./stacks.js";

const healthCheck = {
  port: 8086,
  nextPort: 8087,
  path: "/health",
  nextPath: "/healthz",
  checkIntervalSeconds: 10,
  responseTimeoutSeconds: 5,
  unhealthyThreshold: 2,
  healthyThreshold: 3,
};

const service: Manifest["service"] = {
  port: 80,
  nextPort: 8080,
  drainPort: 9000,
  stopTimeoutSeconds: 10,
  command: ["node", "server.js"],
  environment: { NODE_ENV: "production" },
  secrets: ["DATABASE_URL"],
  secretsAs: "files",
  mounts: [{ source: "/srv/uploads", target: "/data", readOnly: true }],
  memoryMb: 256,
  cpus: 0.5,
  log: { maxSizeMb: 10, maxFiles: 3 },
  isolation: {
    readOnlyRootFilesystem: true,
    tmpfs: { "/tmp": 64 },
    capabilities: ["CHOWN"],
    allowPrivilegeEscalation: false,
    pidsLimit: 1024,
  },
};

const ssh = { user: "deploy", port: 22, configFile: "~/.ssh/config", proxyJump: "ops@bastion.example.com" };

const rollout: Manifest["rollout"] = {
  strategy: "drain",
  exclusive: false,
  maxUnavailable: 1,
  maxParallel: 1,
  keepWarmSeconds: 0,
  minReadySeconds: 0,
  progressDeadlineSeconds: 600,
  timeoutSeconds: 21_600,
  drainTimeoutSeconds: 60,
  onDrainTimeout: "halt",
  onFailure: "halt",
  readyTimeoutSeconds: 120,
  bootTimeoutSeconds: 600,
  pullTimeoutSeconds: 600,
  leaseSeconds: 120,
  minFreeDiskMb: 1024,
  preDeploy: { command: ["npm", "run", "migrate"], timeoutSeconds: 600 },
};

export const fullConfig = {
  name: "api",
  environment: "production",
  region: "sfo3",
  dropletCount: 3,
  fleetTag: "http-api",
  outboundPorts: [5432],
  vpcIpRange: "10.110.0.0/20",
  droplet: { size: "s-1vcpu-1gb", image: "debian-12-x64", monitoring: true },
  loadBalancer: { name: "front", sizeUnit: 1, entryPort: 80, backendKeepalive: false, httpIdleTimeoutSeconds: 60 },
  domain: {
    name: "api.example.com",
    zone: "example.com",
    createZone: false,
    ttlSeconds: 300,
    certificate: { name: "api-2027", issue: 1 },
    redirectHttp: true,
    http2: true,
  },
  backend: { cloud: { organization: "acme", workspace: "api-prod", hostname: "tfe.example.com" } },
  alerts: { email: ["ops@example.com"], cpuPercent: 90, memoryPercent: 90, diskPercent: 85, uptimePath: "/status" },
  healthCheck,
  service,
  ssh: { ...ssh, publicKey, keyFingerprints: ["12345"], allowedCidrs: ["203.0.113.7/32"] },
  rollout,
} satisfies FleetConfig;

export const fullGuard = {
  fleet: "api",
  fleetTag: "http-api",
  stackTag: "evenkeel:production:api",
  dropletCount: 3,
  balancerName: "sfo3-api",
  sizeUnit: 1,
  healthPath: "/health",
  healthPort: 8086,
  servicePort: 80,
  ssh,
  bootTimeoutSeconds: 600,
} satisfies GuardInput;

const host = (number: number) => ({
  name: `api-${number}`,
  id: `${number}00`,
  address: `192.0.2.${number}`,
  privateAddress: `10.110.0.${number}`,
  container: "api",
  port: 80,
  checkPort: 8086,
});

export const fullManifest = {
  version: 1,
  fleet: "api",
  fleetTag: "http-api",
  stackTag: "evenkeel:production:api",
  hosts: [host(1), host(2), host(3)],
  loadBalancer: {
    id: "1f2e3d4c-0000-4000-8000-000000000000",
    address: "203.0.113.1",
    scheme: "https",
    port: 443,
    serverName: "api.example.com",
    backendKeepalive: false,
  },
  healthCheck,
  service,
  ssh,
  rollout,
} satisfies Manifest;
