import { describe, expect, test } from "@jest/globals";
import { Token } from "cdktf";
import type { z } from "zod";
import { backend, fleetConfig } from "../../contract/config.js";
import { guardInput } from "../../contract/guard.js";
import { manifest } from "../../contract/manifest.js";
import { InvalidInput, parse } from "../../contract/problems.js";
import { badInputs, type Generated } from "../support/bad-input.js";
import { fullConfig, fullGuard, fullManifest } from "../support/examples.js";

const token = Token.asNumber("${digitalocean_droplet.other.vcpus}");

/** All lines that an input gets, none when it is good. */
function lines(schema: z.ZodType, input: unknown): readonly string[] {
  try {
    parse("input", schema, input);
    return [];
  } catch (error) {
    if (error instanceof InvalidInput) return error.problems;
    throw error;
  }
}

function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  return typeof value === "number" ? String(value) : JSON.stringify(value);
}

describe.each<[string, z.ZodType, unknown]>([
  ["config", fleetConfig, fullConfig],
  ["manifest", manifest, fullManifest],
])("a bad %s, generated from its schema,", (_name, schema, example) => {
  const generated = badInputs(schema, example, token);

  test("starts from a good one", () => {
    expect(lines(schema, example)).toEqual([]);
  });

  test("covers every kind of damage", () => {
    expect([...new Set(generated.map(({ damage }) => damage))].sort()).toEqual(
      expect.arrayContaining(["above", "below", "token", "type", "unknown", "word"]),
    );
    expect(generated.length).toBeGreaterThan(250);
  });

  test.each(generated)("gets one line with field, value and mend: $title", (damaged) => expectOneLine(schema, damaged));
});

describe.each<[string, z.ZodType, unknown]>([
  // One of two of which one config has only one.
  ["bucket for the state", backend, { spaces: { bucket: "tf-state", region: "nyc3", key: "api/terraform.tfstate" } }],
  ["input of the guard", guardInput, fullGuard],
])("a bad %s, generated from its schema,", (_name, schema, example) => {
  test("starts from a good one", () => expect(lines(schema, example)).toEqual([]));

  test.each(badInputs(schema, example, token))("gets one line with field, value and mend: $title", (damaged) =>
    expectOneLine(schema, damaged),
  );
});

function expectOneLine(schema: z.ZodType, { damage, field, value, input }: Generated): void {
  const found = lines(schema, input);
  expect(found).toHaveLength(1);
  const [line = ""] = found;
  expect(line).not.toMatch(/\n|Invalid|expected|undefined/);
  const got = damage === "token" ? "a Terraform token, known only during apply" : shown(value);
  expect(line.startsWith(`${field ? `${field}: ` : ""}got ${got}`)).toBe(true);
  expect(line).toMatch(/; needs \S.*\S$/);
  if (damage === "token") expect(line).toMatch(/, written out, because the rollout is planned at synth$/);
  if (damage === "unknown") expect(line).toContain("is not a known key; needs only the keys ");
}

describe("a range is inclusive at both ends", () => {
  const numbers = badInputs(fleetConfig, fullConfig, token).filter(
    ({ damage }) => damage === "below" || damage === "above",
  );
  test.each(numbers)("$title", ({ damage, field, value, input }) => {
    const [line = ""] = lines(fleetConfig, input);
    if (/ above 0, at most \d+$/.test(line)) return expectOpenAtZero(line, value);
    const [least, most] = /from "?(\d+)"?%?"? to "?(\d+)/.exec(line)?.slice(1).map(Number) ?? [];
    expect(damage === "below" ? least : most).toBe((value as number) + (damage === "below" ? 1 : -1));
    expect(field).not.toBe("");
  });
});

/** Of a number that need not be whole. */
function expectOpenAtZero(line: string, value: unknown): void {
  const most = Number(/at most (\d+)$/.exec(line)?.[1]);
  expect([0, most + 1]).toContain(value);
}

test("every fault of an input is named at once", () => {
  expect(lines(fleetConfig, { dropletCount: 0, region: 1, service: { port: "80" }, rolout: {} })).toHaveLength(4);
});

test("a long value is cut", () => {
  const [line = ""] = lines(fleetConfig, { ...fullConfig, name: "x".repeat(500) });
  expect(line.length).toBeLessThan(200);
});
