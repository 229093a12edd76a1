/** Waiting that ends when the user does not want to wait any longer. */

/**
 * The work's outcome, or a rejection with the signal's reason as soon as that aborts. The work itself is ended by whoever closes what it
 * works with.
 */
export async function unlessAborted<Result>(signal: AbortSignal, work: Promise<Result>): Promise<Result> {
  signal.throwIfAborted();
  let abort = (): void => undefined;
  const aborted = new Promise<never>((_settle, fail) => {
    abort = () => fail(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
