import { setTimeout as sleep } from "node:timers/promises";

/** For a machine that is slow or busy; nothing is concluded from the time it takes. */
const LIMIT_MS = 60_000;

/** Resolves once the condition holds. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + LIMIT_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not within ${LIMIT_MS} ms: ${what}`);
    await sleep(10);
  }
}
