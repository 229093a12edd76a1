/** The `Host` port over real ssh, sh, curl and the lab's docker. */
import { jest } from "@jest/globals";
import type { FleetConfig } from "../../constructs/index.js";
import { environmentNames, manifest as manifestSchema } from "../../contract/manifest.js";
import { parseJson } from "../../contract/problems.js";
import { realPorts } from "../../scripts/rollout/compose.js";
import { Scenario } from "../support/scenario.js";
import { describeHandoffContract, HANDOFF_HOSTS } from "../support/handoff-contract.js";
import { CONTRACT_HOSTS, describeHostContract, type ContractWorld } from "../support/host-contract.js";

jest.setTimeout(300_000);

const start = async (fleet: FleetConfig): Promise<ContractWorld> => {
  const scenario = await Scenario.start({ fleet });
  const { world } = scenario;
  const { environment } = world.rolloutCommand({ image: "", stackFolder: scenario.stackFolder });
  const manifest = parseJson("manifest", manifestSchema, environment[environmentNames.manifest] ?? "");
  const ports = realPorts(manifest, environment, () => ({ emit: () => undefined }));
  await world.booted();
  return {
    manifest,
    hosts: ports.hosts,
    clock: ports.clock,
    images: {
      first: await world.pushReference("v1"),
      second: await world.pushReference("v2"),
      exits: await world.pushBroken("exits-at-once"),
    },
    login: async () => (ports.cloud ? ports.cloud.registryLogin("lab") : null),
    run: (work) => work(),
    end: async () => {
      await ports.dispose();
      await scenario.end();
    },
  };
};

const rollout = { readyTimeoutSeconds: 30 };
describeHostContract("embedded world over SSH", () => start({ dropletCount: CONTRACT_HOSTS, rollout }));
describeHandoffContract("embedded world over SSH", () =>
  start({ dropletCount: HANDOFF_HOSTS, rollout: { ...rollout, strategy: "handoff" } }),
);
