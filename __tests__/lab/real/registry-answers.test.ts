import { refusal, turnedAway } from "../../../lab/real/registry-answers.js";

const basic = (login: string): string => `Basic ${Buffer.from(login).toString("base64")}`;
const accepts = (user: string, password: string, action: string): boolean =>
  password === "pass:word" && (user === "writer" || (user === "reader" && action === "pull"));

test.each([
  ["nobody is let in without a login", "GET", undefined, 401],
  ["a login that is not known is refused", "GET", basic("reader:guess"), 401],
  ["a login that may only pull does", "GET", basic("reader:pass:word"), null],
  ["and asks for what is there", "HEAD", basic("reader:pass:word"), null],
  ["but does not push", "PUT", basic("reader:pass:word"), 403],
  ["one that may push does", "POST", basic("writer:pass:word"), null],
  ["a token in another form is none", "GET", "Bearer reader:pass:word", 401],
] as const)("%s", (_title, method, authorization, status) => {
  expect(turnedAway({ method, authorization }, accepts)).toBe(status);
});

test("a refusal says what was asked for, as the registry itself does", () => {
  const { headers, body } = refusal(401, "GET /v2/lab/api/manifests/v1", "registry.example.com");
  expect(headers["www-authenticate"]).toBe('Basic realm="registry.example.com"');
  expect(JSON.parse(body)).toEqual({
    errors: [
      {
        code: "UNAUTHORIZED",
        message: "authentication required",
        detail: [{ Type: "repository", Class: "", Name: "lab/api", Action: "pull" }],
      },
    ],
  });
});

test("only a missing login is asked for", () => {
  expect(refusal(403, "POST /v2/lab/api/blobs/uploads/", "x").headers).not.toHaveProperty("www-authenticate");
  expect(refusal(429, "GET /v2/", "x").body).toContain('"code":"TOOMANYREQUESTS"');
});
