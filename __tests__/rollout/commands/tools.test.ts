import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { framed, LOGIN_COMMAND, newFrame, readAnswer } from "../../../scripts/rollout/commands/frame.js";
import { parseSurvey, survey } from "../../../scripts/rollout/commands/look.js";
import { placeOf } from "../../../scripts/rollout/commands/steward.js";
import { checks } from "../../../scripts/rollout/commands/tools.js";
import { testManifest } from "../../support/fleet.js";
import { installed } from "./steward-host.js";

const TOOLS =
  "head tail awk tr sed ln readlink mv cat nohup curl mkdir rm ps sh cut wc grep date sleep ls df uname".split(" ");
const manifest = testManifest();
/** Nobody listens on port 1. */
const place = {
  ...placeOf(manifest, manifest.hosts[0] as never),
  privateAddress: "127.0.0.1",
  services: [1],
  checks: [],
  servicePort: 1,
};
const FRONT = "/usr/local/sbin/evenkeel-front";

describe("what a host lacks", () => {
  let home: string;
  const replace = (tool: string, body: string): void => {
    rmSync(path.join(home, "bin", tool), { force: true });
    writeFileSync(path.join(home, "bin", tool), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  };
  beforeEach(() => {
    home = mkdtempSync(path.join(tmpdir(), "evenkeel-tools-"));
    mkdirSync(path.join(home, "bin"));
    for (const tool of TOOLS) symlinkSync(installed(tool) ?? "/nowhere", path.join(home, "bin", tool));
    replace(
      "sudo",
      `[ "$1 $2" = '-n ${FRONT}' ] && case $3 in network | show) ;; traffic) echo "evenkeel-front: there is no such front: $4" >&2 && exit 64 ;; *) exit 64 ;; esac`,
    );
  });
  afterEach(() => rmSync(home, { recursive: true }));

  /** As the controller reads it from the whole look: what carries the report must not need what is reported. */
  const look = (script = survey(place)): { readonly missing: readonly string[]; readonly stderr: string } => {
    const env = { PATH: path.join(home, "bin"), HOME: home };
    const frame = newFrame();
    const { stdout, stderr } = spawnSync("/bin/sh", ["-c", LOGIN_COMMAND], { env, input: framed(script, frame) });
    expect(readdirSync(path.join(home, ".evenkeel", manifest.fleet))).toEqual([]);
    const answer = readAnswer(stdout, frame, "api-1");
    if (!answer) throw new Error("the look has no end");
    return { missing: parseSurvey(answer.parts, manifest.fleet).missing, stderr: stderr.toString() };
  };
  const missing = (script?: string): readonly string[] => look(script).missing;

  it("is nothing where the tools do what is needed", () => expect(look()).toEqual({ missing: [], stderr: "" }));

  it("is one line for each tool that has the name and does something else", () => {
    replace("head", 'echo "head: unknown option -- c" >&2; exit 1');
    replace("curl", "echo 'curl: option -q: is unknown' >&2; exit 2");
    expect(missing()).toEqual([
      "needs a head that knows -c (coreutils or busybox)",
      "needs curl that knows -q, -g, --path-as-is, --noproxy and -w",
    ]);
  });

  const without = (option: string): string => `case $1 in ${option}) exit 1 ;; esac\nexec "$REAL" "$@"`;
  const shown = ({ needs }: { readonly needs: string }): string => needs;
  /** A tool by which a host is unfit, for each check. */
  const unfit: readonly { readonly tool: string; readonly does: string; readonly needs: string }[] = [
    { tool: "head", does: without("-c"), needs: "a head that knows -c (coreutils or busybox)" },
    { tool: "tail", does: without("-n"), needs: "a tail that knows -n" },
    { tool: "tail", does: without("-c"), needs: "a tail that knows -c" },
    { tool: "awk", does: "cat", needs: "awk (mawk, gawk or busybox)" },
    { tool: "tr", does: "cat", needs: "tr" },
    { tool: "sed", does: "cat", needs: "sed" },
    { tool: "cut", does: "cat", needs: "a cut that knows -d and -f" },
    { tool: "wc", does: without("-c"), needs: "a wc that knows -l and -c" },
    { tool: "grep", does: "cat >/dev/null", needs: "a grep that knows -q" },
    { tool: "date", does: "echo %s", needs: "a date that knows +%s" },
    {
      tool: "sleep",
      does: without("*.*"),
      needs: "a sleep that takes parts of a second (coreutils or busybox)",
    },
    { tool: "ls", does: without("*t*"), needs: "an ls that knows -1 and -t" },
    { tool: "df", does: 'shift\nexec "$REAL" -h "$@"', needs: "a df that knows -P and -k" },
    {
      tool: "ln",
      does: 'shift; rm -f "$2"; exec "$REAL" -s "$@"',
      needs: "symbolic links in the home folder, made once only, and readlink",
    },
    { tool: "mv", does: "exit 0", needs: "mv that takes a file's place" },
    // As where /proc hides what a process was started with.
    { tool: "tr", does: without("'\\000'"), needs: "/proc, or a ps that knows -o and -p (procps)" },
    { tool: "nohup", does: "exit 0", needs: "nohup" },
    {
      tool: "sudo",
      does: "echo 'sudo: a password is required' >&2; exit 1",
      needs: `the front's helper of this version ("sudo -n ${FRONT} network" fails, or it does not know "traffic" with a process); root puts it in place once (docs/any-balancer.md), and a droplet that has none is replaced`,
    },
    { tool: "curl", does: without("-q"), needs: "curl that knows -q, -g, --path-as-is, --noproxy and -w" },
  ];

  it("is tried for every check", () => expect(unfit.map(shown)).toEqual(checks.map(shown)));

  it.each([
    ["tells how it is used", "evenkeel-front: ...\\n  switch NAME ADDRESS SERVICES"],
    ["takes no process", "evenkeel-front: not 1 to 300000 milliseconds: 1 0 1"],
  ])("is a front of this version, where another one %s", (_what, says) => {
    replace("sudo", `case $3 in network | show) ;; *) printf "${says}\\n" >&2; exit 64 ;; esac`);
    expect(missing()).toEqual([expect.stringMatching(/^needs the front's helper of this version /)]);
  });

  it.each(unfit)("is told, and nothing else, where $tool is unfit: $needs", ({ tool, does, needs }) => {
    replace(tool, does.replace("$REAL", installed(tool) ?? ""));
    expect(missing()).toEqual([`needs ${needs}`]);
  });

  describe("where there is no /proc", () => {
    const withoutProc = survey(place).replaceAll("/proc/", "/nowhere/");

    it("is nothing with a ps that shows one process", () => expect(missing(withoutProc)).toEqual([]));

    it.each([
      ["knows no -p", "exit 1"],
      [
        "shows every process whatever it is asked for, by which two rollouts would hold one lock",
        'exec "$REAL" -ww -A -o args=',
      ],
    ])("is a ps, where it %s", (_what, does) => {
      replace("ps", does.replace("$REAL", installed("ps") ?? ""));
      expect(missing(withoutProc)).toEqual(["needs /proc, or a ps that knows -o and -p (procps)"]);
    });
  });
});
