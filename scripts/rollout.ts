/** The rollout's entry: bundled for Terraform's provisioner, or run by `npm run rollout -- <command>`. */
import process from "node:process";
import { main } from "./rollout/cli.js";
import { exitCodes } from "./rollout/core/errors.js";
import { outTo } from "./rollout/output/out.js";

try {
  process.exitCode = await main(process.argv.slice(2), process.env, process);
} catch (error) {
  outTo(process.stderr).text(
    `this is a bug in Evenkeel: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  process.exitCode = exitCodes.bug;
}
