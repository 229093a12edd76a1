/** The settings. Every environment variable is read here and nowhere else. */
import { isIP } from "node:net";

export type Config = ReturnType<typeof readConfig>;

/** An environment that cannot be used. The message is one line: variable, value and need. */
export class BadEnvironment extends Error {}

/** @throws BadEnvironment at the first variable that cannot be used */
export function readConfig(env: Readonly<Record<string, string | undefined>>) {
  const given = (name: string, [fits, need]: Form): string | undefined => {
    const value = env[name];
    if (value === undefined || fits(value)) return value;
    throw new BadEnvironment(`${name}: got ${JSON.stringify(value)}; needs ${need}`);
  };
  const port = Number(given("PORT", PORT) ?? 80);
  const drainPort = given("DRAIN_PORT", PORT) && given("DRAIN_PORT", anotherThan(port));
  return {
    /** Where the API listens. Port 0 takes a free one, which the log tells. */
    port,
    host: given("HOST", ADDRESS) ?? "0.0.0.0",
    /** Path of the balancer's health check. */
    healthPath: given("HEALTH_PATH", PATH) ?? "/health",
    /** A second one, for as long as the balancer changes over from one to the other. */
    nextHealthPath: given("NEXT_HEALTH_PATH", PATH),
    /** Given back by `GET /`: which release answers. */
    release: env["RELEASE"] ?? "unknown",
    /** How long an idle connection stays open: longer than at the balancer, or its next request finds it just closed. */
    keepAliveSeconds: Number(given("KEEP_ALIVE_SECONDS", wholeNumber(1, 3600)) ?? 65),
    /** Where `POST /drain` is found; nowhere when no port is set. */
    drainPort: drainPort === undefined ? undefined : Number(drainPort),
  };
}

/** Whether a value can be used, and what is said when it cannot. */
type Form = readonly [fits: (value: string) => boolean, need: string];

const wholeNumber = (least: number, most: number): Form => [
  (value) => /^\d{1,9}$/.test(value) && Number(value) >= least && Number(value) <= most,
  `a whole number from ${least} to ${most}`,
];
const PORT = wholeNumber(0, 65535);
const anotherThan = (port: number): Form => [
  (value) => Number(value) === 0 || Number(value) !== port,
  "another port than PORT",
];
const ADDRESS: Form = [(value) => isIP(value) !== 0, "an IP address, such as 127.0.0.1"];
const PATH: Form = [
  (value) => /^\/[^\s?#"'\\]{0,199}$/.test(value),
  'a path that starts with "/", without "?", "#", quotes or blanks',
];
