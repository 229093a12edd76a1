/** Who gets an alert. */
import { z } from "zod";

/** Both lists are always there: the Terraform provider takes a missing one for none at all. */
export const receivers = z
  .strictObject({
    email: z.array(z.email()).nullish(),
    slack: z.array(z.strictObject({ url: z.url(), channel: z.string() })).nullish(),
  })
  .transform((given) => ({ email: given.email ?? [], slack: given.slack ?? [] }));
