/** What Linux tells of processes in /proc. A process that has ended is no error: it is not there. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** Ticks of /proc/<pid>/stat in a second: the same 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Seconds of processor time, user and system together. */
export interface CpuTime {
  /** Of the process itself. */
  readonly own: number;
  /** Of its children that have ended and were waited for, and of theirs. */
  readonly children: number;
}

/** @see https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html fields 14 to 17 */
export function parseCpuTime(stat: string): CpuTime {
  // The name before may hold blanks and parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [user, system, childUser, childSystem] = fields.slice(11, 15).map(Number) as [number, number, number, number];
  return { own: (user + system) / TICKS_PER_SECOND, children: (childUser + childSystem) / TICKS_PER_SECOND };
}

/** One value of /proc/<pid>/status in MB; null for a process that has ended and only waits for its parent to notice. */
export function parseMemoryMb(status: string, field: "VmHWM" | "RssAnon"): number | null {
  const [, kilobytes] = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status) ?? [];
  return kilobytes === undefined ? null : Number(kilobytes) / 1024;
}

export const readCpuTime = (pid: number | "self"): CpuTime | null => present(() => parseCpuTime(read(pid, "stat")));
export const readMemoryMb = (pid: number, field: "VmHWM" | "RssAnon"): number | null =>
  present(() => parseMemoryMb(read(pid, "status"), field));
export const countOpenFiles = (pid: number): number | null => present(() => readdirSync(`/proc/${pid}/fd`).length);

export interface Process {
  readonly pid: number;
  /** Arguments, a blank between two. */
  readonly command: string;
}

/** Processes that work in a folder. Those of other users, which do not tell, are none of them. */
export function processesIn(folder: string): Process[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.flatMap((name) => {
    const pid = Number(name);
    if (present(() => readlinkSync(`/proc/${pid}/cwd`)) !== folder) return [];
    const command = present(() => read(pid, "cmdline").replaceAll("\0", " ").trim());
    return command === null ? [] : [{ pid, command }];
  });
}

const read = (pid: number | "self", file: string): string => readFileSync(`/proc/${pid}/${file}`, "utf8");

/** Null when the process has ended, so that its files cannot be opened or read any more, or is another user's. */
function present<Value>(look: () => Value): Value | null {
  try {
    return look();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ESRCH" || code === "EACCES") return null;
    throw error;
  }
}
