/** Watches what a controller's process and its ssh processes use, from /proc. */
import { countOpenFiles, processesIn, readCpuTime, readMemoryMb, type CpuTime } from "./proc.js";

/** Time between two looks at the controller, and between two at its ssh processes, which cost more. */
const LOOK_MS = 200;
const SSH_LOOK_MS = 1000;

export interface Usage {
  /** Seconds of processor time as of the last look. */
  readonly controller: CpuTime;
  /** Seconds of processor time of the shared connections: nobody waits for them, so no parent counts them. */
  readonly connectionsCpu: number;
  readonly controllerMb: number;
  readonly connectionsMb: number;
  readonly openFiles: number;
  readonly sshProcesses: number;
}

export class UsageWatch {
  readonly #timers: readonly NodeJS.Timeout[];
  readonly #connectionsCpu = new Map<number, number>();
  #usage: Usage = {
    controller: { own: 0, children: 0 },
    ...{ connectionsCpu: 0, controllerMb: 0, connectionsMb: 0, openFiles: 0, sshProcesses: 0 },
  };

  /** @param folder where the controller works, and nobody but its ssh processes */
  constructor(
    private readonly pid: number,
    private readonly folder: string,
  ) {
    this.#timers = [
      setInterval(() => this.#lookAtController(), LOOK_MS),
      setInterval(() => this.#lookAtSsh(), SSH_LOOK_MS),
    ];
  }

  stop(): Usage {
    for (const timer of this.#timers) clearInterval(timer);
    return this.#usage;
  }

  #lookAtController(): void {
    const { controller, controllerMb, openFiles } = this.#usage;
    this.#usage = {
      ...this.#usage,
      controller: readCpuTime(this.pid) ?? controller,
      controllerMb: readMemoryMb(this.pid, "VmHWM") ?? controllerMb,
      openFiles: Math.max(openFiles, countOpenFiles(this.pid) ?? 0),
    };
  }

  #lookAtSsh(): void {
    const ssh = processesIn(this.folder).filter(({ pid }) => pid !== this.pid);
    // OpenSSH renames the process that holds a shared connection to this.
    const connections = ssh.filter(({ command }) => command.endsWith("[mux]"));
    let memoryMb = 0;
    for (const { pid } of connections) {
      memoryMb += readMemoryMb(pid, "RssAnon") ?? 0;
      this.#connectionsCpu.set(pid, readCpuTime(pid)?.own ?? this.#connectionsCpu.get(pid) ?? 0);
    }
    this.#usage = {
      ...this.#usage,
      connectionsCpu: [...this.#connectionsCpu.values()].reduce((sum, seconds) => sum + seconds, 0),
      connectionsMb: Math.max(this.#usage.connectionsMb, memoryMb),
      sshProcesses: Math.max(this.#usage.sshProcesses, ssh.length),
    };
  }
}
