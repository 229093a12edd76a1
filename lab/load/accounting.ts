/**
 * What became of a request: lost, or not measured because it was never sent. Only the first says something about the fleet; the second
 * says that this machine was too busy. Pure.
 */
import { many } from "../../scripts/rollout/output/text.js";

/**
 * A request that was sent, or refused, and not answered well. status: another one than asked for · reset: the connection broke ·
 * timeout: no whole answer in time after it was sent · refused: nobody listens, which is an answer · error: anything else.
 */
export type FailureKind = "status" | "reset" | "timeout" | "refused" | "error";

/**
 * Why a request that was due was not sent. late: the generator came to it too late · crowded: too many were under way · unconnected: no
 * connection stood in time, or this machine had no socket left.
 */
export type UnsentReason = "late" | "crowded" | "unconnected";

export interface SendingLimits {
  /** Requests that may be under way at once. */
  readonly mostUnderWay: number;
  /** Milliseconds after its due moment at which a request is still sent. Later ones would make a burst that no client sends. */
  readonly mostLateMs: number;
}

/** Why a request that is due is not sent; null: it is sent. */
export function whyHeldBack(
  { lateMs, underWay }: { readonly lateMs: number; readonly underWay: number },
  { mostLateMs, mostUnderWay }: SendingLimits,
): UnsentReason | null {
  if (lateMs > mostLateMs) return "late";
  return underWay >= mostUnderWay ? "crowded" : null;
}

/**
 * Least share of the due requests that has to be sent. With less, too many moments were not looked at to say that nothing was lost.
 * 0 to 1.
 */
const LEAST_MEASURED = 0.9;

/** Whether enough was sent to say something about what was lost. Losses that were seen hold in any case. */
export const isMeasured = ({ sent, notMeasured }: { readonly sent: number; readonly notMeasured: number }): boolean =>
  sent > 0 && sent >= LEAST_MEASURED * (sent + notMeasured);

/** What a run says that had to send its whole load, and did not. */
export const notMeasuredText = (count: number): string =>
  `not measured: ${many(count, "request")} ${count === 1 ? "was" : "were"} due and not sent, as this machine was too busy; measure again on a quieter one`;

export type BrokenOff = { readonly lost: FailureKind } | { readonly notSent: UnsentReason };

/** The machine of the generator gave no socket: the other side never heard of the request. */
const NO_SOCKET_LEFT = new Set(["EMFILE", "ENFILE", "EADDRNOTAVAIL", "ENOBUFS", "ENOMEM"]);

/** @param code of the error, such as ECONNRESET @param connected whether the connection stood before */
export function brokenOff(code: string, connected: boolean): BrokenOff {
  if (!connected && NO_SOCKET_LEFT.has(code)) return { notSent: "unconnected" };
  if (code === "ECONNREFUSED") return { lost: "refused" };
  return { lost: code === "ECONNRESET" || code === "EPIPE" ? "reset" : "error" };
}
