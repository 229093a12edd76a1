/** One host lies, in every way that the lab knows and the gate has no time for. */
import { describe, jest } from "@jest/globals";
import { itHoldsAgainst } from "../../support/hostile-host.js";

jest.setTimeout(900_000);

describe("a host that lies", () =>
  itHoldsAgainst([
    "one byte in ten seconds",
    "fifty megabytes",
    "output without an end",
    "nothing, and a good end",
    "every answer twice",
    "another exit code in its text",
    "invalid UTF-8 and NULs in every line",
    "a failure with a megabyte of errors",
    "a lock that is held",
    "a steward that lives and does nothing",
    "a steward that only says that all is done",
    'a pull that "worked"',
    "containers that are not there",
    "orders to the screen and to GitHub",
    "no release files and no record",
    "a journal in which every order is done at once",
    "a journal in which the run has lapsed",
    "containers of a release that nobody rolled out",
    "health and probes that are always good",
    "health that is always bad",
    "a node of the balancer that there is not",
    "orders to the screen as what it lacks",
    "parts that are longer than anything may be",
    "a part twice",
    "no parts",
    "invalid UTF-8 and NULs within every part",
    "a failure of every script",
    "another digest that arrived",
  ]));
