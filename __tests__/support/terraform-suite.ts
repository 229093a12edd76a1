/** What real Terraform does with the stack, and what the droplets of a site do in consequence. One suite for every site. */
import { describe, expect, it } from "@jest/globals";
import type { OpenSite, Site, SiteDroplet } from "../../lab/site.js";
import { Course } from "./terraform-course.js";
import { TerraformFleet } from "./terraform-fleet.js";
import { whyNoProvider } from "./terraform-provider.js";

/** @param where such as "on the embedded site" */
export function describeTerraform<Droplet extends SiteDroplet, On extends Site<Droplet>>(
  where: string,
  site: OpenSite<On & Site<Droplet>>,
): void {
  const why = whyNoProvider();
  const title = `real Terraform with a fleet ${where}`;
  const whenThere = why === null ? describe : describe.skip;
  whenThere(why === null ? title : `${title} (skipped: ${why})`, () => {
    it("follows its whole life: after each step nothing is left to plan, no droplet was deleted while it served, and no request has failed", async () => {
      const course = new Course(await TerraformFleet.start<Droplet, On>(site));
      try {
        await course.run();
      } finally {
        await course.end();
      }
    });

    it("is deployed, brought a release and destroyed by cdktf's own command line", async () => {
      const fleet = await TerraformFleet.start<Droplet, On>(site);
      try {
        await byCdktf(fleet);
      } finally {
        await fleet.end();
      }
    });
  });
}

async function byCdktf<Droplet extends SiteDroplet, On extends Site<Droplet>>(
  fleet: TerraformFleet<Droplet, On>,
): Promise<void> {
  const [first, second] = [await fleet.cloud.site.pushReference("v1"), await fleet.cloud.site.pushReference("v2")];
  const running = async (): Promise<string[]> =>
    (await Promise.all(fleet.droplets.map((droplet) => droplet.containers())))
      .flat()
      .filter(({ status }) => status === "running")
      .map(({ image }) => image);
  const deploy = async (image: string): Promise<void> => {
    const { exitCode, output } = await fleet.cdktf("deploy", "--auto-approve", "--var", `image=${image}`);
    expect({ exitCode, output }).toEqual({ exitCode: 0, output });
  };
  await deploy(first);
  expect(await running()).toEqual([first, first]);
  const load = await fleet.startLoad({ slowShare: 0.05, slowMs: 800 });
  await deploy(second);
  expect(await running()).toEqual([second, second]);
  expect(await load.stop()).toMatchObject({ failures: [], failed: 0, endedEarly: false });
  const { exitCode, output } = await fleet.cdktf("destroy", "--auto-approve");
  expect({ exitCode, output }).toEqual({ exitCode: 0, output });
  expect(fleet.droplets).toEqual([]);
}
