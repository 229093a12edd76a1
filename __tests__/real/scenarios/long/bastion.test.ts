/** Droplets whose SSH port only a bastion reaches. */
import { appendFileSync, copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { environmentNames as names } from "../../../../contract/manifest.js";
import { sshAccess } from "../../../../contract/policy.js";
import type { Deployment } from "../../../../lab/rehearsal.js";
import type { RealDroplet } from "../../../../lab/real/droplet.js";
import { SshConnection } from "../../../../scripts/rollout/adapters/ssh.js";
import { LIMIT_MS, startReal, type RealScenario } from "../../../support/real.js";
import { scan } from "../../support/outside.js";

jest.setTimeout(LIMIT_MS);

/** What the bastion is to droplets, and what the firewall allows. */
const BASTION = "203.0.113.9";

let scenario: RealScenario;
let bastion: RealDroplet;
let folder: string;
let config: string;
let knownHosts: string;

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), "evenkeel-bastion-"));
  config = path.join(folder, "ssh_config");
  knownHosts = path.join(folder, "known_hosts");
  scenario = await startReal({
    fleet: { dropletCount: 2, ssh: { allowedCidrs: [`${BASTION}/32`], proxyJump: "jump@bastion" } },
  });
  const { site, droplets } = scenario.world;
  copyFileSync(site.environment()[names.sshConfig] ?? "", config);
  bastion = await jumpHost("bastion", "500000001");
  await bastion.run(["ip", "address", "add", `${BASTION}/32`, "dev", "eth0"]);
  for (const { address } of droplets) await bastion.run(["ip", "route", "add", address, "dev", "eth0", "src", BASTION]);
  await scenario.world.booted();
});
afterAll(async () => {
  await (scenario as RealScenario | undefined)?.end();
  rmSync(folder, { recursive: true });
});

/** A machine of the operator's that is not the fleet's, as the operator's own configuration knows it. */
async function jumpHost(name: string, id: string): Promise<RealDroplet> {
  const { site } = scenario.world;
  const keys = [site.clientKey];
  const users = [{ name: "jump", lock_passwd: true, shell: "/usr/sbin/nologin", ssh_authorized_keys: keys }];
  const userData = `#cloud-config\n${JSON.stringify({ ssh_pwauth: false, users })}\n`;
  const addresses = site.nextAddresses();
  const droplet = await site.createDroplet({ id, name, ...addresses, userData, authorizedKeys: keys, user: "jump" });
  await droplet.booted();
  const identity = `IdentityFile "${path.join(site.folder, "id_ecdsa")}"`;
  const settings = [
    `HostName ${droplet.address}`,
    identity,
    `HostKeyAlias ${name}`,
    `UserKnownHostsFile "${knownHosts}"`,
  ];
  appendFileSync(config, `\nHost ${name}\n${settings.map((line) => `  ${line}\n`).join("")}`);
  return droplet;
}

/** As the operator, who logged in once and compared the key. */
async function know(droplet: RealDroplet): Promise<void> {
  const key = await droplet.run(["cat", "/etc/ssh/ssh_host_ed25519_key.pub"]);
  appendFileSync(knownHosts, `${droplet.name} ${key}\n`);
}

const deploy = (image: string): Promise<Deployment> => scenario.deploy(image, { [names.sshConfig]: config });

describe("droplets behind a bastion", () => {
  it("are not reached without it, and it reaches nothing but SSH", async () => {
    const { address } = scenario.world.droplet("api-1");
    expect(await scan([], address, [1, 100])).toEqual({ open: [], refused: [] });
    expect(await scan(bastion.network, address, [1, 100])).toEqual({ open: [22], refused: [] });
  });

  it("are refused at once while the bastion's key is not known, and nobody is asked", async () => {
    const { exitCode, receipt, stderr } = await deploy(await scenario.world.pushReference("v1"));
    expect([exitCode, receipt?.error?.code]).toEqual([3, "BastionKeyUnknown"]);
    expect(stderr).toContain("Host key verification failed");
    expect(await scenario.running()).toEqual([null, null]);
  });

  it("are deployed to and rolled out over it, under load without a failed request", async () => {
    await know(bastion);
    const first = await deploy(await scenario.world.pushReference("v1"));
    expect({ exitCode: first.exitCode, stderr: first.stderr }).toEqual({ exitCode: 0, stderr: first.stderr });
    const image = await scenario.world.pushReference("v2");
    const { result, seen } = await scenario.under(() => deploy(image), { ratePerSecond: 30 });
    expect({ exitCode: result.exitCode, stderr: result.stderr }).toEqual({ exitCode: 0, stderr: result.stderr });
    expect(seen.failures).toEqual([]);
    expect(await scenario.running()).toEqual([image, image]);
  });

  it("are reached over two in a row", async () => {
    await know(await jumpHost("outer", "500000002"));
    const { address, id, privateAddress } = scenario.world.droplet("api-1");
    const access = { ...sshAccess.parse({}), proxyJump: "jump@outer,jump@bastion" };
    const settings = { access, configFile: config, knownHosts: path.join(folder, "pinned") };
    const host = { name: "api-1", id, address, privateAddress };
    const connection = new SshConnection(host, settings, path.join(folder, "socket"));
    expect(await connection.run("hostname", { timeoutSeconds: 60 })).toBe("api-1\n");
    await connection.close();
  });

  it("are left alone when the bastion shows another key than before", async () => {
    const before = await scenario.running();
    await bastion.changeHostKey(true);
    const { exitCode, receipt, stderr } = await deploy(await scenario.world.pushReference("v1"));
    expect([exitCode, receipt?.error?.code]).toEqual([3, "BastionKeyUnknown"]);
    expect(stderr).toContain("Host key for bastion has changed");
    expect(await scenario.running()).toEqual(before);
  });
});
