/** A balancer that lets go later than manifest and API say. */
import { jest } from "@jest/globals";
import { LIMIT_MS } from "../../../support/real.js";
import { itWaitsForBalancerThat } from "../../../support/real-scenarios.js";

jest.setTimeout(LIMIT_MS);

itWaitsForBalancerThat("lets go after 4 failed probes instead of 2", { unhealthyThreshold: 4 });
