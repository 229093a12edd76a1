/** A balancer that probes less often than manifest and API say. */
import { jest } from "@jest/globals";
import { LIMIT_MS } from "../../../support/real.js";
import { itWaitsForBalancerThat } from "../../../support/real-scenarios.js";

jest.setTimeout(LIMIT_MS);

itWaitsForBalancerThat("probes every 10 s instead of 3", { checkIntervalSeconds: 10 });
