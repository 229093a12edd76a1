/** What a droplet is after its power failed. */
import { afterAll, beforeAll, expect, it, jest } from "@jest/globals";
import type { RealDroplet } from "../../lab/real/droplet.js";
import { until } from "../lab/support/until.js";
import { Droplets } from "./support/droplets.js";
import { makeTinyImage, runServer } from "./support/tiny-image.js";

/** For a machine that is slow or busy; nothing is concluded from the time it takes. */
jest.setTimeout(120_000);

let droplets: Droplets;
let droplet: RealDroplet;

beforeAll(async () => {
  droplets = await Droplets.start();
  droplet = await droplets.order();
  await droplet.booted();
  await makeTinyImage(droplet);
});
afterAll(async () => {
  await droplets.end();
  expect(droplets.faults).toEqual([]);
});

const statuses = async () => Object.fromEntries((await droplet.containers()).map(({ name, status }) => [name, status]));

it("breaks off without a word, and comes back with its disk, its keys and the containers whose policy says so", async () => {
  await runServer(droplet, "always", 80, ["--restart", "always"]);
  await runServer(droplet, "no", 80);
  await droplet.run(["touch", "/home/deploy/kept", "/run/lost"]);
  const session = droplets.ssh(droplet, "sleep 60", [
    "LogLevel=INFO",
    "ServerAliveInterval=1",
    "ServerAliveCountMax=1",
  ]);
  await until("the session is there", async () =>
    (await droplet.run(["/bin/sh", "-c", "pgrep -x sleep"])).includes("\n"),
  );

  await droplet.powerOff();
  expect(droplet.boot).toBe("off");
  await expect(droplet.containers()).rejects.toThrow("droplet api-1 is off");
  // Found out by the client's own keepalive: nothing closed the connection.
  expect((await session).stderr).toContain("not responding");
  expect((await droplets.ssh(droplet, "true", ["ConnectTimeout=1"])).stderr).toMatch(/timed out|No route to host/);

  droplet.powerOn();
  await droplet.booted();
  // The host key is still the one that the client knows.
  const { stdout } = await droplets.ssh(droplet, "cloud-init status; ls /home/deploy; ls /run/lost");
  expect(stdout).toBe("status: done\nkept");
  expect(await statuses()).toEqual({ always: "running", no: "exited" });
  expect(await droplet.run(["iptables", "-S", "DOCKER-USER"])).toContain("-d 169.254.169.254/32 -j REJECT");
});

it("is switched off in the middle of its boot, and boots after all", async () => {
  await droplet.powerOff();
  droplet.powerOn();
  droplet.powerOn();
  await droplet.powerOff();
  expect(droplet.boot).toBe("off");
  droplet.powerOn();
  await droplet.booted();
  expect((await droplets.ssh(droplet, "cloud-init status")).stdout).toBe("status: done");
});

it("leaves nothing behind when it is closed", async () => {
  const other = await droplets.order();
  await other.booted();
  const mounts = () => droplet.run(["cat", "/proc/1/mountinfo"]);
  expect(await mounts()).not.toContain(other.id);
  await other.close();
  const { folder } = droplets.claim;
  expect(await droplets.claim.run(["ls", folder])).not.toContain(other.id);
  expect(await droplets.claim.run(["cat", "/proc/self/mountinfo"])).not.toContain(`${folder}/${other.id}`);
});
