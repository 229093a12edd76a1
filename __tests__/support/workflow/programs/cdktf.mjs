/**
 * Stands for `cdktf deploy`, which needs Terraform's providers: the stack is synthesized by the command in cdktf.json, and the
 * commands of its guard and its rollout are run as Terraform would, on the lab's fleet instead of droplets that Terraform made.
 */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

const argv = process.argv.slice(2);
const [command, approve, option, variable, ...rest] = argv;
const image = /^image=(\S+)$/.exec(variable ?? "")?.[1];
if (command !== "deploy" || approve !== "--auto-approve" || option !== "--var" || !image || rest.length > 0) {
  process.stderr.write(`the stand-in for cdktf does not know: cdktf ${argv.join(" ")}\n`);
  process.exit(1);
}

const inShell = (script, options) =>
  spawnSync("/bin/sh", ["-c", script], { stdio: ["ignore", "inherit", "inherit"], ...options });
const { app } = JSON.parse(readFileSync("cdktf.json", "utf8"));
if (inShell(app, {}).status !== 0) process.exit(1);

const [stack] = readdirSync("cdktf.out/stacks");
const folder = path.resolve("cdktf.out/stacks", stack);
const { resource } = JSON.parse(readFileSync(path.join(folder, "cdk.tf.json"), "utf8"));
const named = (prefix) => {
  const [, block] = Object.entries(resource.null_resource).find(([name]) => name.startsWith(prefix));
  return block.provisioner[0]["local-exec"];
};
const { command: guard, environment: declared } = named("guard_");
const { command: rollout, environment } = named("rollout_");
// Ids and addresses are those of the lab's fleet; the bundle is the one that was just built.
const EVENKEEL_BUNDLE = environment.EVENKEEL_BUNDLE.replace("${path.module}", ".");
const fleet = JSON.parse(readFileSync(process.env.STAND_IN_FLEET, "utf8"));
const base = { ...process.env, ...fleet, EVENKEEL_BUNDLE };
const given = { ...base, EVENKEEL_IMAGE: image, EVENKEEL_STARTED_BY: "terraform" };
const guarded = inShell(guard, { cwd: folder, env: { ...base, EVENKEEL_GUARD: declared.EVENKEEL_GUARD } }).status === 0;
// Whatever their exit codes, cdktf's own is 1.
process.exitCode = guarded && inShell(rollout, { cwd: folder, env: given }).status === 0 ? 0 : 1;
