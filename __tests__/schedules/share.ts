/** A worker's share of the schedules, as it is ordered and as it is told of. */
import { z } from "zod";

export const order = z.strictObject({ seed: z.int(), schedules: z.int(), path: z.string().optional() });
export type Order = z.output<typeof order>;

export const report = z.strictObject({
  schedules: z.int(),
  sent: z.int(),
  coverage: z.record(z.string(), z.int()),
  /** The first schedule that failed, made as small as could be. */
  failure: z
    .strictObject({ seed: z.int(), path: z.string(), broken: z.array(z.string()), drawn: z.string() })
    .nullable(),
});
export type Report = z.output<typeof report>;
