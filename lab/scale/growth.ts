/** How what the controller uses grows with the fleet. Pure. */
import { totalCpu, type ScaleFigures, type ScaleRun } from "./figures.js";

/** From one size of fleet to the next: how many times as much. As many times as the hosts is linear. */
export interface Growth {
  readonly from: number;
  readonly to: number;
  readonly hosts: number;
  readonly cpu: number;
  /** Of the controller and of its shared connections together. */
  readonly memory: number;
}

/** Between neighbouring sizes, by the median of the rollouts that ended on their target; sizes without one are left out. */
export function growthOf({ runs }: ScaleFigures): Growth[] {
  const done = runs.filter((run) => run.error === null);
  const sizes = [...new Set(done.map((run) => run.hosts))].sort((a, b) => a - b);
  const typical = (hosts: number, value: (run: ScaleRun) => number): number =>
    median(done.filter((run) => run.hosts === hosts).map(value));
  return sizes.slice(1).map((to, index) => {
    const from = sizes[index] ?? to;
    const times = (value: (run: ScaleRun) => number): number => typical(to, value) / typical(from, value);
    return { from, to, hosts: to / from, cpu: times(totalCpu), memory: times(memoryMb) };
  });
}

/** A Markdown list, one line for each step. */
export const growthText = (figures: ScaleFigures): string =>
  growthOf(figures)
    .map(
      ({ from, to, hosts, cpu, memory }) =>
        `- ${from} to ${to} hosts, ${hosts.toFixed(1)} times as many: ${cpu.toFixed(1)} times the CPU, ${memory.toFixed(1)} times the memory\n`,
    )
    .join("");

const memoryMb = (run: ScaleRun): number => run.controllerMb + run.connectionsMb;

/** The lower of the two in the middle of an even number. */
function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
}
