/** Numbers with a fraction, for random tests. */
import fc from "fast-check";

/**
 * Drawn evenly from `min` to `max`. Fast-check's doubles are drawn over their bits, so that nearly all of those that may be 0 are almost 0.
 * @param steps how many equal parts the range has
 */
export const evenly = (min: number, max: number, steps = 1000): fc.Arbitrary<number> =>
  fc.noBias(fc.integer({ min: 0, max: steps })).map((step) => min + ((max - min) * step) / steps);
