/** What the tests of the simulated fleet share. */
import { noCommands } from "../../../lab/scale/asked.js";
import { answered, type Command } from "../../../lab/scale/framed.js";
import { framed, LOGIN_COMMAND, newFrame, readAnswer, type Parts } from "../../../scripts/rollout/commands/frame.js";
import type { ScaleFigures, ScaleRun } from "../../../lab/scale/figures.js";
import { standardSettings, type ScaleSettings } from "../../../lab/scale/settings.js";

const FRAME = newFrame();

/** A script as the rollout's SSH adapter sends it. */
export const sent = (script: string, input = ""): Command => ({
  text: LOGIN_COMMAND,
  input: framed(script, FRAME) + input,
});

/** The parts of what a simulated host printed, as the rollout's SSH adapter reads them. */
export function partsOf(text: string): Parts {
  const answer = readAnswer(Buffer.from(answered(FRAME, 0, text)), FRAME, "api-1");
  if (!answer) throw new Error("the answer has an end");
  return answer.parts;
}

/** Nothing is far away, and the balancer asks as often as a busy machine can look: a probe is evidence for 4 s. */
export const quickSettings: ScaleSettings = {
  ...standardSettings,
  check: {
    ...standardSettings.check,
    ...{ checkIntervalSeconds: 2, responseTimeoutSeconds: 2, unhealthyThreshold: 1, healthyThreshold: 1 },
  },
  answerMs: 0,
  startMs: 50,
};

/** A run of made-up figures: 2.5 s of CPU besides the controller's, 4 MB of connections besides its 120 MB. */
export const madeUpRun = (hosts: number, seconds: number, controllerCpu: number): ScaleRun => ({
  ...{ hosts, exitCode: 0, error: null, seconds, lockedSeconds: 1.5 },
  cpu: { controller: controllerCpu, clients: 2, connections: 0.5 },
  ...{ controllerMb: 120, connectionsMb: 4, openFiles: 31, sshProcesses: 5, connections: hosts },
  commands: { ...noCommands(), survey: 4 * hosts, observe: 100 * hosts },
  ...{ connectionsToOneHost: 1, refusedSessions: 0, witnessRequests: 40 * hosts, fleetLateMs: 10 },
});

export const madeUpFigures = (runs: readonly ScaleRun[]): ScaleFigures => ({
  machine: { cpu: "a processor", cores: 2, memoryGb: 24, node: "v20.20.2", kernel: "6.1" },
  ...{ date: "2026-01-01T00:00:00.000Z", commit: "0".repeat(40), settings: standardSettings, runs },
});
