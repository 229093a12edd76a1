/** The droplets and what they need to exist. */
import { Droplet } from "@cdktf/provider-digitalocean/lib/droplet/index.js";
import { SshKey } from "@cdktf/provider-digitalocean/lib/ssh-key/index.js";
import { Tag } from "@cdktf/provider-digitalocean/lib/tag/index.js";
import { Vpc } from "@cdktf/provider-digitalocean/lib/vpc/index.js";
import type { ITerraformDependable } from "cdktf";
import { Construct } from "constructs";
import type { z } from "zod";
import { dropletNames, fleetFields, ownRules, stackTag } from "../contract/config.js";
import { record } from "../contract/fields.js";
import { crossField } from "../contract/policy.js";
import { checked } from "./checked.js";
import { cloudInit } from "./cloud-init.js";
import { templateText } from "./template-text.js";

const { name, environment, region, dropletCount, fleetTag, droplet, ssh, vpcIpRange } = fleetFields.shape;

const fleetSettings = record({
  name,
  environment,
  region,
  dropletCount,
  fleetTag,
  droplet,
  ssh,
  vpcIpRange,
}).superRefine((settings, context) =>
  ownRules(settings, (path, message) => context.addIssue({ code: "custom", path, message, params: crossField })),
);

type FleetSettings = z.output<typeof fleetSettings>;

/** The fleet's part of the configuration; its fields are described in contract/config.ts. */
export interface ApiFleetProps extends z.input<typeof fleetSettings> {
  /** Private network to use. A change rebuilds every droplet. @default - a network of the fleet's own */
  readonly vpcUuid?: string;
  /** What must have ended well before the balancer's tag or a droplet is created or changed, such as the {@link Guard}. @default - nothing */
  readonly after?: readonly ITerraformDependable[];
}

/**
 * Droplets `<name>-1` … `<name>-N`, each a block of its own keyed by its name, with the tag that a balancer finds them by and
 * a tag of this stack's own. A droplet that must be replaced is created anew before the old one is destroyed.
 *
 * Without a {@link FleetFirewall} the droplets answer whatever their network lets through.
 * @throws InvalidInput when a field is bad, or no SSH key is named
 */
export class ApiFleet extends Construct {
  /** The fields with every default filled in. */
  readonly settings: FleetSettings;
  /** By name, `<name>-1` first. */
  readonly droplets: ReadonlyMap<string, Droplet>;
  /** Tag that the balancer matches, as a reference. */
  readonly fleetTag: string;
  /** Tag of every droplet that this stack created, superseded ones among them, as a reference. */
  readonly stackTag: string;
  /** The same tag written out. */
  readonly stackTagName: string;
  readonly vpcUuid: string;

  constructor(scope: Construct, id: string, props: ApiFleetProps) {
    super(scope, id);
    const { vpcUuid, after = [], ...fields } = props;
    this.settings = checked(this, fleetSettings, fields);
    // Whoever has it in the state deletes it one day, and with it every droplet's: one that the guard refuses must not get there.
    this.fleetTag = new Tag(this, "fleet-tag", { name: this.settings.fleetTag, dependsOn: [...after] }).name;
    this.stackTagName = stackTag(this.settings);
    this.stackTag = new Tag(this, "stack-tag", { name: this.stackTagName }).name;
    this.vpcUuid = vpcUuid ?? this.createVpc().id;
    this.droplets = this.createDroplets(after);
  }

  /**
   * The name holds all that replaces a network: whatever a create_before_destroy resource needs is itself created before its
   * old one is destroyed, and DigitalOcean wants the names of networks to differ.
   */
  private createVpc(): Vpc {
    const { region: slug, vpcIpRange: ipRange } = this.settings;
    const parts = [this.qualifiedName(), slug, ...(ipRange ? [ipRange.replace("/", "-")] : [])];
    return new Vpc(this, "vpc", { name: parts.join("-"), region: slug, ...(ipRange && { ipRange }) });
  }

  private createDroplets(after: readonly ITerraformDependable[]): Map<string, Droplet> {
    const { droplet: settings, region: slug, ssh: access } = this.settings;
    const { containerRange, ...machine } = settings;
    const common = {
      ...machine,
      region: slug,
      tags: [this.fleetTag, this.stackTag],
      vpcUuid: this.vpcUuid,
      sshKeys: this.sshKeys(),
      userData: templateText(
        cloudInit({ user: access.user, sshPort: access.port, size: machine.size, containerRange }),
      ),
      // The rollout moves the API to the new droplet before Terraform deletes the old one.
      lifecycle: { createBeforeDestroy: true },
      dependsOn: [...after],
    };
    const create = (id: string) => new Droplet(this, id, { ...common, name: id });
    return new Map(dropletNames(this.settings).map((id) => [id, create(id)]));
  }

  /** By fingerprint, which stays the same when the same key is registered again: another value rebuilds every droplet. */
  private sshKeys(): string[] {
    const { publicKey, keyFingerprints } = this.settings.ssh;
    if (!publicKey) return keyFingerprints;
    return [new SshKey(this, "ssh-key", { name: this.qualifiedName(), publicKey }).fingerprint, ...keyFingerprints];
  }

  private qualifiedName(): string {
    return `${this.settings.environment}-${this.settings.name}`;
  }
}
