/** How droplets boot, and what becomes of a boot that goes wrong. */
import { afterEach, beforeEach, expect, it, jest } from "@jest/globals";
import { stringify } from "yaml";
import type { RealDroplet } from "../../lab/real/droplet.js";
import { until } from "../lab/support/until.js";
import { Droplets } from "./support/droplets.js";

/** For a machine that is slow or busy; nothing is concluded from the time it takes. */
jest.setTimeout(120_000);

let droplets: Droplets;
beforeEach(async () => {
  droplets = await Droplets.start();
});
afterEach(() => droplets.end());

const reaches = (droplet: RealDroplet, state: string): Promise<void> => until(state, () => droplet.boot === state);

it("refuses SSH at first, then refuses the user, and says that cloud-init runs until it is done", async () => {
  const droplet = await droplets.order({ sshDelayMs: 1500 });
  expect(droplet.boot).toBe("starting");
  await until("it is on", async () => (await droplets.ssh(droplet, "true")).stderr.includes("Connection refused"));
  expect(droplet.boot).toBe("starting");
  await reaches(droplet, "running");
  const early = await droplets.ssh(droplet, "true");
  expect(await droplet.run(["cloud-init", "status"])).toBe("status: running");
  // Its key is copied by the last commands of the boot.
  expect(early.stderr).toContain("Permission denied (publickey)");
  await droplet.booted();
  expect(droplet.boot).toBe("done");
  expect((await droplets.ssh(droplet, "cloud-init status")).stdout).toBe("status: done");
});

it("boots several at once, each with a Docker and a host key of its own", async () => {
  const ordered = await Promise.all([droplets.order(), droplets.order(), droplets.order()]);
  await Promise.all(ordered.map((droplet) => droplet.booted()));
  const ids = await Promise.all(ordered.map((droplet) => droplet.run(["docker", "info", "-f", "{{.ID}}"])));
  const keys = await Promise.all(ordered.map((droplet) => droplet.run(["cat", "/etc/ssh/ssh_host_ed25519_key.pub"])));
  expect(new Set(ids).size).toBe(3);
  expect(new Set(keys).size).toBe(3);
  expect(droplets.faults).toEqual([]);
});

const userData = (...runcmd: string[]): string => `#cloud-config\n${stringify({ runcmd })}`;

it("fails when a command of the user data fails, and cloud-init says so", async () => {
  const droplet = await droplets.order({}, userData("set -e", "echo planted words", "false", "echo not reached"));
  await expect(droplet.booted()).rejects.toThrow(/droplet api-1: .*scripts-user[^]*planted words/);
  expect(await droplet.run(["/bin/sh", "-c", "cloud-init status || :"])).toBe("status: error");
  expect(droplets.faults).toHaveLength(1);
});

it("fails when systemctl is asked for what the lab does not know, even if nobody minds", async () => {
  const droplet = await droplets.order({}, userData("systemctl mask docker.service || :"));
  await expect(droplet.booted()).rejects.toThrow("systemctl mask docker.service: not known in the lab");
});

it("fails when its first process ends", async () => {
  const droplet = await droplets.order();
  await reaches(droplet, "running");
  await droplet.run(["/bin/sh", "-c", "kill -TERM $(pgrep -xo sh)"]).catch(() => undefined);
  await expect(droplet.booted()).rejects.toThrow("droplet api-1: it ended by itself");
  expect(droplet.boot).toBe("off");
  expect(() => droplet.cutSsh()).toThrow("droplet api-1 is off");
});
