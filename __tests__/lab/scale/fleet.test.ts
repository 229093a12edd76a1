import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { testRecordKeys } from "../../support/fleet.js";
import { SimFleet } from "../../../lab/scale/fleet.js";
import { manifestOf, releaseNumber } from "../../../lab/scale/settings.js";
import { SshConnection } from "../../../scripts/rollout/adapters/ssh.js";
import { realPorts } from "../../../scripts/rollout/compose.js";
import type { Receipt } from "../../../scripts/rollout/core/receipt.js";
import { rollout } from "../../../scripts/rollout/run.js";
import { quickSettings } from "./support.js";

/** For a machine that is slow or busy; nothing is concluded from the time it takes. */
jest.setTimeout(60_000);

const manifest = manifestOf(3, quickSettings);
const image = releaseNumber(2, manifest).image;

// Only Linux answers on the whole of 127.0.0.0/8.
const onLinux = process.platform === "linux" ? describe : describe.skip;
const why = process.platform === "linux" ? "" : " (skipped: only Linux has a loopback address for each host)";

onLinux(`a simulated fleet${why}`, () => {
  let folder: string;
  let fleet: SimFleet;
  beforeEach(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "eks-"));
    fleet = await SimFleet.start(manifest, quickSettings, folder);
  });
  afterEach(async () => {
    await fleet.close();
    rmSync(folder, { recursive: true });
  });

  async function deploy(): Promise<Receipt> {
    const ports = realPorts(manifest, fleet.environment(), () => ({ emit: () => undefined }));
    const { signal } = new AbortController();
    const wanted = { do: "deploy", image } as const;
    const request = {
      manifest,
      wanted,
      startedByTerraform: true,
      skipPreDeploy: false,
      registryLogin: null,
      ...testRecordKeys,
      secrets: null,
      owner: "test@lab",
      waitSeconds: 0,
      signal,
    };
    try {
      return await rollout(request, ports);
    } finally {
      await ports.dispose();
    }
  }

  test("recognises every command of a whole rollout, over one connection a host", async () => {
    const receipt = await deploy();
    expect(fleet.faults).toEqual([]);
    expect(receipt.error).toBeNull();
    expect(receipt.hosts.map((host) => host.action)).toEqual(["replaced", "replaced", "replaced"]);
    expect(receipt.witness.failed).toBe(0);
    const { id } = releaseNumber(2, manifest);
    for (const { machine, commands } of fleet.hosts) {
      expect([machine.state("current")?.release, machine.serving?.health]).toEqual([id, 200]);
      expect(commands).toMatchObject({ steward: 1, pull: 1, prune: 1, logs: 0 });
      expect(commands.observe).toBeGreaterThan(5);
    }
    expect(fleet.connections).toEqual(manifest.hosts.map(() => ({ connections: 1, refusedSessions: 0 })));
  });

  test("can be rolled out again: nothing is left to do", async () => {
    await deploy();
    const receipt = await deploy();
    expect(fleet.faults).toEqual([]);
    expect(receipt.hosts.map((host) => host.action)).toEqual(["kept", "kept", "kept"]);
  });

  test("refuses a command that no rollout gives, and notes it", async () => {
    const [host] = manifest.hosts;
    if (!host) throw new Error("the fleet has three hosts");
    const configFile = fleet.environment()["EVENKEEL_SSH_CONFIG"] ?? null;
    const access = { ...manifest.ssh };
    const stranger = new SshConnection(
      host,
      { access, configFile, knownHosts: path.join(folder, "known_hosts") },
      path.join(folder, "socket"),
    );
    try {
      await expect(stranger.run("uptime", { timeoutSeconds: 10 })).rejects.toMatchObject({ code: "HostCommandFailed" });
    } finally {
      await stranger.close();
    }
    expect(fleet.faults).toEqual([expect.stringContaining("uptime")]);
  });
});
