import { withCheck } from "../../lab/check.js";
import { guardRun, readStack, rolloutExec } from "../../lab/stack.js";
import { stackJson } from "./support/stack.js";

test("the provisioner's command and environment are read", () => {
  expect(rolloutExec(readStack(stackJson()))).toMatchObject({
    command: "node $EVENKEEL_BUNDLE deploy; exit $?",
    environment: { EVENKEEL_IMAGE: "${var.image}" },
  });
});

test("the guard is found beside the rollout, with what it is asked anew for; a stack may have none", () => {
  const stack = stackJson() as { resource: { null_resource: Record<string, unknown> } };
  expect(guardRun(readStack(stack))).toBeNull();
  const exec = { command: "node $EVENKEEL_BUNDLE guard; exit $?", environment: { EVENKEEL_GUARD: "{}" } };
  stack.resource.null_resource["guard"] = { provisioner: [{ "local-exec": exec }], triggers: { settings: "1" } };
  expect(guardRun(readStack(stack))).toEqual({ exec, triggers: { settings: "1" } });
  expect(rolloutExec(readStack(stack)).environment).toHaveProperty("EVENKEEL_MANIFEST");
});

test("a droplet's text for cloud-init and its keys are read", () => {
  const [block] = Object.values(readStack(stackJson()).resource.digitalocean_droplet);
  expect(block?.user_data).toMatch(/^#cloud-config\n/);
  expect(block?.ssh_keys).toEqual(["${digitalocean_ssh_key.key.fingerprint}", expect.stringMatching(/^00:11:/)]);
});

test("HTTPS at the balancer is read, with its certificate and the redirect", () => {
  const block = readStack(stackJson({ https: true })).resource.digitalocean_loadbalancer["balancer"];
  expect(block?.redirect_http_to_https).toBe(true);
  expect(block?.forwarding_rule.map((rule) => [rule.entry_protocol, rule.entry_port, rule.certificate_name])).toEqual([
    ["http", 80, undefined],
    ["https", 443, "${digitalocean_certificate.certificate.name}"],
  ]);
});

test("fails for HTTPS without a certificate, and for a redirect to HTTPS that nobody serves", () => {
  const without = (text: string, put: string) =>
    JSON.parse(JSON.stringify(stackJson({ https: true })).replaceAll(text, put)) as object;
  expect(() => readStack(without("certificate_name", "other"))).toThrow(/https needs a certificate/);
  expect(() => readStack(without('"https"', '"http"'))).toThrow(/there is no https to redirect to/);
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

test.each([
  ["peers of another kind", { protocol: "tcp", port_range: "22", source_tags: ["bastion"] }, /source_tags/],
  ["another protocol", { protocol: "gre", source_addresses: ["0.0.0.0/0"] }, /protocol/],
])("fails for a firewall's rule with %s, which the lab cannot enforce", (_what, rule, words) => {
  const json = stackJson() as { resource: object };
  const wall = { name: "f", tags: [], inbound_rule: [rule] };
  const stack = { ...json, resource: { ...json.resource, digitalocean_firewall: { wall } } };
  expect(() => readStack(stack)).toThrow(words);
});
