/**
 * cdktf is archived, and cdktn goes on with it under another name: leaving must stay a rename. Its registry has no provider packages for
 * DigitalOcean and null, so those of cdktf are used with it, as `npm install cdktf@npm:cdktn` would lay them out.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { fullConfig } from "../support/examples.js";
import { ProjectCopy } from "../support/project-copy.js";
import { projectFile } from "../support/stacks.js";

// Each run is a process of its own.
jest.setTimeout(120_000);

interface Stack {
  readonly "//": { readonly metadata: { readonly version: string } };
  readonly resource: object;
}

let cdktf: ProjectCopy;
let cdktn: ProjectCopy;
beforeAll(() => {
  cdktf = new ProjectCopy();
  cdktn = new ProjectCopy({ cdktf: "cdktn" });
});
afterAll(() => {
  cdktf.remove();
  cdktn.remove();
});

/** What main.ts writes there for a configuration module. */
function stackOf(project: ProjectCopy, source: string): Stack {
  writeFileSync(project.path("other.config.ts"), source);
  const { status, stderr } = project.synth({ EVENKEEL_CONFIG: "other.config.ts" });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return JSON.parse(readFileSync(project.path("cdktf.out/stacks/api-production/cdk.tf.json"), "utf8")) as Stack;
}

describe("the same sources under cdktf and cdktn", () => {
  test.each([
    ["of the example", readFileSync(projectFile("fleet.config.ts"), "utf8")],
    ["with every field", `export default ${JSON.stringify(fullConfig)};`],
  ])("give the same stack %s", (_name, source) => {
    const [old, fork] = [stackOf(cdktf, source), stackOf(cdktn, source)];
    const { "//": of, ...before } = old;
    const { "//": by, ...after } = fork;
    expect([of.metadata.version, by.metadata.version]).toEqual(["0.21.0", "0.24.0"]);
    expect(Object.keys(after.resource).length).toBeGreaterThan(0);
    expect(after).toEqual(before);
  });
});
