/** From what is declared, and what a test asks for, to the balancer that runs. */
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
  /** Seconds after which each node goes by settings that have changed. @default - at once */
  readonly lateSeconds?: readonly number[];
  /** Further hosts to try when a connection to one cannot be made. @default 0 */
  readonly retries?: number;
  /** Keeps connections to hosts open. @default - as declared */
  readonly backendKeepalive?: boolean;
  /** The API shows what is declared although the balancer does otherwise. @default false */
  readonly reportDeclared?: boolean;
}

/** The check that the balancer's nodes really do; seconds may be fractions. */
export interface NodeCheck {
  readonly path: string;
  readonly port: number;
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
  readonly fall: number;
  readonly rise: number;
}

/** One forwarding rule. */
export interface BalancerEntry {
  readonly entryPort: number;
  readonly targetPort: number;
  /** What clients who speak HTTPS are shown; null where they speak HTTP. */
  readonly tls: EntryTls | null;
}

/** One entry's HTTPS. Whichever the certificate, the site signs. */
export interface EntryTls {
  /** Tells the certificate from others. */
  readonly certificate: string;
  /** Names that it holds for. */
  readonly names: readonly string[];
  /** Clients may speak HTTP/2. */
  readonly http2: boolean;
}

/** How the balancer runs: the declaration, and what a test wants otherwise. */
export interface BalancerSettings {
  readonly nodes: number;
  /** Phase of each node's probes; a missing one is spread over the interval. */
  readonly phasesSeconds: readonly number[];
  /** After which each node goes by settings that have changed; one that is missing does at once. */
  readonly lateSeconds: readonly number[];
  readonly check: NodeCheck;
  readonly entries: readonly BalancerEntry[];
  /** Answers requests over HTTP with where they are served over HTTPS. */
  readonly redirectToHttps: boolean;
  /** Further tries when a connection to a host cannot be made. */
  readonly retries: number;
  readonly backendKeepalive: boolean;
  readonly idleTimeoutSeconds: number;
}

export function balancerSettings(block: BalancerBlock, options: BalancerOptions): BalancerSettings {
  return {
    nodes: options.nodes ?? block.size_unit,
    phasesSeconds: options.phasesSeconds ?? [],
    lateSeconds: options.lateSeconds ?? [],
    check: check(block, options),
    entries: block.forwarding_rule.map((rule) => ({
      entryPort: rule.entry_port,
      targetPort: rule.target_port,
      tls: entryTls(block, rule),
    })),
    redirectToHttps: block.redirect_http_to_https,
    retries: options.retries ?? 0,
    backendKeepalive: options.backendKeepalive ?? block.enable_backend_keepalive,
    idleTimeoutSeconds: block.http_idle_timeout_seconds,
  };
}

function entryTls(
  { certificate_domains: domains }: BalancerBlock,
  { entry_protocol: protocol, certificate_name: certificate = "" }: BalancerBlock["forwarding_rule"][number],
): EntryTls | null {
  return protocol === "http" ? null : { certificate, names: domains?.[certificate] ?? [], http2: protocol === "http2" };
}

function check({ healthcheck }: BalancerBlock, options: BalancerOptions): NodeCheck {
  const intervalSeconds = options.checkIntervalSeconds ?? healthcheck.check_interval_seconds;
  return {
    path: healthcheck.path,
    port: healthcheck.port,
    intervalSeconds,
    timeoutSeconds: Math.min(healthcheck.response_timeout_seconds, intervalSeconds),
    fall: options.unhealthyThreshold ?? healthcheck.unhealthy_threshold,
    rise: options.healthyThreshold ?? healthcheck.healthy_threshold,
  };
}
