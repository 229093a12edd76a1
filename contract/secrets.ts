/**
 * Secrets of the app: their names are configuration, their values are read from the environment of whoever deploys. Pure; each half
 * makes the fingerprint of what {@link secretsMessage} gives with its own cryptography.
 */
/** Folder in the container that holds one file for each secret, as Docker's own secrets do. */
export const SECRETS_FOLDER = "/run/secrets";

/** Environment variable that tells the app where a secret's file is, as the official images of Docker Hub have it. */
export const secretFileVariable = (name: string): string => `${name}_FILE`;

/**
 * Environment variable with the key of the fingerprint, kept beside the secrets. Without a key, whoever reads the state or a release's file could try likely
 * values against it.
 */
export const SECRETS_KEY_VARIABLE = "EVENKEEL_SECRETS_KEY";

/** Fewest characters of the key: 32 hexadecimal digits are 128 bits. */
export const SHORTEST_SECRETS_KEY = 32;

export type Environment = Readonly<Record<string, string | undefined>>;

/** Secrets by name. */
export type SecretValues = Readonly<Record<string, string>>;

/** The values that are there; an empty one counts as missing. */
export function secretValues(
  names: readonly string[],
  environment: Environment,
): { values: SecretValues; missing: string[] } {
  const pairs = names.map((name): [string, string] => [name, environment[name] ?? ""]);
  return {
    values: Object.fromEntries(pairs.filter(([, value]) => value !== "")),
    missing: pairs.flatMap(([name, value]) => (value === "" ? [name] : [])),
  };
}

/** What the fingerprint is made of: the same whatever the order of the names. */
export const secretsMessage = (values: SecretValues): string =>
  JSON.stringify(Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1)));
