import { describe, expect, it } from "@jest/globals";
import { parseExamination } from "../../../scripts/rollout/commands/examine.js";
import { Parts } from "../../../scripts/rollout/commands/frame.js";

const HEADING = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT";
/** As a droplet's kernel prints them: the default route, the public network, the anchor and the private network. */
const ROUTES = [
  HEADING,
  "eth0\t00000000\t0171CBCB\t0003\t0\t0\t0\t00000000\t0\t0\t0",
  "eth0\t0071CBCB\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0",
  "eth1\t00006E0A\t00000000\t0001\t0\t0\t0\t00F0FFFF\t0\t0\t0",
].join("\n");
const told = { network: "0\n\n", show: "0\n\n", cgroups: "2\n", routes: ROUTES };
const read = (changes: Partial<typeof told> = {}) =>
  parseExamination(
    new Parts(
      "api-1",
      new Map(Object.entries({ ...told, ...changes }).map(([name, text]) => [name, Buffer.from(text)])),
    ),
    "10.110.0.2",
  );

describe("an examination", () => {
  it("is read", () =>
    expect(read()).toEqual({
      network: { code: 0, words: "" },
      show: { code: 0, words: "" },
      cgroups: 2,
      privateRange: "10.110.0.0/20",
    }));

  it("keeps what the helper or sudo said", () =>
    expect(read({ network: "1\nsudo: a password is required\n" }).network).toEqual({
      code: 1,
      words: "sudo: a password is required",
    }));

  it("knows no version that there is not", () => expect(read({ cgroups: "\n" }).cgroups).toBeNull());

  it.each([
    ["no route holds the address", HEADING],
    ["only a gateway leads there", `${HEADING}\neth1\t00006E0A\t0100A8C0\t0003\t0\t0\t0\t00F0FFFF\t0\t0\t0`],
    ["the mask is none", `${HEADING}\neth1\t00006E0A\t00000000\t0001\t0\t0\t0\t00F00FFF\t0\t0\t0`],
    ["the default route alone holds it", `${HEADING}\neth1\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0`],
    ["nothing is told", ""],
  ])("has no range where %s", (_, routes) => expect(read({ routes }).privateRange).toBeNull());

  it("takes the narrowest network", () =>
    expect(read({ routes: `${ROUTES}\nek0\t00006E0A\t00000000\t0001\t0\t0\t0\tF0FFFFFF\t0\t0\t0` }).privateRange).toBe(
      "10.110.0.0/28",
    ));

  it("fails where the helper's end is not told", () => expect(() => read({ show: "fine\n" })).toThrow("show"));
});
