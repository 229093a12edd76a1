/** Waits for all, then throws the first failure: nothing goes on behind the back of the one who handles it. */
export async function settled<Result>(work: readonly Promise<Result>[]): Promise<Result[]> {
  const results = await Promise.allSettled(work);
  return results.map((result) => {
    if (result.status === "rejected") throw result.reason;
    return result.value;
  });
}
