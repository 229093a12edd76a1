/** Environment and configuration -> one stack -> synthesized JSON. */
import { fileURLToPath } from "node:url";
import { bundleFile } from "./constructs/bundle.js";
import { explainingBadInput } from "./constructs/checked.js";
import { costLine, monthlyCost } from "./constructs/cost.js";
import { ApiStack, stackName } from "./constructs/index.js";
import { loadConfig } from "./constructs/load-config.js";
import { openApp } from "./constructs/open-app.js";
import { secretsFingerprint } from "./constructs/secrets-fingerprint.js";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

await explainingBadInput(async () => {
  // All that can be wrong is found before App makes the output folder.
  const config = await loadConfig(process.env, here("fleet.config.ts"));
  const bundlePath = bundleFile(here("dist/rollout.mjs"));
  const app = openApp(process.env);
  new ApiStack(app, stackName(config), {
    config,
    secretsFingerprint: secretsFingerprint(config, process.env),
    bundlePath,
  });
  app.synth();
  process.stdout.write(`${stackName(config)} ${costLine(monthlyCost(config))}\n`);
});
