/** A rollout by the provisioner's own command. */
import { environmentNames } from "../../contract/manifest.js";
import type { RolloutPolicy } from "../../contract/policy.js";
import type { Receipt } from "../../scripts/rollout/core/receipt.js";
import { deploy, type Deployment } from "../rehearsal.js";
import type { BenchFleet } from "./fleet.js";
import { manifestWith } from "./manifest.js";

/**
 * However it ends. When the signal aborts, the rollout is told to stop and takes back what it began.
 * @param strategy how hosts get the release. @default - as the fleet declares it
 * @throws the signal's reason when it has aborted
 */
export async function rollOut(
  { world, stackFolder }: BenchFleet,
  image: string,
  signal: AbortSignal,
  strategy?: RolloutPolicy["strategy"],
): Promise<Deployment> {
  signal.throwIfAborted();
  const environment: Record<string, string> = strategy
    ? { [environmentNames.manifest]: JSON.stringify(manifestWith(world, strategy)) }
    : {};
  const deployment = await deploy(world, { image, stackFolder, signal, environment });
  signal.throwIfAborted();
  return deployment;
}

/** A rollout that did not end on target: a finding about it, no bug of the bench. */
export class OffTarget extends Error {}

/** The receipt of a rollout that ended on target. @throws OffTarget for any other */
export function onTarget({ exitCode, stderr, receipt }: Deployment): Receipt {
  if (exitCode !== 0 || !receipt) throw new OffTarget(`the rollout ended with exit code ${exitCode}:\n${stderr}`);
  return receipt;
}
