/** Stands for `npm ci` only: the packages of this project are linked, but for cdktf's command line. Everything else is npm itself. */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";

const { STAND_IN_NPM: realNpm, STAND_IN_PACKAGES: packages, STAND_IN_CDKTF: cdktf } = process.env;
const argv = process.argv.slice(2);

if (argv.join(" ") === "ci") {
  mkdirSync("node_modules/.bin", { recursive: true });
  const link = (name) => symlinkSync(path.join(packages, name), path.join("node_modules", name));
  readdirSync(packages)
    .filter((name) => !name.startsWith("."))
    .forEach(link);
  readdirSync(path.join(packages, ".bin"))
    .filter((name) => name !== "cdktf")
    .forEach((name) => link(path.join(".bin", name)));
  const file = "node_modules/.bin/cdktf";
  writeFileSync(file, `#!/bin/sh\nexec '${process.execPath}' '${cdktf}' "$@"\n`);
  chmodSync(file, 0o755);
} else {
  process.exitCode = spawnSync(realNpm, argv, { stdio: "inherit" }).status ?? 1;
}
