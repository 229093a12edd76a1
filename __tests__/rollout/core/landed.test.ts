import { describe, expect, it } from "@jest/globals";
import { landedBetween } from "../../../scripts/rollout/core/landed.js";
import { says } from "../support.js";

describe("the requests that a host got between two looks", () => {
  it("are what it counts more", () =>
    expect(landedBetween(says({ witnessRequests: 100 }), says({ witnessRequests: 103 }))).toBe(3));

  it.each([null, undefined])(
    "are not known without an answer to the first look: all that it ever got is older (%s)",
    (none) => expect(landedBetween(none, says({ witnessRequests: 103 }))).toBe(0),
  );

  it.each([null, undefined])("are not known without an answer to the second look (%s)", (none) =>
    expect(landedBetween(says({ witnessRequests: 100 }), none)).toBe(0),
  );

  it("are not known from two processes: nobody tells since when the other one counts", () =>
    expect(landedBetween(says({ witnessRequests: 100 }), says({ instance: "two", witnessRequests: 103 }))).toBe(0));
});
