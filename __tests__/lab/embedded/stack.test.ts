import { withCheck } from "../../../lab/embedded/check.js";
import { readStack, rolloutExec } from "../../../lab/embedded/stack.js";
import { stackJson } from "../support/stack.js";

test("the provisioner's command and environment are read", () => {
  expect(rolloutExec(readStack(stackJson()))).toMatchObject({
    command: "node $EVENKEEL_BUNDLE deploy; exit $?",
    environment: { EVENKEEL_IMAGE: "${var.image}" },
  });
});

test("fails for a balancer that the lab cannot stand for, naming the field", () => {
  const stack = JSON.parse(
    JSON.stringify(stackJson()).replaceAll('"entry_protocol":"http"', '"entry_protocol":"http3"'),
  ) as object;
  expect(() => readStack(stack)).toThrow(/cannot stand for this stack:[^]*entry_protocol/);
});

test("another check goes into balancer, provisioner and output alike, and the source stays as it was", () => {
  const source = stackJson();
  const before = JSON.stringify(source);
  const changed = withCheck(source, { checkIntervalSeconds: 0.5, healthyThreshold: 7 });
  expect(JSON.stringify(source)).toBe(before);
  const stack = readStack(changed);
  expect(stack.resource.digitalocean_loadbalancer["balancer"]?.healthcheck).toMatchObject({
    check_interval_seconds: 0.5,
    healthy_threshold: 7,
    unhealthy_threshold: 2,
  });
  for (const json of [rolloutExec(stack).environment["EVENKEEL_MANIFEST"], stack.output["manifest"]?.value]) {
    expect((JSON.parse(String(json)) as { healthCheck: unknown }).healthCheck).toEqual({
      path: "/health",
      checkIntervalSeconds: 0.5,
      responseTimeoutSeconds: 0.5,
      unhealthyThreshold: 2,
      healthyThreshold: 7,
    });
  }
});
