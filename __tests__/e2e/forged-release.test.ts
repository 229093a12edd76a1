/** A rooted droplet rewrites its release files and its copy of the history, and others go back: nobody runs what it wrote. */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { environmentNames as names } from "../../contract/manifest.js";
import { RECORD_KEY_VARIABLE, history, signedHistory, type History } from "../../contract/history.js";
import type { Release } from "../../contract/release.js";
import { referenceImage } from "../../lab/embedded/images.js";
import { signHistory } from "../../scripts/rollout/core/history.js";
import { runCommand, type Ended } from "../support/hostile.js";
import { Scenario } from "../support/scenario.js";

jest.setTimeout(600_000);

/** Where the intruder keeps an image. Nobody configured it, and it takes every login. */
const ELSEWHERE = "registry.example.net";
const key = "0123456789abcdef".repeat(4);
const newKey = "fedcba9876543210".repeat(4);
const login = { [names.registryUser]: "robot", [names.registryPassword]: "a-password-of-the-operator" };

/** A rollback, and what it left. */
interface GoingBack {
  readonly ended: Ended;
  readonly running: readonly (string | null)[];
  /** What Docker on the honest droplet says of its containers, their images, and its images. */
  readonly inspected: string;
  readonly contained: readonly string[];
  readonly pulled: readonly string[];
  /** Logins that the registry got which nobody configured. */
  readonly sentElsewhere: readonly string[];
}

describe("a droplet that forges what it keeps", () => {
  let scenario: Scenario;
  const images: string[] = [];
  const ids: string[] = [];
  const sentElsewhere: string[] = [];
  /** The history as it was when version 2 was on top. */
  let old: string;
  let evilImage: string;
  let elsewhere: GoingBack;
  let forward: GoingBack;
  let cutShort: GoingBack;

  // Each going back begins where the one before has ended, and tests of one file run in any order.
  beforeAll(async () => {
    await deployThree();
    elsewhere = await goBack("another-operator", key, () => {
      const rewritten = rewriteRelease(ids[1] ?? "");
      const body = honestHistory();
      const entries = body.entries.map((entry) =>
        entry.release.id === ids[1] ? { ...entry, release: rewritten } : entry,
      );
      writeHistory(signHistory({ ...body, version: 99, entries }, ["the intruder's own key, as long as one"]));
    });
    forward = await goBack("ci", `${newKey},${key}`, () => {
      rewriteRelease(ids[0] ?? "");
      writeHistory(old);
    });
    cutShort = await goBack("ci", newKey, () =>
      writeHistory(readFileSync(fileOf("api-2", "history.json"), "utf8").slice(0, 100)),
    );
  });
  afterAll(() => (scenario as Scenario | undefined)?.end());

  async function deployThree(): Promise<void> {
    scenario = await Scenario.start();
    const { site } = scenario.world;
    site.registries.serve(ELSEWHERE, (user, password) => {
      sentElsewhere.push(`${user}:${password}`);
      return true;
    });
    const source = await referenceImage(scenario.world.folder, "evil");
    evilImage = site.push({ ...source, repository: `${ELSEWHERE}/evil/api` });
    for (const version of ["v1", "v2", "v3"]) {
      const image = await scenario.world.pushReference(version);
      const { exitCode, stderr, receipt } = await scenario.deploy(image, { [RECORD_KEY_VARIABLE]: key });
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr });
      images.push(image);
      ids.push(receipt?.release?.id ?? "");
      if (version === "v2") old = readFileSync(fileOf("api-1", "history.json"), "utf8");
    }
  }

  const fileOf = (host: string, name: string): string =>
    path.join(scenario.world.droplet(host).home, ".evenkeel/api", name);

  /** The same id, with an image of the intruder's, the droplet's whole disk and the right to mount. */
  const evil = (release: Release): Release => ({
    ...release,
    image: evilImage,
    service: {
      ...release.service,
      mounts: [{ source: "/", target: "/host", readOnly: false }],
      isolation: { ...release.service.isolation, capabilities: ["SYS_ADMIN"] },
    },
  });

  /** The history that the honest droplet keeps. */
  function honestHistory(): History {
    const signed = signedHistory.parse(JSON.parse(readFileSync(fileOf("api-2", "history.json"), "utf8")));
    return history.parse(JSON.parse(signed.body));
  }

  /** Over the file of that release, or in its place where it was pruned. */
  function rewriteRelease(id: string): Release {
    const entry = honestHistory().entries.find(({ release }) => release.id === id);
    if (!entry) throw new Error(`the history has no release ${id}`);
    const rewritten = evil(entry.release);
    writeFileSync(fileOf("api-1", `releases/${id}.json`), `${JSON.stringify(rewritten)}\n`);
    return rewritten;
  }

  const writeHistory = (text: string): void => writeFileSync(fileOf("api-1", "history.json"), text);

  /** A rollback from a machine that has never seen this fleet, once the droplet has forged. */
  async function goBack(folder: string, recordKey: string, forge: () => void): Promise<GoingBack> {
    forge();
    const ended = await runCommand(scenario, "rollback", {
      environment: {
        ...login,
        [names.stateFolder]: path.join(scenario.world.folder, folder),
        [RECORD_KEY_VARIABLE]: recordKey,
      },
    });
    const honest = scenario.world.droplet("api-2");
    return {
      ended,
      running: await scenario.running(),
      inspected: (await honest.shell("docker inspect $(docker ps -a -q)")).stdout,
      contained: (await honest.containers()).map(({ image }) => image),
      pulled: await honest.images(),
      sentElsewhere: [...sentElsewhere],
    };
  }

  /** Docker on the honest droplet, and the registry that nobody configured. */
  function expectNothingForged({ inspected, contained, pulled, sentElsewhere: sent }: GoingBack): void {
    expect(inspected).toContain(images[0]?.split("@")[0]);
    expect(inspected).not.toContain(ELSEWHERE);
    expect(inspected).not.toContain("SYS_ADMIN");
    expect(contained).not.toEqual([]);
    for (const image of contained) expect(images).toContain(image);
    expect(pulled.filter((image) => image.startsWith(ELSEWHERE))).toEqual([]);
    expect(sent).toEqual([]);
  }

  it("does not lead another operator's rollback elsewhere than the record of the honest one does", () => {
    const { exitCode, stderr } = elsewhere.ended;
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr });
    expect(elsewhere.running).toEqual([images[1], images[1]]);
    const told = stderr.split("\n").filter((line) => line.includes("api-1"));
    expect(told.join("\n")).toContain(`it was not signed with a key of ${RECORD_KEY_VARIABLE} here`);
    expect(told.join("\n")).toContain(ids[1]);
    expectNothingForged(elsewhere);
  });

  it("does not lead it forward with an old record, which the honest one's newer one outvotes, also as the key is changed", () => {
    const { exitCode, stderr } = forward.ended;
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr });
    expect(forward.running).toEqual([images[0], images[0]]);
    expect(stderr).toMatch(/api-1.*it is an older one/);
    expectNothingForged(forward);
  });

  it("is named where its record is cut short, and nothing is touched where nothing is before", () => {
    const { exitCode, stderr } = cutShort.ended;
    expect({ exitCode, stderr }).toEqual({ exitCode: 3, stderr });
    expect(stderr).toContain("NothingBefore");
    expect(stderr).toMatch(/api-1.*it has not the form of one/);
    expect(cutShort.running).toEqual([images[0], images[0]]);
    expectNothingForged(cutShort);
  });
});
