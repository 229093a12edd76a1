/** The balancer keeps its connections to the droplets: a stopped one resets them. */
import { jest } from "@jest/globals";
import { LIMIT_MS } from "../../../support/real.js";
import { itTakesFewestProbes } from "../../../support/real-scenarios.js";

jest.setTimeout(LIMIT_MS);

itTakesFewestProbes(true);
