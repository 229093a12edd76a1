/** docs/life-cycle.md from top to bottom, every line of it, under load. What stands for what: support/reader.ts. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, it, jest } from "@jest/globals";
import type { Load } from "../../../lab/load/load.js";
import { Stacks } from "../../../lab/stacks.js";
import { blocksOf } from "../../support/documented.js";
import { Reader, type Done } from "../../support/reader.js";
import { failedBySecond } from "../../support/terraform-fleet.js";

jest.setTimeout(900_000);

let folder: string;
let reader: Reader;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "evenkeel-life-"));
  reader = new Reader(folder, new Stacks("__tests__/support/e2e.config.ts", "E2E_FLEET", folder));
});
afterAll(async () => {
  await (reader as Reader | undefined)?.end();
  rmSync(folder, { recursive: true, force: true });
});

const ids = (): Record<string, string> => Object.fromEntries(reader.world.droplets.map(({ name, id }) => [name, id]));
/** How often a word stands in what lines of that beginning printed. */
const count = (done: readonly Done[], word: string, beginning = "npm run rollout -- "): number =>
  done
    .filter(({ line }) => line.startsWith(beginning))
    .reduce((sum, { output }) => sum + output.split(word).length - 1, 0);

const images: string[] = [];
let load: Load;
let before: Record<string, string> = {};

/** What holds after each section, by its title. */
const afterwards: Readonly<Record<string, (done: readonly Done[]) => Promise<void>>> = {
  "1. An empty account": async (done) => {
    expect(count(done, "no host runs a release and no image was given", "npx cdktf deploy")).toBe(1);
    expect(count(done, "idle")).toBe(2);
    expect(await reader.running()).toEqual([null, null]);
  },
  "2. The first release": async (done) => {
    images.push(reader.image);
    expect(count(done, "all 2 hosts serve")).toBe(1);
    expect(await reader.running()).toEqual([images[0], images[0]]);
    load = await reader.startLoad();
  },
  "3. The next releases": async (done) => {
    images.push(reader.image);
    expect(images[1]).not.toBe(images[0]);
    expect(count(done, "all 2 hosts serve")).toBe(1);
    expect(await reader.running()).toEqual([images[1], images[1]]);
  },
  "4. Back to the release before": async (done) => {
    expect(count(done, "all 2 hosts serve")).toBe(1);
    expect(await reader.running()).toEqual([images[0], images[0]]);
  },
  "5. Grow": async (done) => {
    expect(count(done, "all 3 hosts serve")).toBe(1);
    expect(ids()).toMatchObject(before);
    expect(reader.removals).toEqual([]);
  },
  "6. Replace one droplet": async (done) => {
    expect(count(done, "all 3 hosts serve")).toBe(1);
    expect(ids()).toEqual({ ...before, "api-2": expect.not.stringMatching(`^${before["api-2"] ?? ""}$`) });
    expect(reader.removals.splice(0)).toEqual([{ droplet: "api-2", dropletId: before["api-2"], nodesUp: [] }]);
  },
  "7. Another SSH key": async (done) => {
    expect(count(done, "all 3 hosts serve")).toBe(1);
    expect(Object.values(ids()).filter((id) => Object.values(before).includes(id))).toEqual([]);
    const removed = reader.removals.splice(0);
    expect(removed.map(({ dropletId }) => dropletId).sort()).toEqual(Object.values(before).sort());
    for (const { nodesUp } of removed) expect(nodesUp).toEqual([]);
    await reader.run("ssh-add -d ~/.ssh/api-droplets-2");
    await reader.run("ssh-add ~/.ssh/api-droplets");
    expect(count([await reader.run("npm run rollout -- status")], "HostUnreachable")).toBe(3);
    await reader.run("ssh-add ~/.ssh/api-droplets-2");
  },
  "8. Shrink": async (done) => {
    expect(count(done, "all 2 hosts serve")).toBe(1);
    expect(ids()).toEqual({ "api-1": before["api-1"], "api-2": before["api-2"] });
    expect(reader.removals.splice(0)).toEqual([{ droplet: "api-3", dropletId: before["api-3"], nodesUp: [] }]);
    const seen = await load.stop();
    expect(failedBySecond(seen)).toEqual([]);
    expect(seen).toMatchObject({ failed: 0, endedEarly: false });
    expect(Object.keys(seen.byRelease)).toHaveLength(2);
  },
  "9. Tear down": async () => expect(reader.world.account.droplets.all).toEqual([]),
};

it("each line of the page does what the page says, and from the first release to the end no request fails", async () => {
  const blocks = blocksOf("docs/life-cycle.md");
  expect([...new Set(blocks.map(({ section }) => section))]).toEqual(Object.keys(afterwards));
  for (const [section, expectIt] of Object.entries(afterwards)) {
    const done: Done[] = [];
    for (const { language, lines } of blocks.filter((block) => block.section === section)) {
      for (const line of lines) {
        if (language === "ts") reader.edit(line);
        else done.push(await reader.run(line));
      }
    }
    expect({ section, failed: done.filter(({ exitCode }) => exitCode !== 0) }).toEqual({ section, failed: [] });
    await expectIt(done);
    if (section !== "9. Tear down") before = ids();
  }
});
