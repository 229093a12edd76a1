/** The release that serves is in the hands of an intruder, in every way that the gate has no time for. */
import { describe, jest } from "@jest/globals";
import { itBringsNoOrder, itCannotStayBy, withHostileApp } from "../../support/hostile-app.js";

jest.setTimeout(900_000);

withHostileApp();

describe("a serving release that forges what its host answers", () =>
  itCannotStayBy([
    "a journal with a line that is none",
    "a Docker that does not answer",
    "an end of the command within its answer",
    "the next release's id inside a text",
    "names twice, and one that JavaScript minds",
    "orders to a terminal and to GitHub",
    "five megabytes",
    "an answer without an end",
    "an answer of two bytes a second",
  ]));

describe("a release that fills its log with orders", () => itBringsNoOrder({}));
