import { describe, expect, test } from "@jest/globals";
import { asked, type Asked } from "../../../lab/scale/asked.js";
import { manifestOf, releaseNumber, standardSettings } from "../../../lab/scale/settings.js";
import * as commands from "../../../scripts/rollout/commands/host.js";
import * as look from "../../../scripts/rollout/commands/look.js";
import { engine, placeOf } from "../../../scripts/rollout/commands/steward.js";
import type { ManifestHost } from "../../../contract/manifest.js";
import { wrapped } from "./support.js";

const manifest = manifestOf(2, standardSettings);
const [place, other] = manifest.hosts.map((host: ManifestHost) => placeOf(manifest, host));
if (!place || !other) throw new Error("the fleet has two hosts");
const { fleet } = place;
const release = releaseNumber(1, manifest);
const releases = new Map([[release.id, release]]);
const request = { runId: "0a1b2c3d4e", owner: "me@here, since noon, to keep it", leaseSeconds: 120 };

const plain = (script: string): commands.Given => ({ script, input: "" });

const known: [Asked, commands.Given][] = [
  [{ kind: "survey", booted: false }, plain(look.survey(place))],
  [{ kind: "survey", booted: true }, plain(look.survey(place, true))],
  [{ kind: "steward", request }, commands.startSteward(fleet, request, engine(fleet))],
  [{ kind: "observe", runId: "0a1b2c3d4e", beat: 12 }, plain(look.observe(place, "0a1b2c3d4e", 12))],
  [{ kind: "file", path: "releases/a.env" }, commands.writeFile(fleet, "releases/a.env", "A=ä\n")],
  [{ kind: "file", path: "runs/0a/order.3" }, commands.writeOrder(fleet, "0a", 3, "drain ")],
  [{ kind: "pull", image: release.image }, plain(commands.pull(release.image))],
  [{ kind: "logs", slot: "failed", lines: 20 }, plain(commands.logs(fleet, "failed", 20))],
  [{ kind: "prune", keep: [release] }, plain(commands.prune(fleet, [release]))],
];

describe("a command of the rollout", () => {
  test.each(known)("is recognised: %j", (what, { script, input }) => {
    expect(asked(place, releases, { text: wrapped(script), input })).toEqual(what);
  });
});

describe("refused is", () => {
  const script = look.survey(place);
  const foreign: [string, string, string][] = [
    ["a command of another program", wrapped("uptime"), ""],
    ["one with something added", wrapped(`${script}\nrm -rf /`), ""],
    ["one with something missing", wrapped(script.slice(0, -1)), ""],
    ["one whose exit code is not asked for", script, ""],
    ["one for another host", wrapped(look.survey(other)), ""],
    ["one for another fleet", wrapped(look.observe({ ...place, fleet: "web" }, "0a", 1)), ""],
    ["one whose input came in part", wrapped(commands.writeFile(fleet, "releases/a.env", "A=b\n").script), "A=b"],
    ["one with an input that it does not read", wrapped(script), "more"],
    ["another steward", wrapped(commands.startSteward(fleet, request, "#!/bin/sh\n").script), "#!/bin/sh\n"],
    ["one that keeps a release which is not there", wrapped(commands.prune(fleet, [releaseNumber(2, manifest)])), ""],
    ["one about a container without a place in the fleet", wrapped("docker logs --tail 20 web 2>&1"), ""],
  ];
  test.each(foreign)("%s", (_, text, input) => {
    expect(() => asked(place, releases, { text, input })).toThrow(/does not know the command/);
  });
});
