/**
 * Stands for `docker` where an image is built and pushed. Strict: it knows the commands that the workflow gives and refuses everything
 * else. The digest that a push comes to is given by whoever runs the workflow.
 */
import { appendFileSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";

const { STAND_IN_DOCKER: folder, STAND_IN_DIGEST: digest, DOCKER_CONFIG: login } = process.env;
const argv = process.argv.slice(2);
appendFileSync(path.join(folder, "calls"), `${argv.join(" ")}\n`);

const fail = (message) => {
  process.stderr.write(`${message}\n`);
  process.exit(1);
};
const reference = argv.find((word) => /^registry\.digitalocean\.com\/[a-z0-9-]+\/api:sha-[0-9a-f]{40}$/.test(word));
const has = (state) =>
  existsSync(path.join(folder, state)) && readFileSync(path.join(folder, state), "utf8") === reference;
const note = (state) => writeFileSync(path.join(folder, state), reference);
const shape = argv.map((word) => (word === reference ? "REFERENCE" : word)).join(" ");

const insistOnLogin = () => {
  const { auths } = JSON.parse(readFileSync(path.join(login, "config.json"), "utf8"));
  if (!auths["registry.digitalocean.com"]?.auth) fail("unauthorized: authentication required");
};

if (shape === "pull --quiet REFERENCE") {
  insistOnLogin();
  if (!has("pushed")) fail(`Error response from daemon: manifest for ${reference} not found: manifest unknown`);
} else if (shape === "build --pull --platform linux/amd64 --tag REFERENCE app") {
  if (!statSync("app/Dockerfile").isFile()) fail("no Dockerfile");
  note("built");
} else if (shape === "push --quiet REFERENCE") {
  insistOnLogin();
  if (!has("built")) fail(`An image does not exist locally with the tag: ${reference}`);
  note("pushed");
} else if (shape === "image inspect --format {{range .RepoDigests}}{{println .}}{{end}} REFERENCE") {
  if (!has("pushed")) fail(`Error response from daemon: No such image: ${reference}`);
  process.stdout.write(`${digest}\n\n`);
} else {
  fail(`the stand-in for docker does not know: docker ${argv.join(" ")}`);
}
