import { describe, expect, it } from "@jest/globals";
import { landedBetween } from "../../../scripts/rollout/core/landed.js";
import { says } from "../support.js";

describe("the requests that a host got between two looks", () => {
  it("are what it counts more", () => expect(landedBetween(says({ requests: 100 }), says({ requests: 103 }))).toBe(3));

  it("are none where it counts the same", () =>
    expect(landedBetween(says({ requests: 100 }), says({ requests: 100 }))).toBe(0));

  it("are all of a count that began anew, as none had come for long", () =>
    expect(landedBetween(says({ requests: 100 }), says({ requests: 2 }))).toBe(2));

  it.each([null, undefined])(
    "are not known without an answer to the first look: all that it ever got is older (%s)",
    (none) => expect(landedBetween(none, says({ requests: 103 }))).toBe(0),
  );

  it.each([null, undefined])("are not known without an answer to the second look (%s)", (none) =>
    expect(landedBetween(says({ requests: 100 }), none)).toBe(0),
  );

  it("are not known from two containers: nobody tells which of them they came to", () =>
    expect(landedBetween(says({ requests: 100 }), says({ instance: "two", requests: 103 }))).toBe(0));
});
