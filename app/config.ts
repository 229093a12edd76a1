/** What the process is told through its environment. Every variable is read here and nowhere else. */
import { isIP } from "node:net";
import { isSource } from "./sources.ts";

/** The settings of one process. */
export interface Config {
  /** `lifecycle`: service and control port. `article`: only the three routes of the article. `CONTRACT` @default "lifecycle" */
  readonly contract: "lifecycle" | "article";
  /** Whether the article's contract answers `/slow` as well, the long request of load tests. `SLOW_ROUTE` @default "off" */
  readonly slowRoute: boolean;
  /** Port that the balancer asks; 0 takes a free one and logs it. `PORT` @default 80 */
  readonly port: number;
  /** Address of the service port. `HOST` @default "0.0.0.0" */
  readonly host: string;
  /** Port of `/drain` and `/lifecycle`; 0 takes a free one and logs it. `CONTROL_PORT` @default 9000 */
  readonly controlPort: number;
  /** Address of the control port; never one that others than the droplet reach. `CONTROL_HOST` @default "127.0.0.1" */
  readonly controlHost: string;
  /** Path of the balancer's health check. The article's contract has its own, /health. `HEALTH_PATH` @default "/health" */
  readonly healthPath: string;
  /** Path that is answered like the first, while the balancer is about to change over. `NEXT_HEALTH_PATH` @default - none */
  readonly nextHealthPath: string | undefined;
  /** Release id, given back by `GET /` and `GET /lifecycle`. `RELEASE` @default "unknown" */
  readonly release: string;
  /**
   * Seconds that an idle connection stays open. 1 to 3600. Must exceed the balancer's HTTP idle timeout (60 s unless set
   * otherwise): if the app closes first, a request that the balancer is just sending fails. `KEEP_ALIVE_SECONDS` @default 65
   * @see https://docs.digitalocean.com/products/networking/load-balancers/how-to/manage/
   */
  readonly keepAliveSeconds: number;
  /**
   * Addresses and ranges that count as the droplet's own: their health requests are no evidence. Comma separated; when
   * set, even to nothing, it replaces the whole default. `LOCAL_SOURCES` @default - loopback and the default gateway
   */
  readonly localSources: readonly string[];
}

/** Raised for an environment that cannot be used; the message is one line with the variable, its value and the mend. */
export class BadEnvironment extends Error {
  override readonly name = "BadEnvironment";
}

type Environment = Readonly<Record<string, string | undefined>>;

const LOOPBACK = ["127.0.0.0/8", "::1"];
const PATH = /^\/[^\s?#"'\\]{0,199}$/;

/**
 * Reads the settings.
 *
 * @param gateway the container's default gateway: what the droplet itself looks like from inside a container
 * @throws BadEnvironment at the first variable that cannot be used
 */
export function readConfig(env: Environment, gateway?: string): Config {
  const config: Config = {
    contract: word(env, "CONTRACT", ["lifecycle", "article"]),
    slowRoute: word(env, "SLOW_ROUTE", ["off", "on"]) === "on",
    port: whole(env, "PORT", 80, [0, 65535]),
    host: address(env, "HOST", "0.0.0.0"),
    controlPort: whole(env, "CONTROL_PORT", 9000, [0, 65535]),
    controlHost: address(env, "CONTROL_HOST", "127.0.0.1"),
    healthPath: path(env, "HEALTH_PATH", "/health"),
    nextHealthPath: env["NEXT_HEALTH_PATH"] === undefined ? undefined : path(env, "NEXT_HEALTH_PATH", ""),
    release: env["RELEASE"] ?? "unknown",
    keepAliveSeconds: whole(env, "KEEP_ALIVE_SECONDS", 65, [1, 3600]),
    localSources: sources(env, "LOCAL_SOURCES", [...LOOPBACK, ...(gateway === undefined ? [] : [gateway])]),
  };
  if (config.contract === "lifecycle" && config.port !== 0 && config.port === config.controlPort) {
    throw refused("CONTROL_PORT", String(config.controlPort), "another port than PORT");
  }
  return config;
}

function word<const Word extends string>(env: Environment, name: string, words: readonly [Word, ...Word[]]): Word {
  const value = env[name] ?? words[0];
  const found = words.find((known) => known === value);
  if (found === undefined) throw refused(name, value, `one of ${words.map((known) => `"${known}"`).join(", ")}`);
  return found;
}

function whole(env: Environment, name: string, otherwise: number, [least, most]: readonly [number, number]): number {
  const value = env[name] ?? String(otherwise);
  // Number("") is 0, so that the form is checked before the range.
  const number = /^\d{1,9}$/.test(value) ? Number(value) : NaN;
  if (!(number >= least && number <= most)) throw refused(name, value, `a whole number from ${least} to ${most}`);
  return number;
}

function address(env: Environment, name: string, otherwise: string): string {
  const value = env[name] ?? otherwise;
  if (isIP(value) === 0) throw refused(name, value, "an IP address, such as 127.0.0.1");
  return value;
}

function path(env: Environment, name: string, otherwise: string): string {
  const value = env[name] ?? otherwise;
  if (!PATH.test(value)) throw refused(name, value, 'a path that starts with "/", without "?", "#", quotes or blanks');
  return value;
}

function sources(env: Environment, name: string, otherwise: readonly string[]): readonly string[] {
  const value = env[name];
  if (value === undefined) return otherwise;
  const list = value.split(",").map((entry) => entry.trim());
  const named = list.filter((entry) => entry !== "");
  if (!named.every(isSource)) throw refused(name, value, "IP addresses or ranges, separated by commas, or nothing");
  return named;
}

function refused(name: string, value: string, need: string): BadEnvironment {
  return new BadEnvironment(`${name}: got ${JSON.stringify(value)}; needs ${need}`);
}
