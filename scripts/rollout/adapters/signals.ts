/** When the rollout is to stop: a signal, or the end of the process that started it. */

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** Terraform kills only the shell in between; the change of parent is all that is to be seen of it. */
const PARENT_CHECK_MS = 1000;

export interface StopSignal {
  readonly signal: AbortSignal;
  dispose(): void;
}

/** Aborts once, on the first reason to stop. What is under way is taken back before the process ends. */
export function stopSignal(): StopSignal {
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  for (const name of SIGNALS) process.on(name, stop);
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid !== parent) stop();
  }, PARENT_CHECK_MS);
  timer.unref();
  return {
    signal: controller.signal,
    dispose: () => {
      clearInterval(timer);
      for (const name of SIGNALS) process.off(name, stop);
    },
  };
}
