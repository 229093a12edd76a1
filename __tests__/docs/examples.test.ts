/** The examples of docs/any-balancer.md: manifests that the rollout takes, and HAProxys that match them. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";
import { hostContainer, manifest as manifestSchema } from "../../contract/manifest.js";
import { parseJson } from "../../contract/problems.js";
import { recovery } from "../../constructs/host-files.js";
import { projectFile } from "../support/stacks.js";

const read = (file: string): string => readFileSync(projectFile(`docs/examples/${file}`), "utf8");

describe.each(["two-machines", "one-server"])("%s", (name) => {
  const manifest = parseJson(name, manifestSchema, read(`${name}/manifest.json`));
  const lines = read(`${name}/haproxy.cfg`)
    .split("\n")
    .map((line) => line.trim());
  const { healthCheck: check, loadBalancer } = manifest;

  it("is no fleet of DigitalOcean's", () => expect(loadBalancer.id).toBe(""));

  it("has an HAProxy that asks its hosts as the manifest says", () => {
    expect(lines).toContain(`option httpchk GET ${check.path}`);
    expect(lines).toContain(`timeout check ${check.responseTimeoutSeconds}s`);
    const { checkIntervalSeconds: inter, unhealthyThreshold: fall, healthyThreshold: rise } = check;
    const port = check.port === undefined ? "" : `port ${check.port} `;
    expect(lines).toContain(`default-server check ${port}inter ${inter}s fall ${fall} rise ${rise}`);
    expect(lines).toContain("option forwardfor");
  });

  it("has an HAProxy in front of exactly its hosts, where the manifest looks for it", () => {
    expect(lines).toContain(`bind ${loadBalancer.address}:${loadBalancer.port}`);
    expect(lines.filter((line) => line.startsWith("server "))).toEqual(
      manifest.hosts.map((host) => {
        const check = host.checkPort === undefined ? "" : ` port ${host.checkPort}`;
        return `server ${host.name} ${host.privateAddress}:${hostContainer(manifest, host).port}${check}`;
      }),
    );
  });
});

it("one-server: HAProxy asks from an address of its own, and both are known before it starts", () => {
  const manifest = parseJson("one-server", manifestSchema, read("one-server/manifest.json"));
  const [, source = ""] = /^ +source (\S+)$/m.exec(read("one-server/haproxy.cfg")) ?? [];
  const own = manifest.hosts.flatMap(({ address, privateAddress }) => [address, privateAddress]);
  expect(own).not.toContain(source);
  const unit = read("one-server/api-addresses.service");
  for (const address of [source, ...new Set(manifest.hosts.map((host) => host.privateAddress))])
    expect(unit).toContain(`ExecStart=/usr/sbin/ip address replace ${address}/32 dev lo\n`);
  expect(unit).toContain("Before=docker.service haproxy.service\n");
});

it("what the page says of recovery is what cloud-init installs", () => {
  const page = readFileSync(projectFile("docs/any-balancer.md"), "utf8");
  expect(page).toContain("`evenkeel-recover`");
  expect(recovery("deploy").map(({ path }) => path)).toContain("/usr/local/sbin/evenkeel-recover");
});
