/** From what is declared, and what a test asks for, to the balancer that runs and the one that the API shows. */
import type { ApiBalancer, ApiDroplet } from "../api/shapes.js";
import type { NodeCheck } from "./balancer-node.js";
import type { BalancerSettings, Entry } from "./balancer.js";
import type { Droplet } from "./droplet.js";
import type { BalancerBlock } from "./stack.js";

/** How the balancer differs from its declaration. Seconds may be fractions. */
export interface BalancerOptions {
  /** @default - as declared */
  readonly checkIntervalSeconds?: number;
  /** @default - as declared */
  readonly unhealthyThreshold?: number;
  /** @default - as declared */
  readonly healthyThreshold?: number;
  /** Nodes that probe and serve, each for itself. @default - the declared size unit */
  readonly nodes?: number;
  /** Phase of each node's probes within the interval. @default - spread evenly */
  readonly phasesSeconds?: readonly number[];
  /** Further hosts to try when a connection to one cannot be made. @default 0 */
  readonly retries?: number;
  /** Keeps connections to hosts open. @default - as declared */
  readonly backendKeepalive?: boolean;
  /** The API shows what is declared although the balancer does otherwise. @default false */
  readonly reportDeclared?: boolean;
}

export function balancerSettings(
  block: BalancerBlock,
  entries: readonly Entry[],
  options: BalancerOptions,
): BalancerSettings {
  const declared = declaredCheck(block);
  const intervalSeconds = options.checkIntervalSeconds ?? declared.intervalSeconds;
  return {
    entries,
    nodes: options.nodes ?? block.size_unit,
    phasesSeconds: options.phasesSeconds ?? [],
    retries: options.retries ?? 0,
    backendKeepalive: options.backendKeepalive ?? block.enable_backend_keepalive,
    idleTimeoutSeconds: block.http_idle_timeout_seconds,
    check: {
      ...declared,
      intervalSeconds,
      timeoutSeconds: Math.min(declared.timeoutSeconds, intervalSeconds),
      fall: options.unhealthyThreshold ?? declared.fall,
      rise: options.healthyThreshold ?? declared.rise,
    },
  };
}

function declaredCheck({ healthcheck }: BalancerBlock): NodeCheck {
  return {
    path: healthcheck.path,
    port: healthcheck.port,
    intervalSeconds: healthcheck.check_interval_seconds,
    timeoutSeconds: healthcheck.response_timeout_seconds,
    fall: healthcheck.unhealthy_threshold,
    rise: healthcheck.healthy_threshold,
  };
}

/** @param reportDeclared shows the declaration instead of what runs */
export function apiBalancer(
  known: Pick<ApiBalancer, "id" | "address" | "vpcId" | "createdAt">,
  block: BalancerBlock,
  running: BalancerSettings,
  reportDeclared: boolean,
): ApiBalancer {
  const { name, region, droplet_tag: tag } = block;
  const shown = reportDeclared ? balancerSettings(block, running.entries, {}) : running;
  return { ...known, name, region, tag, ...shown };
}

export function apiDroplet(droplet: Droplet, vpcId: string): ApiDroplet {
  const { block, identity, tags, createdAt } = droplet;
  const { name, region, size, image } = block;
  return { ...identity, name, region, size, image, vpcId, tags: [...tags], createdAt, powered: droplet.boot !== "off" };
}
