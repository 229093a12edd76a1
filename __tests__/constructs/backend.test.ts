import { describe, expect, test } from "@jest/globals";
import { backend } from "../../contract/config.js";
import { InvalidInput } from "../../contract/problems.js";
import type { FleetConfig } from "../../constructs/index.js";
import { exampleStack, synthesized } from "../support/stacks.js";

const terraformOf = (where: FleetConfig["backend"]) =>
  synthesized(exampleStack(where === undefined ? {} : { backend: where })).terraform as Record<string, unknown>;

describe("the state", () => {
  test("is a file beside cdktf.out unless said", () =>
    expect(terraformOf(undefined)["backend"]).toEqual({
      local: { path: "../../../terraform.api-production.tfstate" },
    }));

  test("is in Terraform Cloud, in a workspace of the stack's name", () => {
    const terraform = terraformOf({ cloud: { organization: "acme" } });
    expect(terraform["cloud"]).toEqual({ organization: "acme", workspaces: { name: "api-production" } });
    expect(terraform["backend"]).toBeUndefined();
  });

  test("is in Terraform Enterprise where a host is named", () =>
    expect(
      terraformOf({ cloud: { organization: "acme", workspace: "prod", hostname: "tfe.example.com" } })["cloud"],
    ).toEqual({ organization: "acme", workspaces: { name: "prod" }, hostname: "tfe.example.com" }));

  test("is in a bucket, with a lock beside it and no key to it", () =>
    expect(terraformOf({ spaces: { bucket: "tf-state", region: "nyc3" } })["backend"]).toEqual({
      s3: {
        bucket: "tf-state",
        key: "api-production/terraform.tfstate",
        region: "us-east-1",
        endpoints: { s3: "https://nyc3.digitaloceanspaces.com" },
        skip_credentials_validation: true,
        skip_metadata_api_check: true,
        skip_region_validation: true,
        skip_requesting_account_id: true,
        skip_s3_checksum: true,
        use_lockfile: true,
      },
    }));

  test("needs a Terraform that knows the lock, where it is in a bucket", () => {
    expect(terraformOf({ spaces: { bucket: "tf-state", region: "nyc3" } })["required_version"]).toBe(
      ">= 1.10.0, < 1.16.0",
    );
    expect(terraformOf({ cloud: { organization: "acme" } })["required_version"]).toBe(">= 1.5.0, < 1.16.0");
  });

  test("is in one place", () =>
    expect(() =>
      terraformOf({ cloud: { organization: "acme" }, spaces: { bucket: "tf-state", region: "nyc3" } }),
    ).toThrow(
      'backend: cloud ("acme") and spaces ("tf-state") are both named; a state is in one place: leave one out',
    ));

  test.each([
    ["a bucket with capitals", { bucket: "TF", region: "nyc3" }],
    ["a path that leads up", { bucket: "tf-state", region: "nyc3", key: "../x" }],
    ["no region", { bucket: "tf-state" }],
  ])("refuses %s", (_name, spaces) => expect(backend.safeParse({ spaces }).success).toBe(false));

  test("is refused as bad input, which names the field", () =>
    expect(() => terraformOf({ cloud: { organization: "x" } })).toThrow(InvalidInput));
});
