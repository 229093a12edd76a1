/** The API's own name: its zone, its certificate and its record. */
import { createHash } from "node:crypto";
import { Certificate } from "@cdktf/provider-digitalocean/lib/certificate/index.js";
import { Domain } from "@cdktf/provider-digitalocean/lib/domain/index.js";
import { Record } from "@cdktf/provider-digitalocean/lib/record/index.js";
import { Construct } from "constructs";
import type { z } from "zod";
import { fleetFields } from "../contract/config.js";
import { domain, domainRules, type Domain as DomainSettings } from "../contract/domain.js";
import { record } from "../contract/fields.js";
import { crossField } from "../contract/policy.js";
import { checked } from "./checked.js";

const domainSettings = record({
  /** Name that clients ask for, its zone, certificate and so on. */
  domain,
  /** Together with `environment` the beginning of the certificate's name. */
  name: fleetFields.shape.name,
  environment: fleetFields.shape.environment,
}).superRefine((settings, context) =>
  domainRules(settings.domain, (path, message) =>
    context.addIssue({ code: "custom", path: ["domain", ...path], message, params: crossField }),
  ),
);

/** The domain's part of the configuration; its fields are described in contract/domain.ts. */
export type ApiDomainProps = z.input<typeof domainSettings>;

/**
 * What a balancer needs to speak HTTPS, and, once that has an address, the record that leads there. Everything that a certificate is made from stands in
 * its name, so that another one is created beside it, the balancer changed in place, and only then the old one deleted.
 * @throws InvalidInput when a field is bad, or two contradict each other
 */
export class ApiDomain extends Construct {
  /** The fields with every default filled in. */
  readonly settings: DomainSettings;
  /** Name of the certificate in the account; a reference where the stack has it issued. */
  readonly certificateName: string;
  /** The zone when the stack makes it; null for one that is there, or none. */
  readonly #ownZone: Domain | null;

  constructor(scope: Construct, id: string, props: ApiDomainProps) {
    super(scope, id);
    const { domain: settings, ...fleet } = checked(this, domainSettings, props);
    this.settings = settings;
    const { zone, createZone, certificate } = settings;
    this.#ownZone = createZone && zone !== undefined ? new Domain(this, "zone", { name: zone }) : null;
    this.certificateName = certificate.name ?? this.issueCertificate(`${fleet.environment}-${fleet.name}`).name;
  }

  /** Whether Let's Encrypt signs: DigitalOcean would then make a record of its own. */
  get isIssued(): boolean {
    return this.settings.certificate.name === undefined;
  }

  /** Makes the record. Nothing where DNS is somewhere else. */
  leadTo(address: string): void {
    const { name, zone, ttlSeconds: ttl } = this.settings;
    if (zone === undefined) return;
    new Record(this, "record", {
      domain: this.#ownZone?.name ?? zone,
      ...{ type: "A", name: name === zone ? "@" : name.slice(0, -zone.length - 1), value: address, ttl },
    });
  }

  private issueCertificate(fleet: string): Certificate {
    const { name, certificate } = this.settings;
    const type = "lets_encrypt";
    // Names of certificates are unique in an account: without another one nothing could be created before the old one is destroyed.
    const made = createHash("sha256").update(JSON.stringify([type, name, certificate.issue]));
    return new Certificate(this, "certificate", {
      name: `${fleet}-${made.digest("hex").slice(0, 8)}`,
      ...{ type, domains: [name] },
      lifecycle: { createBeforeDestroy: true },
      // DigitalOcean proves there that the name is yours.
      ...(this.#ownZone ? { dependsOn: [this.#ownZone] } : {}),
    });
  }
}
