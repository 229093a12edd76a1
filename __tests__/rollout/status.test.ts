import { describe, expect, it } from "@jest/globals";
import type { ManifestHost } from "../../contract/manifest.js";
import { RolloutError } from "../../scripts/rollout/core/errors.js";
import type { Host, Hosts, Survey } from "../../scripts/rollout/ports.js";
import { lookAtHosts, verdict, type HostRow } from "../../scripts/rollout/status.js";
import { testManifest } from "../support/fleet.js";
import { container, says, servingHost, surveyed } from "./support.js";

const one = "1111111111111111";

/** Hosts that can be looked at and closed, and nothing else. */
class LookedAt implements Hosts {
  readonly closed: string[] = [];
  constructor(private readonly surveys: Readonly<Record<string, Survey | Error>>) {}

  open({ name }: ManifestHost): Host {
    const only: Partial<Host> = {
      name,
      survey: async () => {
        const survey = this.surveys[name] ?? new Error(`${name} was not expected`);
        if (survey instanceof Error) throw survey;
        return Promise.resolve(survey);
      },
      close: async () => Promise.resolve(void this.closed.push(name)),
    };
    return new Proxy(only as Host, {
      get(target, key) {
        if (key in target) return Reflect.get(target, key) as unknown;
        throw new Error(`${String(key)} was not expected`);
      },
    });
  }
}

describe("a look at the fleet", () => {
  const manifest = testManifest({ hosts: 5 });

  it("tells of each host what it runs, and closes every connection", async () => {
    const previous = container({ release: "2222222222222222", running: false });
    const hosts = new LookedAt({
      "api-1": servingHost(one, { containers: { current: container({ release: one }), previous } }),
      "api-2": servingHost(one, { lifecycle: says({ state: "draining" }) }),
      "api-3": surveyed({ run: { holder: "held by 9dc3784f7b:me@here", last: "step old-stop" } }),
      "api-4": servingHost(one, { retired: true }),
      "api-5": new RolloutError("HostUnreachable", "api-5 cannot be reached"),
    });
    const rows = await lookAtHosts(manifest, hosts);
    expect(rows.map(({ name, state, release }) => [name, state, release])).toEqual([
      ["api-1", "serving", one],
      ["api-2", "draining", one],
      ["api-3", "idle", null],
      ["api-4", "retired", one],
      ["api-5", "HostUnreachable", null],
    ]);
    expect(rows[0]).toMatchObject({ id: "100", previous: "2222222222222222", image: container().image });
    expect(rows.map(({ run }) => run)).toEqual([null, null, "held by 9dc3784f7b:me@here: step old-stop", null, null]);
    expect(hosts.closed.sort()).toEqual(["api-1", "api-2", "api-3", "api-4", "api-5"]);
  });

  it("does not hide a bug behind a state", async () => {
    const hosts = new LookedAt({ "api-1": new TypeError("a bug") });
    await expect(lookAtHosts(testManifest({ hosts: 1 }), hosts)).rejects.toThrow("a bug");
    expect(hosts.closed).toEqual(["api-1"]);
  });
});

describe("a verdict", () => {
  const row = (changes: Partial<HostRow> = {}): HostRow => ({
    name: "api-1",
    id: "100",
    state: "serving",
    release: one,
    image: "a@sha256:1",
    previous: null,
    run: null,
    ...changes,
  });

  it("is good when all serve one release, also that of the image that was asked for", () => {
    const good = { exitCode: 0, message: `all 2 hosts serve release ${one} (a@sha256:1)` };
    expect(verdict([row(), row({ name: "api-2" })], "")).toEqual(good);
    expect(verdict([row(), row({ name: "api-2" })], "a@sha256:1")).toEqual(good);
  });

  it.each<[string, HostRow[], string, string]>([
    ["one does not serve", [row(), row({ name: "api-2", state: "draining" })], "", "not serving: api-2 (draining)"],
    [
      "they serve different releases",
      [row(), row({ release: "2" })],
      "",
      `the hosts serve different releases: ${one} (a@sha256:1), 2 (a@sha256:1)`,
    ],
    ["they serve another image", [row()], "a@sha256:2", "the hosts serve a@sha256:1, not a@sha256:2"],
  ])("is bad when %s", (_name, rows, image, message) => expect(verdict(rows, image)).toEqual({ exitCode: 6, message }));
});
