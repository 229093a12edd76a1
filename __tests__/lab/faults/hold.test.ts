/** A steward that is held at a step, on an embedded droplet. */
import { afterAll, beforeAll, expect, it, jest } from "@jest/globals";
import type { EmbeddedDroplet } from "../../../lab/embedded/droplet.js";
import { embedded, type EmbeddedWorld } from "../../../lab/embedded/site.js";
import { Hold } from "../../../lab/faults/hold.js";
import { startWorld } from "../../../lab/world.js";
import { stackJson } from "../support/stack.js";
import { until } from "../support/until.js";

/** For a machine that is slow or busy; nothing is concluded from the time it takes. */
jest.setTimeout(60_000);

let world: EmbeddedWorld;
let host: EmbeddedDroplet;
beforeAll(async () => {
  world = await startWorld({ stackJson: stackJson({ names: ["api-1"] }), site: embedded() });
  host = world.droplet("api-1");
  await host.booted();
});
afterAll(() => world.stop());

const NEVER = new AbortController().signal;
const has = async (file: string): Promise<boolean> => (await host.shell(`test -e ${file}`)).exitCode === 0;

/** Writes a step down and puts it onto the disk, as a steward does. */
const begins = (step: string): string => `printf '1\\tstep\\t${step}\\n' >>journal && sync journal`;

it("goes on at other steps, stands still at that one until the hold ends, and not again after that", async () => {
  const hold = await Hold.at("new-run", [host]);
  const steward = host.shell(
    `${begins("old-keep")} && : >kept && ${begins("new-run")} && : >run && ${begins("new-run")} && : >again`,
  );
  expect(await hold.first(NEVER)).toBe(host);
  expect([await has("kept"), await has("run")]).toEqual([true, false]);
  await hold.end();
  expect((await steward).exitCode).toBe(0);
  expect(await has("again")).toBe(true);
});

it("is nobody when no steward comes to the step", async () => {
  const hold = await Hold.at("front-lead", [host]);
  const over = new AbortController();
  const first = hold.first(over.signal);
  over.abort();
  expect(await first).toBeNull();
  await hold.end();
});

it("ends with the power of its droplet", async () => {
  const hold = await Hold.at("front-keep", [host]);
  const steward = host.shell(`${begins("front-keep")} && : >after-power`);
  await hold.first(NEVER);
  await host.powerOff();
  await steward;
  await hold.end();
  host.powerOn();
  await host.booted();
  await until("it has its own sync again", async () => (await host.shell(begins("front-keep"))).exitCode === 0);
  expect(await has("after-power")).toBe(false);
});
