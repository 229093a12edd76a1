import { spawnSync } from "node:child_process";
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, utimesSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { makeSocketFolder, removeLeftFolders, removeSocketFolder } from "../../../scripts/rollout/adapters/sockets.js";

const NOW = Date.now();
const HOUR_MS = 3_600_000;
/** A process that has ended. */
const gone = spawnSync("true").pid;

it("names the folder of the sockets by the process that it belongs to", () => {
  const folder = makeSocketFolder();
  try {
    expect(folder).toMatch(new RegExp(`^/tmp/ek-${process.pid}-\\w{6}$`));
  } finally {
    removeSocketFolder(folder);
  }
});

describe("a folder of sockets that a killed controller left", () => {
  let parent: string;
  const servers: Server[] = [];
  beforeEach(() => {
    parent = mkdtempSync(path.join(tmpdir(), "eks-"));
  });
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
    rmSync(parent, { recursive: true });
  });

  const age = (name: string, hours = 25): void => {
    const seconds = (NOW - hours * HOUR_MS) / 1000;
    utimesSync(path.join(parent, name), seconds, seconds);
  };
  const leave = (name: string, hours?: number): string => {
    mkdirSync(path.join(parent, name));
    age(name, hours);
    return name;
  };
  const left = async (): Promise<string[]> => {
    await removeLeftFolders(parent, NOW);
    return readdirSync(parent).sort();
  };
  const listen = async (socket: string): Promise<void> => {
    const server = createServer();
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(socket, resolve));
  };

  it("is removed a day later", async () => {
    leave(`ek-${gone}-a1B2c3`);
    expect(await left()).toEqual([]);
  });

  it("stays for a day, as its process may live in another container", async () => {
    const name = leave(`ek-${gone}-a1B2c3`, 23);
    expect(await left()).toEqual([name]);
  });

  it("stays while its process lives", async () => {
    const name = leave(`ek-${process.pid}-a1B2c3`);
    expect(await left()).toEqual([name]);
  });

  it("stays while an ssh listens on one of its sockets, and goes when nobody does any more", async () => {
    const name = leave(`ek-${gone}-a1B2c3`);
    const socket = path.join(parent, name, "1");
    await listen(socket);
    age(name);
    expect(await left()).toEqual([name]);

    // A killed ssh leaves its socket there.
    const killed = `require("net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))`;
    rmSync(socket);
    spawnSync(process.execPath, ["-e", killed, socket]);
    expect(existsSync(socket)).toBe(true);
    age(name);
    expect(await left()).toEqual([]);
  });

  it("is never anything of another name, nor what a link leads to", async () => {
    const names = [leave("ek-notes"), leave(`eks-${gone}-a1B2c3`), leave("elsewhere")];
    symlinkSync(path.join(parent, "elsewhere"), path.join(parent, `ek-${gone}-d4E5f6`));
    expect(await left()).toEqual([...names, `ek-${gone}-d4E5f6`].sort());
  });

  const ofRoot = process.getuid?.() === 0 ? it : it.skip;
  ofRoot("is never that of another user (root only: nobody else can make one)", async () => {
    const name = leave(`ek-${gone}-a1B2c3`);
    chownSync(path.join(parent, name), 12345, 12345);
    expect(await left()).toEqual([name]);
  });
});
