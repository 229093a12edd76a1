/** What holds for every call: the token, what is not known, pages, planned failures. */
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { TestApi } from "./support/client.js";

let lab: TestApi;
beforeEach(async () => void (lab = await TestApi.start()));
afterEach(() => lab.close());

test("fails without the token", async () => {
  const { status, body } = await lab.call("GET", "/v2/account", undefined, "wrong");
  expect([status, body["id"], body["message"]]).toEqual([401, "unauthorized", "Unable to authenticate you"]);
  expect(lab.faults).toEqual([]);
});

test("fails for a call, a query and a field that it does not know, and remembers each", async () => {
  const unknown = await lab.call("POST", "/v2/volumes", {});
  expect([unknown.status, unknown.body["id"]]).toEqual([404, "not_found"]);
  expect(unknown.body["request_id"]).toMatch(/^[0-9a-f-]{36}$/);
  expect(await lab.refusal("GET", "/v2/tags?sort=name")).toMatch(/^400 bad_request: .*sort/);
  expect(await lab.refusal("POST", "/v2/tags", { name: "a", colour: "red" })).toMatch(
    /^422 unprocessable_entity: .*colour/,
  );
  expect(await lab.refusal("GET", "/v2/tags/a")).toMatch(/^404/);
  expect(lab.faults).toEqual([
    expect.stringContaining("the lab does not know POST /v2/volumes"),
    expect.stringContaining("the lab does not know sort"),
    expect.stringContaining("colour"),
  ]);
});

test("a bad value is the client's own error and no fault", async () => {
  expect(await lab.refusal("POST", "/v2/tags", { name: "a tag" })).toMatch(/^422 unprocessable_entity: name: /);
  expect(await lab.refusal("GET", "/v2/tags?per_page=500")).toMatch(/^400 bad_request: per_page/);
  expect(lab.faults).toEqual([]);
});

test("lists come page by page, with links to the others and the total", async () => {
  for (const name of ["a", "b", "c"]) await lab.call("POST", "/v2/tags", { name });
  const first = await lab.call("GET", "/v2/tags?page=1&per_page=2");
  expect(first.body).toMatchObject({ meta: { total: 3 }, tags: [{ name: "a" }, { name: "b" }] });
  const { next } = (first.body["links"] as { pages: { next: string } }).pages;
  const second = await lab.call("GET", next);
  expect(second.body["tags"]).toMatchObject([{ name: "c" }]);
  expect((second.body["links"] as { pages: object }).pages).toEqual({
    first: expect.stringContaining("page=1"),
    prev: expect.stringContaining("page=1"),
  });
  expect((await lab.call("GET", "/v2/tags")).body["links"]).toEqual({});
});

test("fails as planned, as often as planned, and then answers again", async () => {
  lab.api.fail(/^GET \/v2\/account/, 429, 2, { "retry-after": "2" });
  lab.api.fail(/^GET \/v2\/account/, 0);
  lab.api.fail(/^POST \/v2\/tags/, 500);
  const limited = await lab.call("GET", "/v2/account");
  expect([limited.status, limited.headers.get("retry-after"), limited.body["id"]]).toEqual([
    429,
    "2",
    "too_many_requests",
  ]);
  expect((await lab.call("GET", "/v2/account")).status).toBe(429);
  await expect(lab.call("GET", "/v2/account")).rejects.toThrow();
  expect((await lab.call("GET", "/v2/account")).body).toMatchObject({
    account: { droplet_limit: 25, status: "active" },
  });
  expect(await lab.refusal("POST", "/v2/tags", { name: "a" })).toBe("500 server_error: Unexpected server-side error");
  expect(await lab.refusal("GET", "/v2/tags/a")).toMatch(/^404/);
  expect(lab.api.calls.map(({ status }) => status)).toEqual([429, 429, 0, 200, 500, 404]);
});

test("what was asked may be done although the answer is lost", async () => {
  lab.api.loseAnswers(/^POST/);
  await expect(lab.call("POST", "/v2/tags", { name: "a" })).rejects.toThrow();
  expect(await lab.want("GET", "/v2/tags/a", "tag")).toMatchObject({ name: "a" });
});

test("every answer tells how many calls are left", async () => {
  const [first, second] = [await lab.call("GET", "/v2/account"), await lab.call("GET", "/v2/none")];
  expect([first, second].map(({ headers }) => headers.get("ratelimit-limit"))).toEqual(["5000", "5000"]);
  const left = [first, second].map(({ headers }) => Number(headers.get("ratelimit-remaining")));
  expect(left).toEqual([4999, 4998]);
  expect(Number(first.headers.get("ratelimit-reset")) * 1000).toBeGreaterThan(Date.now());
});
