/** What is kept of a failed soak. */
import { expect, it } from "@jest/globals";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { keepEvidence } from "../../../lab/soak/evidence.js";
import type { World } from "../../../lab/world.js";

const change = { node: 0, droplet: "api-1", dropletId: "1", up: false, atMs: 5 };
const droplet = (name: string) => ({
  name,
  containers: async () => [{ name: "api" }, { name: "api-previous" }],
  logs: async (container: string) => [`${container} of ${name} started`],
});
const world = {
  balancer: { settings: { nodes: 1 }, changes: [change] },
  droplets: [droplet("api-1"), droplet("api-2")],
} as unknown as World;

type Kept = Parameters<typeof keepEvidence>[1];

it("keeps load, receipt, events, output, the balancer's changes and every container's log", async () => {
  const measured = {
    span: { fromMs: 1, toMs: 2 },
    load: { failures: [{ atMs: 12, kind: "reset" }] },
    result: {
      rollouts: [],
      last: { exitCode: 0, stdout: "out", stderr: "err", receipt: { runId: "r" }, events: [{ name: "started" }, {}] },
    },
  } as unknown as Kept;
  const folder = await keepEvidence(world, measured);
  const read = (...name: string[]): string => readFileSync(path.join(folder, ...name), "utf8");
  try {
    expect(readdirSync(folder).sort()).toEqual([
      ...["api-1", "api-2", "balancer.json", "events.jsonl", "load.json"],
      ...["receipt.json", "span.json", "stderr.txt", "stdout.txt"],
    ]);
    expect(JSON.parse(read("load.json"))).toEqual(measured.load);
    expect(JSON.parse(read("balancer.json"))).toEqual({ settings: { nodes: 1 }, changes: [change] });
    expect([read("events.jsonl"), read("stderr.txt")]).toEqual(['{"name":"started"}\n{}\n', "err"]);
    expect(JSON.parse(read("receipt.json"))).toEqual({ runId: "r" });
    expect(read("api-2", "api-previous.log")).toBe("api-previous of api-2 started\n");
    expect(JSON.parse(read("api-1", "containers.json"))).toHaveLength(2);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
