/** The figures of the controller's growth, and the table that is made from them. Pure. */
import type { Machine } from "../figures/machine.js";
import type { Kind } from "./asked.js";
import type { ScaleSettings } from "./settings.js";

/** One rollout over a fleet of so many hosts. Times in seconds, memory in MB of 2^20 bytes. */
export interface ScaleRun {
  readonly hosts: number;
  readonly exitCode: number;
  /** Why the rollout failed; null when it did not. */
  readonly error: string | null;
  /** From the start of the controller's process to its end. */
  readonly seconds: number;
  /** Until every host was locked. */
  readonly lockedSeconds: number;
  readonly cpu: {
    /** The controller's own process. */
    readonly controller: number;
    /** One ssh process for each command: started, connected to the shared connection, ended. */
    readonly clients: number;
    /** The ssh processes that hold the shared connections. */
    readonly connections: number;
  };
  /** Most memory that the controller had in use at any time. */
  readonly controllerMb: number;
  /** Memory of their own that all shared connections had in use together, at most. */
  readonly connectionsMb: number;
  /** Most files that the controller had open at once. */
  readonly openFiles: number;
  /** Most ssh processes at once, shared connections included. */
  readonly sshProcesses: number;
  readonly commands: Readonly<Record<Kind, number>>;
  /** SSH connections that hosts saw, all together and at most for one host; one a host is the least. */
  readonly connections: number;
  readonly connectionsToOneHost: number;
  /** Commands that found ten others on their connection and had to open one of their own. */
  readonly refusedSessions: number;
  readonly witnessRequests: number;
  /** Milliseconds that the simulated fleet was late, 99 of 100 times at most: the lab's own share in the times above. */
  readonly fleetLateMs: number;
}

export interface ScaleFigures {
  readonly machine: Machine;
  /** ISO 8601 in UTC. */
  readonly date: string;
  readonly commit: string;
  readonly settings: ScaleSettings;
  readonly runs: readonly ScaleRun[];
}

export const totalCpu = ({ cpu }: ScaleRun): number => cpu.controller + cpu.clients + cpu.connections;
export const totalCommands = ({ commands }: ScaleRun): number =>
  Object.values(commands).reduce((sum, count) => sum + count, 0);

interface Column {
  readonly title: string;
  readonly value: (run: ScaleRun) => number;
  readonly digits: number;
}

const columns: readonly Column[] = [
  { title: "rollout s", value: (run) => run.seconds, digits: 0 },
  { title: "locks s", value: (run) => run.lockedSeconds, digits: 1 },
  { title: "CPU s", value: totalCpu, digits: 1 },
  { title: "of it controller", value: (run) => run.cpu.controller, digits: 1 },
  { title: "ssh clients", value: (run) => run.cpu.clients, digits: 1 },
  { title: "ssh connections", value: (run) => run.cpu.connections, digits: 1 },
  { title: "CPU s a host", value: (run) => totalCpu(run) / run.hosts, digits: 2 },
  { title: "commands a host", value: (run) => totalCommands(run) / run.hosts, digits: 0 },
  { title: "witness requests a host", value: (run) => run.witnessRequests / run.hosts, digits: 0 },
  { title: "controller MB", value: (run) => run.controllerMb, digits: 0 },
  { title: "connections MB", value: (run) => run.connectionsMb, digits: 0 },
  { title: "ssh processes", value: (run) => run.sshProcesses, digits: 0 },
  { title: "open files", value: (run) => run.openFiles, digits: 0 },
];

/** A Markdown table, one line for each size of fleet: least and most of the runs, one number where they are the same. */
export function scaleTable({ runs }: ScaleFigures): string {
  const sizes = [...new Set(runs.map((run) => run.hosts))].sort((a, b) => a - b);
  const lines = sizes.map((hosts) => {
    const ofSize = runs.filter((run) => run.hosts === hosts);
    const done = ofSize.filter((run) => run.error === null);
    return [String(hosts), `${done.length} of ${ofSize.length}`, ...columns.map((column) => spread(column, ofSize))];
  });
  const head = ["hosts", "on target", ...columns.map(({ title }) => title)];
  return [head, head.map(() => "--:"), ...lines].map((cells) => `| ${cells.join(" | ")} |\n`).join("");
}

function spread({ value, digits }: Column, runs: readonly ScaleRun[]): string {
  const values = runs.map(value);
  const [least, most] = [Math.min(...values).toFixed(digits), Math.max(...values).toFixed(digits)];
  return least === most ? least : `${least} to ${most}`;
}
