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
  | "BastionKeyUnknown"
  | "HostTimeout"
  | "HostCommandFailed"
  | "HostNotBooted"
  | "HostUnfit"
  | "HostRetired"
  | "CloudFailed"
  | "CloudRefused"
  | "BalancerDiffers"
  | "NoRelease"
  | "ReleasesDiffer"
  | "NothingBefore"
  | "FleetChanged"
  | "UnlistedDroplets"
  | "PullFailed"
  | "DigestsDiffer"
  | "SecretsMissing"
  | "PreDeployFailed"
  | "SmokeBootFailed"
  | "LockHeld"
  | "QuorumLost"
  | "NotEjected"
  | "DrainTimeout"
  | "InstanceChanged"
  | "StepFailed"
  | "NotReadmitted"
  | "NotConverged"
  | "StewardLost"
  | "RolloutTimeout"
  | "Interrupted";

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
