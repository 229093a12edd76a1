import { describe, expect, it } from "@jest/globals";
import { preDeployTurn, preDeployUnderWay } from "../../../scripts/rollout/core/pre-deploy.js";
import type { ContainerState, Survey } from "../../../scripts/rollout/ports.js";

const container = (release: string, state: Partial<ContainerState> = {}): ContainerState => ({
  ...{
    id: "c1",
    image: "api",
    release,
    created: false,
    running: false,
    restarting: false,
    restartCount: 0,
    exitCode: 0,
  },
  ...state,
});
const survey = (containers: Survey["containers"]): Survey => ({ containers }) as Survey;
const turn = (...hosts: Survey["containers"][]) =>
  preDeployTurn(new Map(hosts.map((containers, index) => [`api-${index + 1}`, survey(containers)])), "new");

describe("the pre-deploy command's turn", () => {
  it.each([
    ["no host knows the release", [{ current: container("old") }, {}]],
    ["it failed for this release", [{ "pre-deploy": container("new", { exitCode: 1 }) }]],
    [
      "its container was made for this release and never started",
      [{ "pre-deploy": container("new", { created: true }) }],
    ],
    ["it ended well for another one", [{ "pre-deploy": container("old") }]],
    ["the release is only kept to go back to", [{ previous: container("new") }]],
  ])("has come where %s", (_when, hosts) => expect(turn(...hosts)).toEqual({ do: "run" }));

  it.each([
    ["a host runs the release", [{}, { current: container("new", { running: true }) }], "api-2"],
    ["it has ended well on another host", [{}, { "pre-deploy": container("new") }], "api-2"],
  ])("has passed where %s", (_when, hosts, host) =>
    expect(turn(...hosts)).toMatchObject({ do: "nothing", why: expect.stringContaining(host) as unknown }),
  );
});

describe("a pre-deploy command under way", () => {
  const underWay = (...hosts: Survey["containers"][]) =>
    preDeployUnderWay(new Map(hosts.map((containers, index) => [`api-${index + 1}`, survey(containers)])));

  it.each(["new", "old"])("is found wherever it runs, of release %s", (release) =>
    expect(underWay({ current: container("new") }, { "pre-deploy": container(release, { running: true }) })).toEqual({
      host: "api-2",
      release,
    }),
  );

  it("is none where it has ended or never began", () =>
    expect(
      underWay({ "pre-deploy": container("new") }, { "pre-deploy": container("new", { created: true }) }, {}),
    ).toBeNull());
});
