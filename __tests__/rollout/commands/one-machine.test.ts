/** Several hosts on one machine: what reaches it from one does not touch the container, the ports or the files of another. */
import { describe, expect, it } from "@jest/globals";
import { manifest as manifestSchema, type Manifest } from "../../../contract/manifest.js";
import * as commands from "../../../scripts/rollout/commands/host.js";
import * as look from "../../../scripts/rollout/commands/look.js";
import { countConnections, engine, placeOf, stages, type Place } from "../../../scripts/rollout/commands/steward.js";
import { hostSteps } from "../../../scripts/rollout/host-steps.js";
import { testManifest, testRelease } from "../../support/fleet.js";

const plain = testManifest({ service: { port: 8000 } });
const [first, second] = plain.hosts;
if (!first || !second) throw new Error("the manifest lists two hosts");
const own = { container: "api-b", port: 8002, checkPort: 8004 };
const shared = manifestSchema.parse({
  ...plain,
  hosts: [
    { ...first, container: "api-a", port: 8001, checkPort: 8003 },
    { ...second, ...own, address: first.address, privateAddress: first.privateAddress },
  ],
});
const release = testRelease(shared, 2);

/** Every script that reaches the machine for one host. */
function scriptsFor(place: Place, { rollout: policy, healthCheck: check }: Manifest): string {
  const plan = hostSteps({
    release,
    policy,
    check,
    standing: "in-rotation",
    goesBack: false,
    isWarm: false,
    letsGo: false,
  });
  return [
    engine(place.fleet),
    stages(place, plan),
    look.survey(place),
    look.observe(place, "run1", 1),
    commands.startSteward(place.fleet, { runId: "run1", owner: "me@here", leaseSeconds: 120 }, "").script,
    commands.writeOrder(place.fleet, "run1", 1, "drain").script,
    commands.logs(place.fleet, "current", 20),
    commands.prune(place.fleet, [release], []),
  ].join("\n");
}

describe("two hosts on one machine", () => {
  const [a, b] = shared.hosts.map((host) => placeOf(shared, host));
  if (!a || !b) throw new Error("the manifest lists two hosts");

  it.each<[string, Place, string[]]>([
    ["the first", a, ["api-b", "8002", "8004"]],
    ["the second", b, ["api-a", "8001", "8003"]],
  ])("%s names nothing of the other", (_name, place, others) => {
    const words = new Set(scriptsFor(place, shared).split(/[^A-Za-z0-9-]+/));
    for (const other of others) {
      expect(words).not.toContain(other);
      expect(words).not.toContain(`${other}-previous`);
    }
    expect(words).toContain(place.fleet);
  });

  const usual =
    "--log-driver json-file --log-opt max-size=10m --log-opt max-file=3 --pids-limit 1024 --cap-drop ALL --security-opt no-new-privileges --read-only --tmpfs /tmp:size=64m";

  it("lead ports of theirs to the app's own port, publish none that is known, and are drained and asked about by their own front", () => {
    const lines = scriptsFor(b, shared).split("\n");
    expect(lines.filter((line) => line.startsWith("place "))).toEqual([
      `place api-b --name api-b --label evenkeel.fleet=api-b --label evenkeel.release=${release.id} --restart no --init --stop-timeout 10 -p 127.0.0.1::8000 --env-file releases/${release.id}.env ${usual} ${release.image}`,
    ]);
    const leads = new Set(
      lines.flatMap(
        (line) =>
          /^ *(?:if )?((?:lead|lead_back|front|drain|raise) [a-z]+[ -](?!").*?)(?:; then)?$/.exec(line)?.[1] ?? [],
      ),
    );
    expect([...leads].sort()).toEqual([
      "drain api-b",
      "front clear api-b",
      `front fits api-b ${first.privateAddress} 8002 8004 2>&1 >/dev/null || :`,
      "front keep api-b",
      'front traffic api-b 3000 "${process:-0}" "${port:-8000}" 2>/dev/null && echo whole',
      `lead api-b 8000 api-b ${first.privateAddress} 8002 8004`,
      `lead_back api-b "\${port:-8000}" api-b ${first.privateAddress} 8002 8004`,
      "raise api-b",
    ]);
  });

  it("count the connections on the port that the app has in its container", () => {
    for (const place of [a, b]) expect(countConnections(place)).toContain("port:-8000}");
  });
});

it("a host without container and ports of its own has the fleet's", () => {
  const declared = testManifest({ service: { port: 8000 } });
  expect(declared.hosts.map((host) => placeOf(declared, host))).toEqual(
    declared.hosts.map(({ privateAddress }) => ({
      fleet: "api",
      containerPort: 8000,
      servicePort: 8000,
      services: [8000],
      checks: [8086],
      healthPath: "/health",
      privateAddress,
      responseTimeoutMs: 3000,
    })),
  );
});
