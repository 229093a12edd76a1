/** One host lies. The lies that the gate has time for; the others are in long/. */
import { describe, jest } from "@jest/globals";
import { itHoldsAgainst } from "../support/hostile-host.js";

jest.setTimeout(600_000);

describe("a host that lies", () =>
  itHoldsAgainst([
    "orders to the screen in whatever it says",
    "a journal of garbage",
    "release files and a record that it wrote itself",
  ]));
