/**
 * Uptime checks and their alerts. Nothing is asked, so none is ever sent.
 * @see https://docs.digitalocean.com/reference/api/reference/uptime/
 */
import { z } from "zod";
import type { Identities } from "./identities.js";
import { page } from "./pages.js";
import { receivers } from "./receivers.js";
import { created, ok, readBody, removing, type Request, type Routes } from "./router.js";
import { Shelf } from "./shelf.js";

const checkRequest = z.strictObject({
  name: z.string().min(1),
  type: z.enum(["ping", "http", "https"]),
  target: z.string().min(1),
  regions: z
    .array(z.enum(["us_east", "us_west", "eu_west", "se_asia"]))
    .nullish()
    .transform((regions) => regions ?? []),
  enabled: z.boolean().default(true),
});

const alertRequest = z.strictObject({
  name: z.string().min(1),
  type: z.enum(["latency", "down", "down_global", "ssl_expiry"]),
  threshold: z.number().int().optional(),
  comparison: z.enum(["greater_than", "less_than", ""]).optional(),
  period: z.enum(["2m", "3m", "5m", "10m", "15m", "30m", "1h"]),
  notifications: receivers.nullish().transform((given) => given ?? { email: [], slack: [] }),
});

type Alert = Readonly<z.output<typeof alertRequest>> & { readonly id: string };
type Check = Readonly<z.output<typeof checkRequest>> & { readonly id: string };

interface Watched {
  readonly check: Check;
  readonly alerts: Shelf<Alert>;
}

export class UptimeChecks {
  readonly #checks = new Shelf<Watched>();

  constructor(private readonly identities: Identities) {}

  routes(): Routes {
    return { ...this.#checkRoutes(), ...this.#alertRoutes() };
  }

  #checkRoutes(): Routes {
    return {
      "POST /v2/uptime/checks": ({ body }) =>
        created({ check: this.#put(this.identities.nextUuid(), new Shelf(), body) }),
      "GET /v2/uptime/checks?page&per_page": ({ url }) =>
        page(
          "checks",
          this.#checks.all.map(({ check }) => check),
          url,
        ),
      "GET /v2/uptime/checks/:id": ({ words: [id = ""] }) => ok({ check: this.#checks.get(id).check }),
      "PUT /v2/uptime/checks/:id": ({ words: [id = ""], body }) =>
        ok({ check: this.#put(id, this.#checks.get(id).alerts, body) }),
      "DELETE /v2/uptime/checks/:id": removing((id) => this.#checks.take(id)),
    };
  }

  #alertRoutes(): Routes {
    const alerts = ({ words: [check = ""] }: Request) => this.#checks.get(check).alerts;
    const put = (request: Request, id: string) =>
      alerts(request).put(id, { id, ...readBody(alertRequest, request.body) });
    const one = ({ words: [, id = ""] }: Request): string => id;
    return {
      "POST /v2/uptime/checks/:id/alerts": (request) => created({ alert: put(request, this.identities.nextUuid()) }),
      "GET /v2/uptime/checks/:id/alerts?page&per_page": (request) => page("alerts", alerts(request).all, request.url),
      "GET /v2/uptime/checks/:id/alerts/:alert": (request) => ok({ alert: alerts(request).get(one(request)) }),
      "PUT /v2/uptime/checks/:id/alerts/:alert": (request) =>
        ok({ alert: put(request, alerts(request).get(one(request)).id) }),
      "DELETE /v2/uptime/checks/:id/alerts/:alert": removing((id, request) => alerts(request).take(id)),
    };
  }

  #put(id: string, alerts: Shelf<Alert>, body: unknown): Check {
    return this.#checks.put(id, { check: { id, ...readBody(checkRequest, body) }, alerts }).check;
  }
}
