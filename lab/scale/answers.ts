/** What a simulated host prints, in the form that the rollout's own commands print it. */
import { containerName, type Slot } from "../../contract/host.js";
import type { ContainerState } from "../../scripts/rollout/ports.js";
import type { SimMachine } from "../sim/machine.js";
import type { SimSteward } from "../sim/steward.js";

/** As Docker shows a moment that has not come. */
const NEVER = "0001-01-01T00:00:00Z";
const SLOTS: readonly Slot[] = ["current", "previous", "smoke", "failed"];

/** Answer to commands/look.ts `survey`. The droplet is a small one. */
export function surveyParts(machine: SimMachine, fleet: string): Record<string, string> {
  return {
    boot: "status: done",
    tools: "",
    architecture: "x86_64",
    docker: "20.10.24",
    path: "",
    clock: "",
    disk: "10000",
    memory: "1000",
    containers: SLOTS.map((slot) => containerText(containerName(fleet, slot), machine.state(slot))).join(""),
    lifecycle: lifecycleText(machine),
    health: String(machine.serving?.health ?? "000"),
    connections: "",
    control: "",
    next: "",
    releases: [...machine.releases.values()].map((release) => JSON.stringify(release)).join("\n"),
    history: machine.history ?? "",
    retired: machine.retired ? "yes" : "",
    run: "",
  };
}

/** Answer to commands/look.ts `observe`, for a gate by evidence. */
export function observationParts(machine: SimMachine, steward: SimSteward): Record<string, string> {
  return {
    journal: steward.journal.map(({ sequence, state, detail }) => `${sequence}\t${state}\t${detail}\n`).join(""),
    end: steward.alive ? "alive" : "gone",
    lifecycle: lifecycleText(machine),
    health: "",
    connections: "",
  };
}

/** Answer to commands/host.ts `pull`. */
export const pulledText = (image: string): string => `${JSON.stringify([[image], "amd64"])}\n`;

/** The fields of commands/docker.ts `CONTAINER_FORMAT`; without a container Docker prints nothing. */
function containerText(name: string, state: ContainerState | undefined): string {
  if (!state) return "";
  const { id, image, release, running, restarting, restartCount, exitCode, created } = state;
  const status = created ? "created" : running ? "running" : "exited";
  return `${JSON.stringify([`/${name}`, id, image, release, running, restarting, restartCount, exitCode, status, NEVER])}\n`;
}

/** While nothing answers, curl prints nothing. */
function lifecycleText(machine: SimMachine): string {
  const lifecycle = machine.serving?.lifecycle();
  return lifecycle ? JSON.stringify(lifecycle) : "";
}
