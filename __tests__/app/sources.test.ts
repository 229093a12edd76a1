import { describe, expect, it } from "@jest/globals";
import { defaultGateway, isSource, normalised, sourceList } from "../../app/sources.ts";

describe("a source", () => {
  it.each([
    ["10.0.0.1", "10.0.0.1"],
    ["::ffff:10.0.0.1", "10.0.0.1"],
    ["::FFFF:10.0.0.1", "10.0.0.1"],
    ["fe80::1%eth0", "fe80::1"],
    ["2001:db8::1", "2001:db8::1"],
  ])("%s is written as %s", (address, expected) => expect(normalised(address)).toBe(expected));

  it.each(["10.0.0.1", "10.0.0.0/8", "::1", "fd00::/8"])("may be given as %s", (text) =>
    expect(isSource(text)).toBe(true),
  );

  it.each(["", "api-1", "10.0.0.1/33", "10.0.0.1/", "10.0.0.0/8/8", "::/129"])("may not be given as %j", (text) =>
    expect(isSource(text)).toBe(false),
  );

  it("is found by address, by range and whatever the spelling", () => {
    const own = sourceList(["127.0.0.0/8", "::1", "::ffff:172.17.0.1", "fd00::/8"]);
    const asked = [
      "127.0.0.1",
      "127.9.9.9",
      "0:0:0:0:0:0:0:1",
      "172.17.0.1",
      "fd00::7",
      "172.17.0.2",
      "10.0.0.1",
      "fe80::1",
    ];
    expect(asked.filter(own)).toEqual(asked.slice(0, 5));
  });

  it("is never found in an empty list", () => expect(sourceList([])("127.0.0.1")).toBe(false));
});

describe("the default gateway", () => {
  const header = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT";
  const local = "eth0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0";
  const onward = "eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0";

  it("is read from the kernel's table", () =>
    expect(defaultGateway([header, local, onward, ""].join("\n"))).toBe("172.17.0.1"));

  it.each([
    ["there is only a local route", [header, local].join("\n")],
    ["the default route has no gateway", [header, onward.replace("0003", "0001")].join("\n")],
    ["there is no table", ""],
  ])("is unknown when %s", (_name, table) => expect(defaultGateway(table)).toBeUndefined());
});
