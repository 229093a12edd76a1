/**
 * Health of servers as one HAProxy process hands it to the next. @see https://docs.haproxy.org/2.6/management.html#9.3 "show
 * servers state"
 */
import type { BalancerSettings } from "../balancer-options.js";
import { targetPort } from "./haproxy-config.js";

/**
 * The same health on the ports of new settings: HAProxy takes ports from here rather than from its configuration.
 * @param state answer to `show servers state`: its version, a line of titles, a line for each server
 * @throws Error when a column is missing
 */
export function onPortsOf(settings: BalancerSettings, state: string): string {
  const [version = "", titles = "", ...servers] = state.split("\n");
  const names = titles.replace(/^# /, "").split(" ");
  const ports = new Map([
    [columnOf("srv_port", names), targetPort(settings)],
    [columnOf("srv_check_port", names), settings.check.port],
  ]);
  const moved = servers.map((server) =>
    server === ""
      ? ""
      : server
          .split(" ")
          .map((value, column) => ports.get(column) ?? value)
          .join(" "),
  );
  return [version, titles, ...moved].join("\n");
}

function columnOf(name: string, names: readonly string[]): number {
  const column = names.indexOf(name);
  if (column < 0) throw new Error(`HAProxy's state of its servers has no ${name}: ${names.join(" ")}`);
  return column;
}
