import { describe, expect, test } from "@jest/globals";
import { asked, type Asked } from "../../../lab/scale/asked.js";
import { manifestOf, releaseNumber, standardSettings } from "../../../lab/scale/settings.js";
import * as commands from "../../../scripts/rollout/commands/host.js";
import * as look from "../../../scripts/rollout/commands/look.js";
import { engine, placeOf } from "../../../scripts/rollout/commands/steward.js";
import type { ManifestHost } from "../../../contract/manifest.js";
import { sent } from "./support.js";

const manifest = manifestOf(2, standardSettings);
const [place, other] = manifest.hosts.map((host: ManifestHost) => placeOf(manifest, host));
if (!place || !other) throw new Error("the fleet has two hosts");
const { fleet } = place;
const release = releaseNumber(1, manifest);
const releases = new Map([[release.id, release]]);
const request = { runId: "0a1b2c3d4e", owner: "me@here, since noon, to keep it", leaseSeconds: 120 };

const plain = (script: string): commands.Given => ({ script, input: "" });

const locked = (runId: string, { script, input }: commands.Given): commands.Given => ({
  script: commands.whileLocked(fleet, runId, script),
  input,
});

const known: [Asked, commands.Given][] = [
  [{ kind: "survey", booted: false }, plain(look.survey(place))],
  [{ kind: "survey", booted: true }, plain(look.survey(place, true))],
  [{ kind: "steward", request }, commands.startSteward(fleet, request, engine(fleet))],
  [{ kind: "observe", runId: "0a1b2c3d4e", beat: 12 }, plain(look.observe(place, "0a1b2c3d4e", 12))],
  [
    { kind: "file", runId: "0a", path: "releases/a.env" },
    locked("0a", commands.writeFile(fleet, "releases/a.env", "A=ä\n")),
  ],
  [{ kind: "file", runId: null, path: "runs/0a/order.3" }, commands.writeOrder(fleet, "0a", 3, "drain ")],
  [{ kind: "pull", runId: "0a", image: release.image }, locked("0a", plain(commands.pull(release.image)))],
  [{ kind: "logs", slot: "failed", lines: 20 }, plain(commands.logs(fleet, "failed", 20))],
  [
    { kind: "prune", runId: "0a", keep: [release], filesOnly: ["0123456789abcdef"] },
    locked("0a", plain(commands.prune(fleet, [release], ["0123456789abcdef"]))),
  ],
];

describe("a command of the rollout", () => {
  test.each(known)("is recognised: %j", (what, { script, input }) => {
    expect(asked(place, releases, sent(script, input))).toEqual(what);
  });
});

describe("refused is", () => {
  const script = look.survey(place);
  const foreign: [string, string, string][] = [
    ["a command of another program", "uptime", ""],
    ["one with something added", `${script}\nrm -rf /`, ""],
    ["one with something missing", script.slice(0, -1), ""],
    ["one for another host", look.survey(other), ""],
    ["one for another fleet", look.observe({ ...place, fleet: "web" }, "0a", 1), ""],
    ["one whose input came in part", locked("0a", commands.writeFile(fleet, "releases/a.env", "A=b\n")).script, "A=b"],
    ["one with an input that it does not read", script, "more"],
    ["a pull that asks for no lock", commands.pull(release.image), ""],
    ["another steward", commands.startSteward(fleet, request, "#!/bin/sh\n").script, "#!/bin/sh\n"],
    [
      "one that keeps a release which is not there",
      locked("0a", plain(commands.prune(fleet, [releaseNumber(2, manifest)], []))).script,
      "",
    ],
    ["one about a container without a place in the fleet", "docker logs --tail 20 web 2>&1", ""],
  ];
  test.each(foreign)("%s", (_, text, input) => {
    expect(() => asked(place, releases, sent(text, input))).toThrow(/does not know the command/);
  });

  test.each([
    ["one that the login shell is to run itself", { text: script, input: "" }],
    ["one whose exit code is not asked for", { ...sent(script), input: `${script.replaceAll("\n", "\\n")}\n` }],
  ])("%s", (_, command) => {
    expect(() => asked(place, releases, command)).toThrow(/does not know the command/);
  });
});
