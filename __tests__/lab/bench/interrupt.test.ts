/** Waiting that can be ended. */
import { describe, expect, it } from "@jest/globals";
import { unlessAborted } from "../../../lab/bench/interrupt.js";

describe("waiting unless aborted", () => {
  const never = new Promise<never>(() => undefined);

  it("gives what the work gives, good or bad", async () => {
    const { signal } = new AbortController();
    await expect(unlessAborted(signal, Promise.resolve(7))).resolves.toBe(7);
    await expect(unlessAborted(signal, Promise.reject(new Error("bad")))).rejects.toThrow("bad");
  });

  it("ends with the signal's reason when that comes first, or was there before", async () => {
    const stop = new AbortController();
    const waiting = unlessAborted(stop.signal, never);
    stop.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    await expect(unlessAborted(stop.signal, Promise.resolve(7))).rejects.toThrow("enough");
  });

  it("keeps nothing of work that fails after it was left", async () => {
    const stop = new AbortController();
    let fail: (error: Error) => void = () => undefined;
    const work = new Promise<never>((_settle, reject) => (fail = reject));
    const waiting = unlessAborted(stop.signal, work);
    stop.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    // Would end the process if nobody listened.
    fail(new Error("too late"));
    await new Promise(setImmediate);
  });
});
