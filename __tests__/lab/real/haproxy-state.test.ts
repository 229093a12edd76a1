import { onPortsOf } from "../../../lab/real/haproxy-state.js";
import type { BalancerSettings } from "../../../lab/balancer-options.js";

const settings: BalancerSettings = {
  nodes: 1,
  phasesSeconds: [],
  lateSeconds: [],
  check: { path: "/health", port: 9100, intervalSeconds: 3, timeoutSeconds: 3, fall: 2, rise: 2 },
  entries: [{ entryPort: 80, targetPort: 9090, tls: null }],
  redirectToHttps: false,
  retries: 0,
  backendKeepalive: false,
  idleTimeoutSeconds: 60,
};

/** As HAProxy 2.6.12 printed it, with the given port and port of the check. */
const printed = (port: number, checkPort: number): string => `1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port
3 fleet 1 400000001 10.110.0.2 2 0 1 1 2 15 3 3 6 0 0 0 - ${port} - 0 ${checkPort} - - 8080
3 fleet 2 400000002 10.110.0.3 0 0 1 1 2 15 2 0 6 0 0 0 - ${port} - 0 ${checkPort} - - 8080

`;

test("hosts keep their health and get the ports of the new settings", () => {
  expect(onPortsOf(settings, printed(8080, 8080))).toBe(printed(9090, 9100));
});

test("fails for a state that does not say the ports, with its columns", () => {
  expect(() => onPortsOf(settings, "1\n# be_id srv_port\n3 80\n")).toThrow(
    "HAProxy's state of its servers has no srv_check_port: be_id srv_port",
  );
});
