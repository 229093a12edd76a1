/** What DigitalOcean's API may answer. */
import type { Fault, Scene } from "../fault.js";

/** Everything that a rollout asks of it. */
const ANY_CALL = /^GET /;
const ALWAYS = 1000;

const answered =
  (status: number) =>
  ({ world }: Scene): string[] =>
    world.api.calls.some((call) => call.status === status) ? [] : [`no call was answered with ${status}`];

export const api: readonly Fault[] = [
  {
    name: "API answers 429 once, with Retry-After",
    phases: ["before"],
    strike: ({ world }) => world.api.fail(ANY_CALL, 429, 1, { "retry-after": "1" }),
    missed: answered(429),
    exitCodes: [0],
  },
  {
    name: "API breaks the connection once",
    phases: ["before"],
    strike: ({ world }) => world.api.fail(ANY_CALL, 0),
    missed: answered(0),
    exitCodes: [0],
  },
  ...[401, 403, 500].map((status): Fault => ({
    name: `API answers ${status} to every call`,
    phases: ["before"],
    strike: ({ world }) => world.api.fail(ANY_CALL, status, ALWAYS),
    mend: ({ world }) => world.api.mend(),
    exitCodes: [3],
    error: status === 500 ? "CloudFailed" : "CloudRefused",
  })),
];
