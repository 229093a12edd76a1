/** Who reaches whom in the networks of real worlds. */
import { afterEach, beforeEach, expect, it, jest } from "@jest/globals";
import { Claim } from "../../lab/real/claim.js";
import type { NetworkNode } from "../../lab/real/network-node.js";
import { Network } from "../../lab/real/network.js";
import { until } from "../lab/support/until.js";

/** For a machine that is slow or busy; nothing is concluded from the time it takes. */
jest.setTimeout(60_000);

let claim: Claim;
let network: Network;
beforeEach(async () => {
  claim = await Claim.take();
  network = await Network.create(claim, { privateRange: "10.120.0.0/16" });
});
afterEach(() => claim.release());

/** Nothing listens anywhere: whoever is reached refuses. Else nobody answers, or there is no way. */
async function reaches(from: NetworkNode | null, address: string): Promise<boolean> {
  const connect = `timeout 1 bash -c 'exec 3<>/dev/tcp/${address}/80' 2>&1 && echo open || :`;
  const said = await claim.run([...(from?.argv ?? []), "bash", "-c", connect]);
  expect(said).not.toBe("open");
  return said.includes("Connection refused");
}

it("reaches public addresses from this machine, private ones only from within", async () => {
  const droplet = await network.attach("a", {
    publicAddress: network.publicAddress(11),
    privateAddresses: ["10.120.0.2"],
  });
  const inside = await network.attach("b", { privateAddresses: ["10.120.200.3"] });
  expect(await reaches(null, network.publicAddress(11))).toBe(true);
  expect(await reaches(droplet, network.gateway)).toBe(true);
  expect(await reaches(inside, "10.120.0.2")).toBe(true);
  expect(await reaches(inside, network.publicAddress(11))).toBe(false);
  // Not tried from here: it would go wherever this machine's own routes lead.
  expect(await claim.run(["ip", "route", "show", "to", "root", "10.120.0.0/16"])).toBe("");
});

it("gives a machine several private addresses", async () => {
  const droplet = await network.attach("a", { privateAddresses: ["10.120.0.2"] });
  await network.attach("balancer", { privateAddresses: ["10.120.0.3", "10.120.0.4"] });
  expect(await reaches(droplet, "10.120.0.3")).toBe(true);
  expect(await reaches(droplet, "10.120.0.4")).toBe(true);
  expect(await reaches(droplet, "10.120.0.5")).toBe(false);
});

it("loses what is sent to a side whose cable is out, until it is plugged in again", async () => {
  const droplet = await network.attach("a", {
    publicAddress: network.publicAddress(11),
    privateAddresses: ["10.120.0.2"],
  });
  const inside = await network.attach("b", { privateAddresses: ["10.120.0.3"] });
  await droplet.linkDown("private");
  expect(await reaches(inside, "10.120.0.2")).toBe(false);
  expect(await reaches(null, network.publicAddress(11))).toBe(true);
  await droplet.linkUp("private");
  await until("it is reached again", () => reaches(inside, "10.120.0.2"));
});

it("takes a machine's place over by another one that has its addresses", async () => {
  const addresses = { publicAddress: network.publicAddress(11) };
  const first = await network.attach("a", addresses);
  expect(await reaches(null, addresses.publicAddress)).toBe(true);
  await first.unplug();
  expect(await reaches(null, addresses.publicAddress)).toBe(false);
  await first.remove();
  await network.attach("a", addresses);
  await until("the other one is reached", () => reaches(null, addresses.publicAddress));
});

it("keeps two worlds with the same private range apart", async () => {
  const other = await Claim.take();
  const otherNetwork = await Network.create(other, { privateRange: "10.120.0.0/16" });
  const here = await network.attach("a", { privateAddresses: ["10.120.0.2"] });
  const there = await otherNetwork.attach("a", { privateAddresses: ["10.120.0.3"] });
  expect(other.number).not.toBe(claim.number);
  expect(await reaches(here, "10.120.0.3")).toBe(false);
  expect(await reaches(there, "10.120.0.3")).toBe(true);
  await other.release();
  expect(await reaches(here, "10.120.0.2")).toBe(true);
});

it.each(["10.120.0.0", "private", "10.120.0.0/"])('refuses "%s" as a range', async (privateRange) => {
  await expect(Network.create(claim, { privateRange })).rejects.toThrow(`"${privateRange}" is no range`);
});

it("refuses names that are none for a namespace", async () => {
  await expect(network.attach("a/b", {})).rejects.toThrow('"a/b" is no name for a namespace');
});
