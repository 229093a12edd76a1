import { expect, it } from "@jest/globals";
import { Phases } from "../../../lab/faults/phase.js";
import type { RolloutEvent } from "../../../scripts/rollout/core/events.js";

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
