import { expect, it } from "@jest/globals";
import { changingSteps, Phases } from "../../../lab/faults/phase.js";
import type { RolloutEvent } from "../../../scripts/rollout/core/events.js";
import { hostSteps } from "../../../scripts/rollout/host-steps.js";
import { testManifest, testRelease } from "../../support/fleet.js";

const status = (host: string, name: string): RolloutEvent =>
  ({ name: "hostStatus", host, data: { status: name, detail: "" } }) as unknown as RolloutEvent;
const phasesOf = (events: readonly RolloutEvent[], hosts = 2): (string | null)[] => {
  const phases = new Phases(hosts);
  return events.map((event) => {
    const begun = phases.begun(event);
    return begun && `${begun.phase} ${begun.host ?? "all"}`;
  });
};

it("follows the first host that leaves, whichever it is, and names the last replacement", () => {
  const events = ["draining", "ejected", "starting", "ready", "serving"].flatMap((name) => status("api-2", name));
  expect(
    phasesOf([
      { name: "locked", host: null, data: { hosts: 2 } } as unknown as RolloutEvent,
      status("api-1", "serving"),
      { name: "step", host: "api-1", data: { step: "new-run" } } as unknown as RolloutEvent,
      ...events,
      status("api-1", "draining"),
      status("api-1", "starting"),
    ]),
  ).toEqual([
    "locked all",
    null,
    null,
    "draining api-2",
    "ejected api-2",
    "starting api-2",
    "ready api-2",
    "done api-2",
    null,
    "last api-1",
  ]);
});

it("follows the host of a fleet of one, which does not leave", () =>
  expect(
    phasesOf(
      ["starting", "ready", "serving"].map((name) => status("api-1", name)),
      1,
    ),
  ).toEqual(["starting api-1", "ready api-1", "done api-1"]));

/** They look, or clear away what an earlier rollout has left, which there is none. */
const CHANGES_NOTHING = [
  ...["old-dismiss", "failed-dismiss", "failed-clear", "older-clear", "previous-older", "older-remove"],
  ...["expect-space", "expect-address", "expect-drained", "name-free"],
];

it.each(["drain", "handoff"] as const)(
  "knows every step that changes a host which gets its second release (%s)",
  (strategy) => {
    const manifest = testManifest({ rollout: { strategy } });
    const { stages } = hostSteps({
      ...{
        release: testRelease(manifest, 2),
        policy: manifest.rollout,
        check: manifest.healthCheck,
        standing: "in-rotation",
      },
      ...{ goesBack: false, isWarm: false, letsGo: false },
    });
    const names = [...stages.drain, ...stages.replace, ...stages.commit].map(({ name }) => name);
    expect(names.filter((name) => !CHANGES_NOTHING.includes(name)).sort()).toEqual([...changingSteps[strategy]].sort());
  },
);
