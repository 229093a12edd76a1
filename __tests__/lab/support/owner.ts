/** A process that owns a world: for tests that end it in one way or another. Its argument says how. */
import { embedded } from "../../../lab/embedded/site.js";
import { startLoad } from "../../../lab/load/load.js";
import { startWorld } from "../../../lab/world.js";
import { ssh } from "./ssh.js";
import { stackJson } from "./stack.js";

const world = await startWorld({ stackJson: stackJson({ names: ["api-1"] }), site: embedded() });
const host = world.droplet("api-1");
await host.booted();
const login = await fetch(`${world.api.url}/v2/registry/docker-credentials`, {
  headers: { authorization: "Bearer lab-token" },
});
const image = await world.pushReference("v1");
await ssh(
  world,
  host,
  `mkdir c; cat >c/config.json; docker --config "$HOME/c" pull --quiet ${image}; docker run -d --name api --restart always -e PORT=80 ${image}
nohup sh -c 'while sleep 1; do :; done' </dev/null >/dev/null 2>&1 &`,
  await login.text(),
);
await startLoad({ url: world.balancer.url(), ratePerSecond: 10 });
process.stdout.write(`${JSON.stringify({ id: world.site.id, folder: world.folder, pid: host.pid("api") })}\n`);
if (process.argv[2] === "throw") throw new Error("the owner fails");
setInterval(() => undefined, 1000);
