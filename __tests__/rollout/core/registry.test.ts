import { describe, expect, it } from "@jest/globals";
import { dockerConfiguration, registryNamed, registryOf } from "../../../scripts/rollout/core/registry.js";

describe("the registry of an image", () => {
  it.each([
    ["registry.example.com/team/api:v1", "registry.example.com"],
    ["registry.example.com:5000/api", "registry.example.com:5000"],
    ["localhost/api", "localhost"],
    ["team/api:v1", "docker.io"],
    ["nginx:1", "docker.io"],
    ["docker.io/team/api", "docker.io"],
    ["index.docker.io/team/api", "docker.io"],
  ])("%s is at %s", (image, registry) => expect(registryOf(image)).toBe(registry));

  it("has one name, however it is written", () =>
    expect(["Docker.io", "index.docker.io", "registry-1.docker.io"].map(registryNamed)).toEqual(
      Array.from({ length: 3 }, () => "docker.io"),
    ));

  it("gets a login under the name that Docker looks for, and no other registry does", () => {
    const auth = Buffer.from("robot:secret").toString("base64");
    expect(JSON.parse(dockerConfiguration("registry.example.com", "robot", "secret"))).toEqual({
      auths: { "registry.example.com": { auth } },
    });
    expect(JSON.parse(dockerConfiguration("docker.io", "robot", "secret"))).toEqual({
      auths: { "https://index.docker.io/v1/": { auth } },
    });
  });
});
