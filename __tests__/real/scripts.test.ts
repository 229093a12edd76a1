import { spawnSync } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "@jest/globals";
import { installed } from "../rollout/commands/steward-host.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const scripts = [
  ...["evenkeel-front", "install.sh"].map((name) => path.join("constructs/front", name)),
  ...["reaper.sh", "builder.sh"].map((name) => path.join("lab/real", name)),
  ...["make-root.sh", "remove-root.sh", "power-on.sh", "boot.sh", "services.sh", "control.sh", "systemctl"].map(
    (name) => path.join("lab/real/files", name),
  ),
];

const check = (program: string, argv: readonly string[]): string => {
  const { status, stdout, stderr } = spawnSync(program, argv, { encoding: "utf8" });
  return status === 0 ? "" : `${status}: ${stdout}${stderr}`;
};

describe("shellcheck", () => {
  const program = installed("shellcheck");
  if (!program) {
    it.skip("has not read the scripts: it is not installed (apt-get install shellcheck)", () => undefined);
    return;
  }

  it.each(scripts)("finds nothing in %s", (script) => {
    expect(check(program, ["-x", path.join(ROOT, script)])).toBe("");
  });
});
