/** Another SSH key when the old one is lost: the new droplets can be reached, the old ones cannot. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, it, jest } from "@jest/globals";
import { Stacks } from "../../../lab/stacks.js";
import { Reader } from "../../support/reader.js";

jest.setTimeout(900_000);

let folder: string;
let reader: Reader;
beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), "evenkeel-key-"));
  const stacks = new Stacks("__tests__/support/e2e.config.ts", "E2E_FLEET", folder);
  reader = new Reader(folder, stacks, { rollout: { drainTimeoutSeconds: 3 } });
  await follow(
    'ssh-keygen -t ed25519 -f ~/.ssh/old -N ""',
    "ssh-add ~/.ssh/old",
    'export EVENKEEL_SSH_PUBLIC_KEY="$(cat ~/.ssh/old.pub)"',
    "npx cdktf deploy",
    "docker push registry.digitalocean.com/acme/api:v1",
    "export IMAGE=registry.digitalocean.com/acme/api@sha256:…",
    "npx cdktf deploy --var image=$IMAGE",
    'ssh-keygen -t ed25519 -f ~/.ssh/new -N ""',
    "ssh-add ~/.ssh/new",
    "ssh-add -d ~/.ssh/old",
    'export EVENKEEL_SSH_PUBLIC_KEY="$(cat ~/.ssh/new.pub)"',
  );
});
afterEach(async () => {
  await (reader as Reader | undefined)?.end();
  rmSync(folder, { recursive: true, force: true });
});

async function follow(...lines: readonly string[]): Promise<void> {
  for (const line of lines) expect(await reader.run(line)).toMatchObject({ exitCode: 0 });
}

it("is refused without an image, and takes the old droplets out by their tag when one is named", async () => {
  const old = reader.world.droplets.map(({ id }) => id);
  const refused = await reader.run("npx cdktf deploy");
  expect(refused.exitCode).toBe(3);
  expect(refused.output).toContain("NoRelease");
  expect(reader.removals).toEqual([]);

  await follow("npx cdktf deploy --var image=$IMAGE");
  expect(await reader.running()).toEqual([reader.image, reader.image]);
  expect(reader.removals.map(({ dropletId, nodesUp }) => [dropletId, nodesUp])).toEqual(old.map((id) => [id, []]));
});
