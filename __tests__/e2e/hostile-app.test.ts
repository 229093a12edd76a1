/** The release that serves is in the hands of an intruder. The forgeries that the gate has time for; the others are in long/. */
import { describe, jest } from "@jest/globals";
import { itBringsNoOrder, itCannotStayBy, withHostileApp } from "../support/hostile-app.js";

jest.setTimeout(600_000);

withHostileApp();

describe("a serving release that forges what its host answers", () =>
  itCannotStayBy(["sections in which the next release runs already", "a journal in which all is done"]));

describe("a release that fills its log with orders", () => itBringsNoOrder({ GITHUB_ACTIONS: "true", CI: "true" }));
