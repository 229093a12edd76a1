/** The `Host` port over real ssh, sh, curl and the lab's docker. */
import { jest } from "@jest/globals";
import { environmentNames, manifest as manifestSchema } from "../../contract/manifest.js";
import { parseJson } from "../../contract/problems.js";
import { realPorts } from "../../scripts/rollout/compose.js";
import { Scenario } from "../support/scenario.js";
import { CONTRACT_HOSTS, describeHostContract } from "../support/host-contract.js";

jest.setTimeout(300_000);

describeHostContract("embedded world over SSH", async () => {
  const fleet = { dropletCount: CONTRACT_HOSTS, rollout: { readyTimeoutSeconds: 30 } };
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
});
