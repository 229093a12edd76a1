import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { FleetConfig } from "../../constructs/index.js";
import { hclOf } from "../../constructs/hcl.js";
import { fullConfig } from "../support/examples.js";
import { alike, readHcl } from "../support/hcl.js";
import { ProjectCopy } from "../support/project-copy.js";
import { readSchemas, type Synthesized } from "../support/schema-check.js";
import { exampleStack, projectFile, synthesized } from "../support/stacks.js";
import { hasTerraform, testWithTerraform } from "../support/terraform.js";

jest.setTimeout(120_000);

const awkward = {
  QUOTED: "a \"b\" 'c'",
  BACKSLASH: "a\\b\\n",
  SIGNS: "$x %d $$ %% #{y} <&>",
  SEPARATORS: "line\u2028separator, paragraph\u2029separator, next\u0085line",
};
const stacks: Record<string, FleetConfig> = {
  "the example": {},
  "every field": fullConfig,
  "texts that Terraform could misread": { service: { environment: awkward, command: ["node", "-e", "1;\n2"] } },
  "a state in a bucket": { backend: { spaces: { bucket: "tf-state", region: "nyc3" } } },
};

const schemas = readSchemas(projectFile("__tests__/fixtures/digitalocean-2.71.0-schema.json"));
const blocksOf = (type: string): string[] =>
  Object.values(schemas).flatMap(({ resource_schemas: all }) => Object.keys(all[type]?.block.block_types ?? {}));

describe.each(Object.entries(stacks))("a stack in Terraform's own language: %s", (_name, config) => {
  const stack = exampleStack(config);
  const json = synthesized(stack);
  let hcl: string;
  let read: Record<string, unknown>;
  beforeAll(() => {
    hcl = hclOf(json);
    read = readHcl(hcl);
  });

  test("says the same as the JSON", () => expect(alike(read)).toEqual(alike(json)));

  test("has as blocks what the provider calls so", () => {
    const resources = read["resource"] as Record<string, Record<string, readonly Record<string, unknown>[]>>;
    const nested = Object.entries(resources).flatMap(([type, byName]) =>
      Object.values(byName).flatMap(([body = {}]) =>
        blocksOf(type).flatMap((name) => (name in body ? [body[name]] : [])),
      ),
    );
    expect(nested.length).toBeGreaterThan(0);
    // Read back, an argument would be an object, not a list of them.
    for (const blocks of nested) expect(blocks).toEqual(expect.arrayContaining([expect.any(Object)]));
  });

  testWithTerraform(
    `is read by Terraform itself${hasTerraform ? "" : " (skipped: there is no terraform command)"}`,
    () => {
      const { status, stderr } = spawnSync("terraform", ["fmt", "-no-color", "-"], { input: hcl, encoding: "utf8" });
      expect({ status, stderr: status === 0 ? "" : stderr }).toEqual({ status: 0, stderr: "" });
    },
  );
});

describe("synth with cdktf's variable for --hcl", () => {
  let project: ProjectCopy;
  beforeAll(() => void (project = new ProjectCopy()));
  afterAll(() => project.remove());

  test("writes that instead of the JSON, with the same user data: a change of it would rebuild every droplet", () => {
    const json = () =>
      JSON.parse(readFileSync(project.path("cdktf.out/stacks/api-production/cdk.tf.json"), "utf8")) as Synthesized;
    expect(project.synth()).toMatchObject({ status: 0 });
    const before = json();
    expect(project.synth({ SYNTH_HCL_OUTPUT: "true" })).toMatchObject({ status: 0, stderr: "" });
    const after = readHcl(readFileSync(project.path("cdktf.out/stacks/api-production/cdk.tf"), "utf8"));
    expect(alike(after)).toEqual(alike(before));
    expect(JSON.stringify(after)).toContain("#cloud-config");
  });
});
