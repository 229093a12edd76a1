/** What a simulated host prints, in the form that the rollout's own commands print it. */
import { containerName, type Slot } from "../../contract/host.js";
import type { Place } from "../../scripts/rollout/commands/steward.js";
import type { ContainerState } from "../../scripts/rollout/ports.js";
import type { SimMachine } from "../sim/machine.js";
import type { SimSteward } from "../sim/steward.js";

/** As Docker shows a moment that has not come. */
const NEVER = "0001-01-01T00:00:00Z";
const SLOTS: readonly Slot[] = ["current", "previous", "failed"];

/** Answer to commands/look.ts `survey`. The droplet is a small one. */
export function surveyParts(machine: SimMachine, place: Place): Record<string, string> {
  return {
    boot: "status: done",
    tools: "",
    architecture: "x86_64",
    docker: "answers",
    path: "",
    clock: "",
    disk: "10000",
    memory: "1000",
    used: "",
    containers: SLOTS.map((slot) => containerText(containerName(place.fleet, slot), machine.state(slot))).join(""),
    front: frontText(machine, place),
    fits: "",
    traffic: trafficText(machine),
    health: String(machine.serving?.health ?? "000"),
    connections: "",
    // Nobody but the front has ports there.
    ports: "",
    releases: [...machine.releases.values()].map((release) => JSON.stringify(release)).join("\n"),
    history: machine.history ?? "",
    retired: machine.retired ? "yes" : "",
    run: "",
  };
}

/** Answer to commands/look.ts `observe`. */
export const observationParts = (machine: SimMachine, steward: SimSteward): Record<string, string> => ({
  ...followedParts(steward),
  traffic: trafficText(machine),
  health: String(machine.serving?.health ?? "000"),
});

/** Answer to commands/look.ts `follow`. */
export const followedParts = (steward: SimSteward): Record<string, string> => ({
  journal: steward.journal.map(({ sequence, state, detail }) => `${sequence}\t${state}\t${detail}\n`).join(""),
  end: steward.alive ? "alive" : "gone",
});

/** Answer to commands/host.ts `pull`. */
export const pulledText = (image: string): string => `${JSON.stringify([[image], "amd64"])}\n`;

/** The fields of commands/docker.ts `CONTAINER_FORMAT`; without a container Docker prints nothing. */
function containerText(name: string, state: ContainerState | undefined): string {
  if (!state) return "";
  const { id, image, release, running, restarting, restartCount, exitCode, created } = state;
  const status = created ? "created" : running ? "running" : "exited";
  return `${JSON.stringify([`/${name}`, id, image, release, running, restarting, restartCount, exitCode, status, NEVER])}\n`;
}

/** What the helper's `show` prints. */
function frontText({ front }: SimMachine, { fleet, privateAddress, services, checks }: Place): string {
  if (!front) return "";
  const words = [
    fleet,
    privateAddress,
    services.join(","),
    checks.join(",") || "-",
    front.target,
    front.port,
    front.state,
  ];
  return `${words.join(" ")}\n`;
}

/** What commands/steward.ts `askTrafficOf` prints: the container, and the helper's `traffic`. */
function trafficText({ traffic, front }: SimMachine): string {
  if (!traffic || !front) return "";
  const { instance, open, probes, requests, lastRequestAgoMs } = traffic;
  const [id, process] = instance.split(":");
  const rows = [
    `container ${id} true ${process} ${front.target}`,
    `open ${open}`,
    `led ${front.target} ${front.port} ${front.state}`,
    ...probes.map(
      (run) => `probed ${run.port} ${run.node} ${run.outcome} ${run.count} ${run.oldestMs} ${run.newestMs}`,
    ),
    ...(lastRequestAgoMs === null ? [] : [`opened ${front.services[0]} ${requests} ${lastRequestAgoMs}`]),
    "whole",
  ];
  return `${rows.join("\n")}\n`;
}
