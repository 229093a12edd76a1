/** What a rollout leaves behind: what was done to each host, how long it took, and what the witness saw. */
import type { ErrorCode, ExitCode } from "./errors.js";

/** Probes that a gate took, against the least that the balancer's thresholds allow. */
export interface ProbeCount {
  /** Most probes that any one source sent until the gate opened. */
  readonly taken: number;
  readonly floor: number;
}

export interface HostReceipt {
  readonly name: string;
  readonly id: string;
  /** kept: already on the release · deployed: did not serve before · replaced · retired: superseded and stopped · skipped · restored: put back after its own failure · rolled-back: put back after that of another one · untouched */
  readonly action: "kept" | "deployed" | "replaced" | "retired" | "skipped" | "restored" | "rolled-back" | "untouched";
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
