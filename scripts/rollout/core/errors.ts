/** Every way a rollout can end that is not a bug, with its exit code. */

/** What the exit code says: whether the fleet is on its target, and if not, how it was left. */
export const exitCodes = {
  onTarget: 0,
  bug: 1,
  badInput: 2,
  preflightRefused: 3,
  locked: 4,
  failedRestored: 5,
  failedMixed: 6,
  preDeployFailed: 7,
  interrupted: 130,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Codes are stable; messages are not. */
export type ErrorCode =
  | "HostUnreachable"
  | "HostKeyChanged"
  | "HostKeyNotPinned"
  | "BastionKeyUnknown"
  | "HostTimeout"
  | "HostCommandFailed"
  | "HostUnreadable"
  | "HostNotBooted"
  | "HostUnfit"
  | "DownContradicted"
  | "HostRetired"
  | "CloudFailed"
  | "CloudRefused"
  | "BalancerDiffers"
  | "NoRelease"
  | "ReleasesDiffer"
  | "ReleaseAltered"
  | "NothingBefore"
  | "FleetChanged"
  | "UnlistedDroplets"
  | "NotAnsweredYet"
  | "DropletLimit"
  | "TagShared"
  | "TokenScope"
  | "PullFailed"
  | "DigestsDiffer"
  | "SecretsMissing"
  | "PreDeployFailed"
  | "LockHeld"
  | "NotInRotation"
  | "QuorumLost"
  | "ClientsFail"
  | "NotEjected"
  | "DrainTimeout"
  | "InstanceChanged"
  | "StepFailed"
  | "NotReadmitted"
  | "NotConverged"
  | "StewardLost"
  | "RolloutTimeout"
  | "Interrupted";

/** The exit code of a failure before anything was changed. */
export function refusalCode(failure: unknown): ExitCode {
  if (!(failure instanceof RolloutError)) return exitCodes.bug;
  if (failure.code === "Interrupted") return exitCodes.interrupted;
  if (failure.code === "PreDeployFailed") return exitCodes.preDeployFailed;
  return failure.code === "LockHeld" ? exitCodes.locked : exitCodes.preflightRefused;
}

/** How a failure is told. */
export function describe(failure: unknown): { readonly code: ErrorCode | "Bug"; readonly message: string } {
  if (failure instanceof RolloutError) return { code: failure.code, message: failure.message };
  return { code: "Bug", message: failure instanceof Error ? failure.message : String(failure) };
}

/** Whether it is that failure. */
export const isExpected = (error: unknown, ...codes: readonly ErrorCode[]): boolean =>
  error instanceof RolloutError && codes.includes(error.code);

/** An expected failure. The message is lower case, says what is wrong and what to do. */
export class RolloutError extends Error {
  override readonly name = "RolloutError";
  constructor(
    readonly code: ErrorCode,
    message: string,
    options: { cause?: unknown } = {},
  ) {
    super(message, options);
  }
}

/** The API answers 403: the token may not do that. */
export class Forbidden extends RolloutError {
  constructor(message: string) {
    super("CloudRefused", message);
  }
}
