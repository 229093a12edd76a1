import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { TestApi } from "./support/client.js";

let lab: TestApi;
beforeEach(async () => void (lab = await TestApi.start()));
afterEach(() => lab.close());

const request = { name: "p", description: "", purpose: "Web Application", environment: "production" };
const create = async (): Promise<string> => String((await lab.want("POST", "/v2/projects", "project", request))["id"]);
const resources = async (id: string) =>
  (await lab.call("GET", `/v2/projects/${id}/resources?page=1&per_page=200`)).body["resources"] as { urn: string }[];

test("a project changes field by field, and null leaves one alone", async () => {
  const id = await create();
  await lab.want("PATCH", `/v2/projects/${id}`, "project", { name: "q", environment: null, is_default: false });
  expect(await lab.want("GET", `/v2/projects/${id}`, "project")).toMatchObject({
    ...{ name: "q", purpose: "Web Application", environment: "Production", is_default: false },
    owner_id: expect.any(Number),
  });
});

test("resources begin in the default project, move, and leave with their end", async () => {
  const id = await create();
  await lab.want("POST", "/v2/domains", "domain", { name: "example.com" });
  expect((await resources("default")).map(({ urn }) => urn)).toEqual(["do:domain:example.com"]);
  const wanted = { resources: ["do:domain:example.com", "do:droplet:1"] };
  const moved = await lab.call("POST", `/v2/projects/${id}/resources`, wanted);
  expect(moved.body["resources"]).toMatchObject([
    {
      urn: "do:domain:example.com",
      status: "assigned",
      links: { self: expect.stringMatching(/domains\/example.com$/) },
    },
    { urn: "do:droplet:1", status: "not_found" },
  ]);
  expect(await lab.refusal("DELETE", `/v2/projects/${id}`)).toBe(
    "412 precondition_failed: cannot delete a project with resources",
  );
  await lab.call("DELETE", "/v2/domains/example.com");
  expect(await resources(id)).toEqual([]);
  expect((await lab.call("DELETE", `/v2/projects/${id}`)).status).toBe(204);
});

test("there is one default project at a time", async () => {
  const id = await create();
  await lab.want("PATCH", `/v2/projects/${id}`, "project", { is_default: true });
  expect((await lab.want("GET", "/v2/projects/default", "project"))["id"]).toBe(id);
  const all = (await lab.call("GET", "/v2/projects")).body["projects"] as { is_default: boolean }[];
  expect(all.filter((project) => project.is_default)).toHaveLength(1);
});
