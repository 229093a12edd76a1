/**
 * Alerts on metrics. Nothing is measured, so none is ever sent.
 * @see https://docs.digitalocean.com/reference/api/reference/monitoring/
 */
import { z } from "zod";
import type { Identities } from "./identities.js";
import { page } from "./pages.js";
import { receivers } from "./receivers.js";
import { ok, readBody, removing, type Routes } from "./router.js";
import { Shelf } from "./shelf.js";

const policyRequest = z.strictObject({
  type: z.string().startsWith("v1/"),
  description: z.string(),
  compare: z.enum(["GreaterThan", "LessThan"]),
  value: z.number(),
  window: z.enum(["5m", "10m", "30m", "1h"]),
  entities: z
    .array(z.string())
    .nullish()
    .transform((ids) => ids ?? []),
  tags: z
    .array(z.string())
    .nullish()
    .transform((names) => names ?? []),
  alerts: receivers,
  enabled: z
    .boolean()
    .nullish()
    .transform((enabled) => enabled ?? true),
});

type Policy = Readonly<z.output<typeof policyRequest>> & { readonly uuid: string };

export class MetricAlerts {
  readonly #policies = new Shelf<Policy>();

  constructor(private readonly identities: Identities) {}

  routes(): Routes {
    return {
      "POST /v2/monitoring/alerts": ({ body }) => ok({ policy: this.#put(this.identities.nextUuid(), body) }),
      "GET /v2/monitoring/alerts?page&per_page": ({ url }) => page("policies", this.#policies.all, url),
      "GET /v2/monitoring/alerts/:id": ({ words: [id = ""] }) => ok({ policy: this.#policies.get(id) }),
      "PUT /v2/monitoring/alerts/:id": ({ words: [id = ""], body }) =>
        ok({ policy: this.#put(this.#policies.get(id).uuid, body) }),
      "DELETE /v2/monitoring/alerts/:id": removing((id) => this.#policies.take(id)),
    };
  }

  #put(uuid: string, body: unknown): Policy {
    return this.#policies.put(uuid, { uuid, ...readBody(policyRequest, body) });
  }
}
