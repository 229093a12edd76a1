/** Public API. */
export type { FleetConfig, ResolvedConfig } from "../contract/config.js";
export { fleetConfig, stackName, stackTag } from "../contract/config.js";
export { InvalidInput } from "../contract/problems.js";
export { ApiDomain, type ApiDomainProps } from "./api-domain.js";
export { ApiFleet, type ApiFleetProps } from "./api-fleet.js";
export { ApiLoadBalancer, type ApiLoadBalancerProps } from "./api-load-balancer.js";
export { ApiStack, type ApiStackProps } from "./api-stack.js";
export { FleetAlerts, type FleetAlertsProps } from "./fleet-alerts.js";
export { FleetFirewall, HeldPorts, type FleetFirewallProps, type HeldPortsProps } from "./fleet-firewall.js";
export { Guard, type GuardProps } from "./guard.js";
export { Rollout, type RolloutProps } from "./rollout.js";
