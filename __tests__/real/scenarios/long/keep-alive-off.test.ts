/** The balancer closes its connections to the droplets after each request. */
import { jest } from "@jest/globals";
import { LIMIT_MS } from "../../../support/real.js";
import { itTakesFewestProbes } from "../../../support/real-scenarios.js";

jest.setTimeout(LIMIT_MS);

itTakesFewestProbes(false);
