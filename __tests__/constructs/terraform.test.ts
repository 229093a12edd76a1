import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { cloudInit } from "../../constructs/cloud-init.js";
import { guardInput } from "../../contract/guard.js";
import type { Manifest } from "../../contract/manifest.js";
import { manifest } from "../../contract/manifest.js";
import { parseJson } from "../../contract/problems.js";
import { bundleFixture, exampleStack, synthesized } from "../support/stacks.js";
import { describeWithTerraform, terraform, terraformWith, writeStandIns } from "../support/terraform.js";

jest.setTimeout(60_000);

interface Seen {
  readonly argv: string[];
  readonly manifest: string;
  readonly image: string;
  readonly by: string;
  readonly guard: string;
}

/** Of what "terraform show" prints. */
interface Shown {
  readonly values: { readonly root_module: { readonly resources: readonly { readonly values: StandIn }[] } };
}
interface StandIn {
  readonly output?: { readonly name?: string; readonly user_data?: string };
}

/** What Terraform would spoil if it read the settings as anything but plain text. */
const awkward = { QUOTED: "a \"b\" 'c'", BACKSLASH: "a\\b\\n", SIGNS: "$x %d $$ %% #{y} <&>" };
const settings = { service: { environment: awkward, command: ["node", "-e", "1;\n2"] } };

describeWithTerraform(
  "the stack in the real terraform, resources replaced by stand-ins (needs the terraform binary)",
  () => {
    let root: string;
    let folder: string;

    beforeAll(() => {
      root = mkdtempSync(join(tmpdir(), "evenkeel-terraform-"));
      folder = writeStandIns(root, synthesized(exampleStack(settings)), bundleFixture);
      expect(terraform(folder, "init")).toEqual(expect.objectContaining({ status: 0 }));
    });
    afterAll(() => rmSync(root, { recursive: true }));

    const apply = (...args: string[]) => terraform(folder, "apply", "-auto-approve", "-input=false", ...args);
    const seen = (command = "deploy") => JSON.parse(readFileSync(join(folder, `seen-${command}.json`), "utf8")) as Seen;

    test("is valid", () => {
      expect(terraform(folder, "validate")).toEqual({
        status: 0,
        output: expect.stringContaining("is valid") as unknown,
      });
    });

    test("hands the bundle a whole manifest, the image and who started it", () => {
      expect(apply("-var", "image=registry.example.com/api:v2")).toEqual(expect.objectContaining({ status: 0 }));
      const { argv, manifest: json, image, by } = seen();
      expect({ argv, image, by }).toEqual({ argv: ["deploy"], image: "registry.example.com/api:v2", by: "terraform" });
      const { hosts, loadBalancer, service }: Manifest = parseJson("manifest", manifest, json);
      expect(hosts.map(({ name }) => name)).toEqual(["api-1", "api-2"]);
      expect(new Set(hosts.map(({ id }) => id)).size).toBe(2);
      expect(loadBalancer).toMatchObject({ address: "203.0.113.1", port: 80 });
      expect(service).toMatchObject(settings.service);
      expect(terraform(folder, "output", "-raw", "manifest").output).toBe(json);
    });

    test("hands a droplet its user data as it is written", () => {
      expect(apply()).toEqual(expect.objectContaining({ status: 0 }));
      const { values } = JSON.parse(terraform(folder, "show", "-json").output) as Shown;
      const droplet = values.root_module.resources.find(({ values: { output } }) => output?.name === "api-1");
      const containerRange = "172.31.255.240/28";
      const declared = cloudInit({ user: "deploy", sshPort: 22, size: "s-1vcpu-1gb", containerRange });
      expect(droplet?.values.output?.user_data).toBe(declared);
    });

    test("hands the guard all that is declared, and nothing of the rollout's", () => {
      expect(apply()).toEqual(expect.objectContaining({ status: 0 }));
      const { argv, guard, manifest: json, image } = seen("guard");
      expect({ argv, json, image }).toEqual({ argv: ["guard"], json: undefined, image: undefined });
      expect(parseJson("guard", guardInput, guard)).toMatchObject({ balancerName: "sfo3-api", healthPath: "/health" });
    });

    test("says what is missing where there is no node", () => {
      const bin = join(root, "bin");
      mkdirSync(bin);
      for (const program of ["terraform", "sh"])
        symlinkSync(execFileSync("which", [program], { encoding: "utf8" }).trim(), join(bin, program));
      const { status, output } = terraformWith({ PATH: bin }, folder, "apply", "-auto-approve", "-var", "redeploy=3");
      expect(status).toBe(1);
      expect(output).toContain("there is no node where this apply runs");
      expect(output).toContain("exit status 127");
    });

    test("keeps its state beside cdktf.out", () => {
      expect(apply()).toEqual(expect.objectContaining({ status: 0 }));
      expect(existsSync(join(root, "terraform.api-production.tfstate"))).toBe(true);
    });

    test("runs the rollout again for another image and for a raised counter, and otherwise not", () => {
      const again = (...vars: string[]) =>
        /\d+ added/.exec(apply(...vars.flatMap((entry) => ["-var", entry])).output)?.[0];
      again("image=api:v3");
      expect(again("image=api:v3")).toBe("0 added");
      expect(again("image=api:v4")).toBe("1 added");
      expect(again("image=api:v4", "redeploy=1")).toBe("1 added");
      expect(again("redeploy=1")).toBe("1 added");
    });

    test("prints neither the provisioner's command nor its environment", () => {
      const { output } = apply("-var", "redeploy=7");
      expect(output).toContain("Executing: Suppressed by quiet=true");
      expect(output).not.toContain("EVENKEEL_");
    });

    test.each(["Registry.example.com/API", "api:v1 ", "https://registry.example.com/api", "api@sha256:12"])(
      "refuses the image %j before anything is planned",
      (image) => {
        const { status, output } = apply("-var", `image=${image}`);
        expect(status).toBe(1);
        expect(output.replaceAll(/[\s│]+/g, " ")).toContain(`image: got "${image.trim()}`);
      },
    );
  },
);
