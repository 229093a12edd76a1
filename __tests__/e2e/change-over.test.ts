/** Each alone, and without the guard: long/change-over. */
import { jest } from "@jest/globals";
import { describeChangeOver } from "../support/change-over-suite.js";
import { both } from "../support/moves.js";

jest.setTimeout(300_000);

describeChangeOver(both);
