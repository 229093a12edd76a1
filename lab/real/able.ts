/**
 * Before `npm run test:lab`: ends with 1 and one line when this machine cannot stand for real droplets. With `--packages` it only prints
 * the Debian packages that are missing.
 */
import { missingPackages, readAbilities, whyUnable } from "./requirements.js";

const abilities = readAbilities();
if (process.argv.includes("--packages")) {
  process.stdout.write(`${missingPackages(abilities).join(" ")}\n`);
} else {
  const why = whyUnable(abilities);
  if (why !== null) {
    process.stderr.write(`${why}\n`);
    process.exitCode = 1;
  }
}
