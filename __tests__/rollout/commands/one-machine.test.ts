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
const own = { container: "api-b", port: 8002, controlPort: 9002, smokePort: 9082 };
const shared = manifestSchema.parse({
  ...plain,
  hosts: [
    { ...first, container: "api-a", port: 8001, controlPort: 9001, smokePort: 9084 },
    { ...second, ...own, address: first.address, privateAddress: first.privateAddress },
  ],
});
const release = testRelease(shared, 2);

/** Every script that reaches the machine for one host. */
function scriptsFor(place: Place, { rollout: policy, healthCheck: check }: Manifest): string {
  const plan = hostSteps({ release, policy, check, standing: "in-rotation", goesBack: false });
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
    ["the first", a, ["api-b", "8002", "9002", "9082", "9083"]],
    ["the second", b, ["api-a", "8001", "9001", "9084", "9085"]],
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

  it("publish the app's own port on ports of theirs, and smoke boots too", () => {
    const runs = scriptsFor(b, shared)
      .split("\n")
      .filter((line) => line.startsWith("docker run "));
    expect(runs).toEqual([
      `docker run -d --name api-b-smoke --label evenkeel.fleet=api-b --label evenkeel.release=${release.id} --restart no --init --stop-timeout 10 -p 127.0.0.1:9082:8000 -p 127.0.0.1:9083:9000 --env-file releases/${release.id}.env ${usual} ${release.image}`,
      `docker run -d --name api-b --label evenkeel.fleet=api-b --label evenkeel.release=${release.id} --restart no --init --stop-timeout 10 -p ${first.privateAddress}:8002:8000 -p 127.0.0.1:9002:9000 --env-file releases/${release.id}.env ${usual} ${release.image}`,
    ]);
  });

  it("count the connections on the port that the app has in its container", () => {
    for (const place of [a, b]) expect(countConnections(place)).toContain("port:-8000}");
  });
});

it("a host without container and ports of its own has the fleet's", () => {
  const declared = testManifest({ service: { port: 8000, controlPort: 8001, smokePort: 8002 } });
  expect(declared.hosts.map((host) => placeOf(declared, host))).toEqual(
    declared.hosts.map(({ privateAddress }) => ({
      fleet: "api",
      containerPort: 8000,
      servicePort: 8000,
      nextPort: null,
      controlPort: 8001,
      smokePort: 8002,
      healthPath: "/health",
      privateAddress,
      gate: "evidence",
    })),
  );
});
