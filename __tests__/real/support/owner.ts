/** A process that owns a world: for tests that end it in one way or another. Its argument says how far it gets. */
import { spawn } from "node:child_process";
import { Droplets } from "./droplets.js";
import { makeTinyImage, runServer } from "./tiny-image.js";

const droplets = await Droplets.start();
const { claim } = droplets;
const droplet = await droplets.order();
// A process of the world outside its namespaces.
spawn("sleep", ["600"], { env: claim.environment, stdio: "ignore", detached: true });
if (process.argv[2] !== "early") {
  await droplet.booted();
  await makeTinyImage(droplet);
  await runServer(droplet, "api", 80);
}
const owned = {
  number: claim.number,
  folder: claim.folder,
  mark: claim.environment["LAB_WORLD"],
  address: droplet.address,
};
process.stdout.write(`${JSON.stringify(owned)}\n`);
if (process.argv[2] === "throw") throw new Error("the owner fails");
setInterval(() => undefined, 1000);
