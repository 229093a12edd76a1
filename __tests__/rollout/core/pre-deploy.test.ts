import { describe, expect, it } from "@jest/globals";
import {
  endedBeforeBoot,
  hasPassed,
  preDeployTurn,
  preDeployUnderWay,
} from "../../../scripts/rollout/core/pre-deploy.js";
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
    endedBeforeBoot: false,
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
  ])("has come where %s", (_when, hosts) => expect(turn(...hosts)).toEqual({ do: "run", doubtful: null }));

  it.each([
    ["a host runs the release", [{}, { current: container("new", { running: true }) }], "api-2"],
    ["it has ended well on another host", [{}, { "pre-deploy": container("new") }], "api-2"],
  ])("has passed where %s", (_when, hosts, host) =>
    expect(turn(...hosts)).toMatchObject({ do: "nothing", why: expect.stringContaining(host) as unknown }),
  );
});

describe("a pre-deploy command that ended with 0 before its host booted last", () => {
  const doubtful = container("new", { endedBeforeBoot: true });

  it("has not passed: the shutdown may have ended it", () => expect(hasPassed(doubtful)).toBe(false));

  it("is run again, and it is told of which host that is so", () =>
    expect(turn({}, { "pre-deploy": doubtful })).toEqual({ do: "run", doubtful: "api-2" }));

  it.each([
    ["it ended well on another host", [{ "pre-deploy": doubtful }, { "pre-deploy": container("new") }]],
    ["a host runs the release", [{ "pre-deploy": doubtful }, { current: container("new", { running: true }) }]],
  ])("is not run again where %s", (_when, hosts) => expect(turn(...hosts)).toMatchObject({ do: "nothing" }));

  it.each([
    ["of another release", container("old", { endedBeforeBoot: true })],
    ["that failed", container("new", { endedBeforeBoot: true, exitCode: 137 })],
  ])("is told of in no way for one %s", (_which, ran) =>
    expect(turn({ "pre-deploy": ran })).toEqual({ do: "run", doubtful: null }),
  );

  it.each([
    [61_000, 60_000, true],
    [60_000, 60_000, false],
    [Number.NaN, 60_000, false],
  ])("ended %d ms ago on a host that is up for %d ms: %p", (agoMs, upMs, before) =>
    expect(endedBeforeBoot(agoMs, upMs)).toBe(before),
  );
});

describe("a pre-deploy command under way", () => {
  const underWay = (...hosts: Survey["containers"][]) =>
    preDeployUnderWay(new Map(hosts.map((containers, index) => [`api-${index + 1}`, survey(containers)])));

  it.each(["new", "old"])("is found wherever it runs, of release %s", (release) =>
    expect(underWay({ current: container("new") }, { "pre-deploy": container(release, { running: true }) })).toEqual({
      host: "api-2",
      release,
      image: container(release).image,
    }),
  );

  it("is none where it has ended or never began", () =>
    expect(
      underWay({ "pre-deploy": container("new") }, { "pre-deploy": container("new", { created: true }) }, {}),
    ).toBeNull());
});
