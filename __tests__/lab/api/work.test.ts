import { expect, test } from "@jest/globals";
import { Work } from "../../../lab/api/work.js";

const gate = () => {
  let open = (): void => undefined;
  const opened = new Promise<void>((settle) => (open = settle));
  return { opened, open };
};

test("one machine does one thing after the other, another does not wait for it", async () => {
  const work = new Work(() => undefined);
  const done: string[] = [];
  const { opened, open } = gate();
  work.start("a", async () => {
    await opened;
    done.push("a first");
  });
  work.start("a", async () => void done.push("a second"));
  work.start("b", async () => {
    done.push("b");
    open();
  });
  expect([work.busy("a"), work.busy("c")]).toEqual([true, false]);
  await work.settled();
  expect(done).toEqual(["b", "a first", "a second"]);
  expect(work.busy("a")).toBe(false);
});

test("a failure is told at once and thrown once, and the machine's next work is done all the same", async () => {
  const faults: string[] = [];
  const done: string[] = [];
  const work = new Work((fault) => faults.push(fault));
  work.start("droplet 1", () => Promise.reject(new Error("no disk")));
  work.start("droplet 1", async () => void done.push("next"));
  await expect(work.settled()).rejects.toThrow("no disk");
  expect([faults, done]).toEqual([["droplet 1: Error: no disk"], ["next"]]);
  await expect(work.settled()).resolves.toBeUndefined();
});

test("work that work starts is waited for too", async () => {
  const work = new Work(() => undefined);
  const done: string[] = [];
  work.start("a", async () => work.start("b", async () => void done.push("b")));
  await work.settled();
  expect(done).toEqual(["b"]);
});
