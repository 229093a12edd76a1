/** What a simulated host prints, in the form that the rollout's own commands print it. */
import { containerName, type Slot } from "../../contract/host.js";
import type { ContainerState } from "../../scripts/rollout/ports.js";
import type { SimMachine } from "../sim/machine.js";
import type { SimSteward } from "../sim/steward.js";

const SLOTS: readonly Slot[] = ["current", "previous", "smoke", "failed"];

/** Answer to commands/look.ts `survey`. The droplet is a small one. */
export function surveyText(machine: SimMachine, fleet: string): string {
  return sections({
    boot: "status: done",
    architecture: "x86_64",
    docker: "20.10.24",
    disk: "10000",
    memory: "1000",
    containers: SLOTS.map((slot) => containerText(containerName(fleet, slot), machine.state(slot))).join(""),
    lifecycle: lifecycleText(machine),
    health: String(machine.serving?.health ?? "000"),
    releases: [...machine.releases.values()].map((release) => JSON.stringify(release)).join("\n"),
    retired: machine.retired ? "yes" : "",
    run: "",
  });
}

/** Answer to commands/look.ts `observe`, for a gate by evidence. */
export function observationText(machine: SimMachine, steward: SimSteward): string {
  return sections({
    journal: steward.journal.map(({ sequence, state, detail }) => `${sequence}\t${state}\t${detail}\n`).join(""),
    end: steward.alive ? "alive" : "gone",
    lifecycle: lifecycleText(machine),
    health: "",
    connections: "",
  });
}

/** Answer to commands/host.ts `pull`. */
export const pulledText = (image: string): string => `["${image}"]|amd64\n`;

const sections = (parts: Readonly<Record<string, string>>): string =>
  Object.entries(parts)
    .map(([name, text]) => `\n@@${name}\n${text}`)
    .join("");

/** The fields of commands/docker.ts `CONTAINER_FORMAT`; without a container Docker prints nothing. */
function containerText(name: string, state: ContainerState | undefined): string {
  if (!state) return "";
  const { id, image, release, running, restarting, restartCount, exitCode, created } = state;
  const status = created ? "created" : running ? "running" : "exited";
  return `${[`/${name}`, id, image, release, running, restarting, restartCount, exitCode, status].join("|")}\n`;
}

/** While nothing answers, curl prints nothing. */
function lifecycleText(machine: SimMachine): string {
  const lifecycle = machine.serving?.lifecycle();
  return lifecycle ? JSON.stringify(lifecycle) : "";
}
