/** What a rollout was asked to do: environment, options and outputs file become one validated input. Pure. */
import { whole } from "../../contract/fields.js";
import { RECORD_KEY_VARIABLE, SHORTEST_RECORD_KEY } from "../../contract/history.js";
import { InvalidInput, parse, parseJson } from "../../contract/problems.js";
import { guardInput, type GuardInput } from "../../contract/guard.js";
import { environmentNames as names, manifest as manifestSchema, type Manifest } from "../../contract/manifest.js";
import { imageReference, pinnedImage } from "../../contract/release.js";
import { secretValues, SECRETS_KEY_VARIABLE, SHORTEST_SECRETS_KEY, type Environment } from "../../contract/secrets.js";
import type { RegistryLogin } from "./context.js";
import type { RecordKeys } from "./core/history.js";
import { registryNamed } from "./core/registry.js";
import { secretsOf, type Secrets } from "./core/secrets.js";
import type { BalancerEndpoint } from "./ports.js";

export type { Environment };

/** A text that was read from somewhere, and where, for messages. */
export interface Source {
  readonly name: string;
  readonly text: string;
}

/**
 * The manifest: in an outputs file as `cdktf output --outputs-file` writes it, or by itself.
 * @throws InvalidInput
 */
export function readManifest({ name, text }: Source, stack: string | undefined): Manifest {
  const content = jsonOf(name, text);
  if (isRecord(content) && "version" in content) {
    if (stack === undefined) return parse(name, manifestSchema, content);
    throw new InvalidInput(name, [
      `is one manifest, not an outputs file, yet --stack names "${stack}"; leave --stack out`,
    ]);
  }
  const stacks = isRecord(content)
    ? Object.entries(content).filter(([, outputs]) => isRecord(outputs) && "manifest" in outputs)
    : [];
  const chosen = stack === undefined ? stacks : stacks.filter(([key]) => key === stack);
  const found = stacks.map(([key]) => key).join(", ") || "none";
  const [only] = chosen;
  if (!only || chosen.length > 1) {
    const need =
      stack === undefined
        ? "one stack with an output manifest; name one with --stack"
        : `the stack "${stack}" with an output manifest`;
    throw new InvalidInput(name, [`got stacks with a manifest: ${found}; needs ${need}`]);
  }
  const subject = `${name}, stack ${only[0]}`;
  const output = (only[1] as Record<string, unknown>)["manifest"];
  return typeof output === "string"
    ? parseJson(subject, manifestSchema, output)
    : parse(subject, manifestSchema, output);
}

/** @throws InvalidInput */
export function readGuard(environment: Environment): GuardInput {
  const text = environment[names.guard];
  if (text) return parseJson(names.guard, guardInput, text);
  throw new InvalidInput("environment", [
    `${names.guard}: got nothing; needs what is declared, as JSON, which Terraform's provisioner sets; by hand name the folder of a synthesized stack with --from`,
  ]);
}

/** @throws InvalidInput for an image that is neither empty nor a reference */
export function readImage(image: string): string {
  return image === "" ? "" : parse("image", imageReference, image);
}

/** @throws InvalidInput for an image that is neither empty nor named by digest: hosts know no tags */
export function readPinnedImage(image: string): string {
  return image === "" ? "" : parse("image", pinnedImage, image);
}

/** @throws InvalidInput when only one of user and password is set, or the registry is no host */
export function readRegistryLogin(environment: Environment): RegistryLogin | null {
  const user = environment[names.registryUser] ?? "";
  const password = environment[names.registryPassword] ?? "";
  if (Boolean(user) !== Boolean(password)) {
    const [set, unset] = user
      ? [names.registryUser, names.registryPassword]
      : [names.registryPassword, names.registryUser];
    throw new InvalidInput("environment", [`${set} is set and ${unset} is not; set both or none`]);
  }
  const registry = environment[names.registry] ?? "";
  if (registry !== "" && !/^[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?$/.test(registry)) {
    throw new InvalidInput("environment", [
      `${names.registry}: got ${JSON.stringify(registry)}; needs the registry's host alone, such as registry.example.com`,
    ]);
  }
  return user ? { user, password, registry: registry === "" ? null : registryNamed(registry) } : null;
}

/** Seconds, 0 to 86400. @param name of where they come from, for messages @throws InvalidInput */
export const readWait = (name: string, seconds: string): number =>
  parse(name, whole("seconds", 0, 86_400), /^\d+$/.test(seconds) ? Number(seconds) : seconds);

/** @throws InvalidInput for another word than `terraform` */
export function readStartedByTerraform(environment: Environment): boolean {
  const value = environment[names.startedBy] ?? "";
  if (value === "" || value === "terraform") return value === "terraform";
  throw new InvalidInput("environment", [
    `${names.startedBy}: got ${JSON.stringify(value)}; needs "terraform" or nothing`,
  ]);
}

/** Whether the pre-deploy command is left out. @throws InvalidInput for another word than `run` and `skip` */
export function readSkipPreDeploy(environment: Environment): boolean {
  const value = environment[names.preDeploy] || "run";
  if (value === "run" || value === "skip") return value === "skip";
  throw new InvalidInput("environment", [`${names.preDeploy}: got ${JSON.stringify(value)}; needs "run" or "skip"`]);
}

/** The balancer as this machine reaches it. Another URL changes where it is asked, not the name that it is asked for. @throws InvalidInput */
export function readBalancerEndpoint(environment: Environment, { loadBalancer }: Manifest): BalancerEndpoint {
  const value = environment[names.balancerUrl];
  const { scheme, address, port, serverName } = loadBalancer;
  if (!value) return { url: `${scheme}://${address.includes(":") ? `[${address}]` : address}:${port}/`, serverName };
  if (URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)) return { url: value, serverName };
  throw new InvalidInput("environment", [
    `${names.balancerUrl}: got ${JSON.stringify(value)}; needs an http or https URL`,
  ]);
}

/** @throws InvalidInput */
export function readApiUrl(environment: Environment): string | undefined {
  const value = environment[names.digitaloceanApi];
  if (!value) return undefined;
  if (URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)) return value;
  throw new InvalidInput("environment", [
    `${names.digitaloceanApi}: got ${JSON.stringify(value)}; needs an http or https URL`,
  ]);
}

/**
 * Token of DigitalOcean's API, under either name that the Terraform provider reads. Null for a balancer that is not DigitalOcean's:
 * nobody has to be asked then. Without the token a rollout would not see droplets that the manifest does not list, and would leave it to
 * Terraform to delete them while they serve.
 * @throws InvalidInput
 */
export const readToken = (environment: Environment, { loadBalancer }: Manifest): string | null =>
  loadBalancer.id ? insistOnToken(environment, "droplets are found that the manifest does not list") : null;

/** The same for a look, which does without: null where none is set. @throws InvalidInput for one that cannot be used */
export const readTokenForLook = (environment: Environment, manifest: Manifest): string | null =>
  tokenNames.some((name) => environment[name]) ? readToken(environment, manifest) : null;

/** @param purpose of it, for messages @throws InvalidInput */
export function insistOnToken(environment: Environment, purpose: string): string {
  const name = tokenNames.find((candidate) => environment[candidate]);
  const token = name === undefined ? "" : (environment[name] ?? "");
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new InvalidInput("environment", [
    name === undefined
      ? `${tokenNames[0]}: got nothing; needs the token of DigitalOcean's API, so that ${purpose}`
      : `${name}: got a value with blanks, line breaks or characters beyond ASCII; needs the token alone`,
  ]);
}

const tokenNames = [names.digitaloceanToken, "DIGITALOCEAN_ACCESS_TOKEN"] as const;

/**
 * Values of the service's secrets.
 * @param goesBack to a release whose files the hosts keep: what is not set here is not needed then
 * @throws InvalidInput for what is missing; no value is shown
 */
export function readSecrets(
  environment: Environment,
  { service }: Pick<Manifest, "service">,
  goesBack: boolean,
): Secrets | null {
  if (service.secrets.length === 0) return null;
  const { values, missing } = secretValues(service.secrets, environment);
  const key = environment[SECRETS_KEY_VARIABLE] ?? "";
  if (goesBack && (missing.length > 0 || key === "")) return null;
  const broken =
    service.secretsAs === "environment" ? Object.keys(values).filter((name) => /[\n\r]/.test(values[name] ?? "")) : [];
  const problems = [
    ...missing.map((name) => `${name}: got nothing; needs the value of the secret that service.secrets names`),
    ...broken.map((name) => `${name}: got a value of several lines; needs one line, or secretsAs "files"`),
    ...(key.length < SHORTEST_SECRETS_KEY
      ? [
          `${SECRETS_KEY_VARIABLE}: got ${key.length === 0 ? "nothing" : `${key.length} characters`}; needs at least ${SHORTEST_SECRETS_KEY}, kept beside the secrets, such as those of "openssl rand -hex 32"`,
        ]
      : []),
  ];
  if (problems.length > 0) throw new InvalidInput("environment", problems);
  return secretsOf(values, key);
}

/**
 * Keys of the fleet's history that the environment names; null where it names none.
 * @throws InvalidInput for one that cannot be used; no key is shown
 */
export function readRecordKeys(environment: Environment): RecordKeys | null {
  const value = environment[RECORD_KEY_VARIABLE] ?? "";
  return value === "" ? null : recordKeysOf(RECORD_KEY_VARIABLE, value, "make one with: openssl rand -hex 32");
}

/**
 * One key, or several with commas between.
 * @param source where they come from and `fix` what to do, for messages
 * @throws InvalidInput
 */
export function recordKeysOf(source: string, value: string, fix: string): RecordKeys {
  const [first, ...others] = value.split(",").map((key) => key.trim());
  const keys: RecordKeys = [first ?? "", ...others];
  const bad = keys.filter((key) => key.length < SHORTEST_RECORD_KEY || !/^[\x21-\x7e]+$/.test(key));
  if (bad.length === 0) return keys;
  const lengths = bad.map(({ length }) => `${length} characters`).join(" and ");
  throw new InvalidInput(source, [
    `got a key of ${lengths}; needs at least ${SHORTEST_RECORD_KEY} characters without blanks, several keys with commas between; ${fix}`,
  ]);
}

const recordKeysIn = (environment: Environment): string[] =>
  (environment[RECORD_KEY_VARIABLE] ?? "").split(",").flatMap((key) => key.trim() || []);

/** Values that must never be shown. @param secrets names of the app's own @default - none */
export const hiddenValues = (environment: Environment, secrets: readonly string[] = []): string[] => [
  ...[...tokenNames, names.registryPassword, SECRETS_KEY_VARIABLE, ...secrets].flatMap(
    (name) => environment[name] || [],
  ),
  ...recordKeysIn(environment),
];

function jsonOf(name: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new InvalidInput(name, ["is not JSON; needs a manifest or the file that cdktf output --outputs-file writes"]);
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
