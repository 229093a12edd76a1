import { spawnSync } from "node:child_process";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { examine } from "../../../scripts/rollout/commands/examine.js";
import * as commands from "../../../scripts/rollout/commands/host.js";
import * as look from "../../../scripts/rollout/commands/look.js";
import { engine, placeOf, stages } from "../../../scripts/rollout/commands/steward.js";
import { hostSteps, type Standing } from "../../../scripts/rollout/host-steps.js";
import { testImage, testManifest, testRelease } from "../../support/fleet.js";
import { installed } from "./steward-host.js";

const LIMIT_MS = 60_000;

function stagesOf(
  strategy: string,
  standing: Standing,
  command: string[] = [],
  goesBack = false,
  isWarm = false,
): string {
  const manifest = testManifest({ service: { command }, rollout: { strategy } });
  const [host] = manifest.hosts;
  if (!host) throw new Error("the manifest lists no host");
  const release = testRelease(manifest, 1);
  return stages(
    placeOf(manifest, host),
    hostSteps({
      release,
      policy: manifest.rollout,
      check: manifest.healthCheck,
      standing,
      goesBack,
      isWarm,
      letsGo: true,
    }),
  );
}

const manifest = testManifest();
const place = placeOf(manifest, manifest.hosts[0] as never);
const [one, two] = [testRelease(manifest, 1), testRelease(manifest, 2)];
const hostile = ["sh", "-c", `echo "$HOME" 'x' \`id\` $(id); }\n{`, "", "\r", "\u2028"];

/** Where parts are printed, the frame is set before. */
const inFrame = (script: string): string => `frame=0\n${script}`;

/** Every script that reaches a host. */
const scripts: [string, string][] = [
  ["the steward", engine("api")],
  ["a replacement", stagesOf("drain", "in-rotation", hostile)],
  ["a handover", stagesOf("handoff", "in-rotation", hostile)],
  ["a replacement of what is down", stagesOf("drain", "down")],
  ["a replacement of a host that is alone", stagesOf("drain", "alone")],
  ["going back", stagesOf("drain", "in-rotation", [], true)],
  ["going back to a container that still runs", stagesOf("handoff", "in-rotation", [], true, true)],
  ["a first deployment", stagesOf("drain", "empty")],
  ["a survey", inFrame(look.survey(place))],
  ["a survey of a host whose service port the balancer asks", inFrame(look.survey({ ...place, checks: [] }))],
  ["an observation", inFrame(look.observe(place, "run1", 1))],
  [
    "starting the steward",
    commands.startSteward("api", { runId: "run1", owner: "me@here", leaseSeconds: 120 }, "exit").script,
  ],
  ["writing an order", commands.writeOrder("api", "run1", 1, "drain").script],
  ["ending the run of a steward that is gone", commands.recover("api")],
  ["a change under the lock", commands.whileLocked("api", "run1", commands.prune("api", [one], []))],
  ["a pull", commands.pull(testImage(1))],
  ["a look of the guard", inFrame(look.answers("api", "10.110.0.2", [{ path: "/health", port: 80 }]))],
  ["an examination", inFrame(examine)],
  ["logs", commands.logs("api", "failed", 20)],
  ["pruning", commands.prune("api", [one, two], [])],
];

it.each(scripts)("curl shows what the address itself answers in %s", (_name, script) => {
  // Neither the user's ~/.curlrc (-q) nor a proxy of the environment may stand between, and a path is taken as it is (-g).
  const asked = script.match(/\bcurl (?=-|http)[^\n]{0,40}/g) ?? [];
  expect(asked.filter((words) => !words.startsWith("curl -q -g --path-as-is --noproxy '*' -sS "))).toEqual([]);
});

const check = (program: string, argv: string[], script: string): string => {
  const { status, stdout, stderr } = spawnSync(program, argv, { input: script, encoding: "utf8" });
  return status === 0 ? "" : `${status}: ${stdout}${stderr}`;
};

describe.each(["dash", "bash"])("%s", (shell) => {
  const program = installed(shell);
  if (!program) {
    it.skip(`does not read the scripts: ${shell} is not installed`, () => undefined);
    return;
  }

  it.each(scripts)("can read %s", (_name, script) => expect(check(program, ["-n"], script)).toBe(""));

  it(
    "can read the steps of any command, and finds the same functions in them",
    () =>
      fc.assert(
        fc.property(fc.array(fc.string({ unit: "binary" }).map((text) => text.replaceAll("\0", ""))), (command) => {
          const names = `${stagesOf("drain", "in-rotation", command)}\ntype stage_drain stage_replace run_drain undo_drain >/dev/null`;
          expect(check(program, [], names)).toBe("");
        }),
        { numRuns: 50 },
      ),
    LIMIT_MS,
  );
});

describe("shellcheck", () => {
  const program = installed("shellcheck");
  if (!program) {
    it.skip("has not read the scripts: it is not installed (apt-get install shellcheck)", () => undefined);
    return;
  }

  it.each(scripts)(
    "finds nothing in %s",
    (_name, script) => expect(check(program, ["-s", "sh", "-"], script)).toBe(""),
    LIMIT_MS,
  );
});
