/** The balancer has lost one host of two before the rollout. The other losses are in long/. */
import { describe, jest } from "@jest/globals";
import { itTouchesNobodyAfter, losses } from "../../support/lost-host.js";
import { LIMIT_MS } from "../../support/real.js";

jest.setTimeout(LIMIT_MS);

describe("a rollout after the balancer has lost one host of two", () => itTouchesNobodyAfter([losses.firewall]));
