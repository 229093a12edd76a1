import { balancerSettings } from "../../lab/balancer-options.js";
import { readStack } from "../../lab/stack.js";
import { stackJson, type StackShape } from "./support/stack.js";

const block = (shape: StackShape = {}) => {
  const found = readStack(stackJson(shape)).resource.digitalocean_loadbalancer["balancer"];
  if (!found) throw new Error("the stack has no balancer");
  return found;
};

test("the balancer runs as it is declared", () => {
  expect(balancerSettings(block({ checkIntervalSeconds: 5, https: true }), {})).toEqual({
    nodes: 1,
    phasesSeconds: [],
    lateSeconds: [],
    check: { path: "/health", port: 80, intervalSeconds: 5, timeoutSeconds: 5, fall: 2, rise: 2 },
    entries: [
      { entryPort: 80, targetPort: 80, tls: null },
      {
        ...{ entryPort: 443, targetPort: 80 },
        tls: { certificate: "${digitalocean_certificate.certificate.name}", names: [], http2: false },
      },
    ],
    redirectToHttps: true,
    retries: 0,
    backendKeepalive: false,
    idleTimeoutSeconds: 60,
  });
});

test("the check asks its own port, and requests go to the rules' ports", () => {
  const { healthcheck, ...declared } = block();
  const settings = balancerSettings({ ...declared, healthcheck: { ...healthcheck, port: 8086 } }, {});
  expect([settings.check.port, settings.entries.map(({ targetPort }) => targetPort)]).toEqual([8086, [80]]);
});

test("a test may have it otherwise; no probe waits longer than until the next", () => {
  const options = { checkIntervalSeconds: 1.5, unhealthyThreshold: 4, nodes: 2, backendKeepalive: true, retries: 3 };
  expect(balancerSettings(block({ checkIntervalSeconds: 5 }), options)).toMatchObject({
    check: { intervalSeconds: 1.5, timeoutSeconds: 1.5, fall: 4, rise: 2 },
    nodes: 2,
    backendKeepalive: true,
    retries: 3,
  });
});
