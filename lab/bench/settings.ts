/** What bench and soak hold fast: the article's balancer, and what clients send. */
import type { BenchSettings } from "./figures.js";
import type { SiteName } from "../site-names.js";

/** The article's thresholds. The interval of a run replaces the one here. */
export const articleCheck = {
  checkIntervalSeconds: 10,
  responseTimeoutSeconds: 5,
  unhealthyThreshold: 2,
  healthyThreshold: 3,
} as const;

/** What clients send, as the load takes it. */
export const benchLoad = { ratePerSecond: 300, slowShare: 0.1, slowMs: 1500, keepAliveShare: 0.5 } as const;

/** Requests a second by the second tool besides. */
export const SECOND_TOOL_PER_SECOND = 10;

/** Further hosts that the balancer tries when a connection to one cannot be made: with more, failures would be hidden. */
export const BALANCER_RETRIES = 0;

/** Of the options, what figures are told apart by. */
export interface Chosen {
  readonly site: SiteName;
  readonly atOnce: boolean;
  readonly rate: number;
}

export const benchSettings = ({ site, atOnce, rate }: Chosen): BenchSettings => ({
  ...{ site, atOnce },
  ...benchLoad,
  ratePerSecond: rate,
  secondToolPerSecond: SECOND_TOOL_PER_SECOND,
  unhealthyThreshold: articleCheck.unhealthyThreshold,
  healthyThreshold: articleCheck.healthyThreshold,
  retries: BALANCER_RETRIES,
});
