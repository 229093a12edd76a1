/** What a rollout leaves behind: what was done to each host, how long it took, and what the witness saw. */
import { exitCodes, refusalCode, type ErrorCode, type ExitCode } from "./errors.js";

/** Probes that a gate took, against the least that the balancer's thresholds allow. */
export interface ProbeCount {
  /** Most probes that any one source sent until the gate opened. */
  readonly taken: number;
  readonly floor: number;
}

export interface HostReceipt {
  readonly name: string;
  readonly id: string;
  /**
   * kept: already on the release · deployed: did not serve before · replaced · retired: superseded and stopped · skipped: superseded, could not
   * be asked, and lost the balancer's tag · restored: put back after its own failure, and seen to be as before · rolled-back: put onto the
   * release that served before, after the failure of another one, whatever it ran itself · untouched: nothing there was changed · unknown: it
   * was changed, or may have been, and nobody saw the end of it
   */
  readonly action:
    "kept" | "deployed" | "replaced" | "retired" | "skipped" | "restored" | "rolled-back" | "untouched" | "unknown";
  readonly seconds: number;
  /** Seconds that the formula in floor.ts gives for this host; null where no rotation is left or entered. */
  readonly floorSeconds: number | null;
  readonly drain: ProbeCount | null;
  readonly readmission: ProbeCount | null;
  /** Requests or connections cut because they outlived the drain timeout. */
  readonly cut: number;
  /** Seconds without a container that serves; only for a fleet of one, which cannot leave rotation. */
  readonly outageSeconds: number | null;
}

export interface Receipt {
  readonly runId: string;
  readonly fleet: string;
  readonly startedAt: string;
  readonly seconds: number;
  readonly release: { readonly id: string; readonly image: string } | null;
  readonly hosts: readonly HostReceipt[];
  /** `reachable` is null when the rollout ended before it asked. */
  readonly witness: { readonly sent: number; readonly failed: number; readonly reachable: boolean | null };
  readonly error: { readonly code: ErrorCode | "Bug"; readonly message: string } | null;
  readonly exitCode: ExitCode;
}

/**
 * The exit code of a failure. 3: no host was changed. 5: each changed host is as before, or on the release that served before. 6: one is not, or
 * nobody knows.
 * @param hosts with what became of them
 */
export function failureCode(failure: unknown, hosts: readonly Pick<HostReceipt, "action">[]): ExitCode {
  const refused = refusalCode(failure);
  if (refused !== exitCodes.preflightRefused) return refused;
  const among = (...actions: readonly HostReceipt["action"][]): boolean =>
    hosts.every(({ action }) => actions.includes(action));
  if (among("untouched", "kept")) return refused;
  return among("untouched", "kept", "restored", "rolled-back") ? exitCodes.failedRestored : exitCodes.failedMixed;
}
