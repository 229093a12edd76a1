/** An app that has only the article's three routes, unchanged, drained and replaced under load. */
import { createConnection, type Socket } from "node:net";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import type { EmbeddedDroplet } from "../../../lab/embedded/droplet.js";
import { Scenario } from "../../support/scenario.js";

jest.setTimeout(300_000);

// The connection table that the gate reads is the kernel's; in the embedded lab a container has that of its machine.
const linuxOnly = process.platform === "linux" ? describe : describe.skip;
const why =
  process.platform === "linux" ? "" : " (skipped: connections are counted in /proc/net/tcp, which is Linux's)";

linuxOnly(`the article's app${why}`, () => {
  let scenario: Scenario;

  beforeAll(async () => {
    // Long enough for a busy machine, short enough to see it run out.
    scenario = await Scenario.start({ fleet: { rollout: { drainTimeoutSeconds: 5 } } });
    const { exitCode, stderr } = await scenario.deploy(await push("v1"));
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr });
  });
  afterAll(() => (scenario as Scenario | undefined)?.end());

  const push = (version: string): Promise<string> => scenario.world.pushReference(version, { contract: "article" });

  it("serves nothing but the three routes", async () => {
    const [droplet] = scenario.world.droplets;
    expect((await droplet?.ask("/"))?.body).toMatchObject({ api: "happy response" });
    expect((await droplet?.ask("/health"))?.body).toEqual({ status: "ok" });
    await expect(droplet?.ask("/", 9000)).rejects.toThrow();
  });

  it("does not stop a host to which a connection stands: it serves again, and the rollout ends with 5", async () => {
    const serving = await scenario.running();
    const image = await push("v2");
    const held = await Promise.all(scenario.world.droplets.map(connectTo));
    const { result, seen } = await scenario.under(() => scenario.deploy(image), { slowShare: 0 });
    for (const socket of held) socket.destroy();
    expect(result.receipt?.error?.code).toBe("DrainTimeout");
    expect(result.receipt?.error?.message).toContain("1 connections are still open");
    expect(result.exitCode).toBe(5);
    expect(result.receipt?.hosts.map((host) => host.action).sort()).toEqual(["restored", "untouched"]);
    expect(await scenario.running()).toEqual(serving);
    expect(seen.failures).toEqual([]);
  });

  it("is replaced on both hosts without a failed request", async () => {
    const image = await push("v3");
    const { result, seen } = await scenario.under(() => scenario.deploy(image), { slowShare: 0 });
    expect({ exitCode: result.exitCode, stderr: result.stderr }).toEqual({ exitCode: 0, stderr: result.stderr });
    expect(seen.failures).toEqual([]);
    expect(seen.sent).toBeGreaterThan(0);
    expect(await scenario.running()).toEqual([image, image]);
    expect(result.receipt?.hosts.map((host) => host.action)).toEqual(["replaced", "replaced"]);
  });
});

/** A client of a host that got its answer and keeps the connection. */
async function connectTo(droplet: EmbeddedDroplet): Promise<Socket> {
  const port = await droplet.endpoint(80);
  if (!port) throw new Error(`nothing is published on ${droplet.name}`);
  const socket = createConnection({ host: "127.0.0.1", port });
  socket.write("GET / HTTP/1.1\r\nHost: api\r\n\r\n");
  await once(socket, "data");
  socket.on("error", () => undefined);
  return socket;
}
