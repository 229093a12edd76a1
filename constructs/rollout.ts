/** The rollout as a part of the apply. */
import { Resource } from "@cdktf/provider-null/lib/resource/index.js";
import type { ITerraformDependable } from "cdktf";
import { DataResource, Fn } from "cdktf";
import { Construct } from "constructs";
import type { z } from "zod";
import { record } from "../contract/fields.js";
import type { Manifest } from "../contract/manifest.js";
import { environmentNames } from "../contract/manifest.js";
import { rolloutPolicy, service } from "../contract/policy.js";
import { InvalidInput } from "../contract/problems.js";
import type { ApiFleet } from "./api-fleet.js";
import type { ApiLoadBalancer } from "./api-load-balancer.js";
import { checked } from "./checked.js";
import { fleetManifest } from "./fleet-manifest.js";
import { quieten, runBundle } from "./run-bundle.js";
import { settingsHash } from "./settings-hash.js";

const rolloutSettings = record({ service, rollout: rolloutPolicy.prefault({}) });

/** The rollout's part of the configuration; its fields are described in contract/policy.ts. */
export interface RolloutProps {
  /** What runs on the hosts. Its port must be the one that the balancer sends requests to. @default - the balancer's port, else as declared */
  readonly service?: z.input<typeof service>;
  readonly rollout?: z.input<typeof rolloutPolicy>;
  readonly fleet: ApiFleet;
  readonly loadBalancer: ApiLoadBalancer;
  /** What else must be in place before a rollout runs, such as the firewall that lets it in. @default - nothing */
  readonly after?: readonly ITerraformDependable[];
  /** Image to roll out, usually a Terraform variable; empty means keep what the serving hosts run. */
  readonly image: string;
  /** Runs the rollout again whenever it changes. @default - never */
  readonly redeploy?: string;
  /** Keyed fingerprint of the service's secrets: another one runs the rollout again. @default - none */
  readonly secretsFingerprint?: string | null;
  /** Path of the bundled rollout. A relative path counts from the working directory. */
  readonly bundlePath: string;
}

/**
 * One resource for the whole fleet. It runs when image, settings, the redeploy counter or the set of droplets change, after
 * everything else was created and before anything is deleted: Terraform deletes a superseded droplet only once what depended
 * on it is done. A rollout that fails fails the apply, and nothing is deleted.
 * @throws InvalidInput when a field is bad, two contradict each other, or the bundle is missing
 */
export class Rollout extends Construct {
  /** Settings in full, ids and addresses as references. */
  readonly manifest: Manifest;
  /** The same as JSON, for the command line's `--outputs`. */
  readonly manifestJson: string;
  readonly resource: Resource;

  constructor(scope: Construct, id: string, props: RolloutProps) {
    super(scope, id);
    this.manifest = this.buildManifest(props);
    // Not Fn.jsonencode: only plain references remain in the text, which the lab resolves without Terraform.
    this.manifestJson = JSON.stringify(this.manifest);
    const { fleet, loadBalancer, after = [], image, redeploy = "0", bundlePath } = props;
    const droplets = [...fleet.droplets.values()];
    this.resource = new Resource(this, "rollout", {
      triggers: {
        image,
        redeploy,
        settings: settingsHash(this.manifest, props.secretsFingerprint ?? null),
        droplets: Fn.join(
          ",",
          droplets.map((droplet) => droplet.id),
        ),
      },
      dependsOn: [...droplets, loadBalancer.resource, ...after],
      provisioners: [runBundle(this, { command: "deploy", environment: this.environment(image), bundlePath })],
    });
    quieten(this.resource);
    this.remember();
  }

  /**
   * Terraform deletes a droplet that is declared no more after whatever its state says depended on it. The rollout is gone from the state once an
   * apply has begun to replace it and did not come that far, because the guard refused or an API failed; the next apply would then delete
   * beside the rollout. This one is only ever changed in place, after the rollout, and so remembers.
   */
  private remember(): void {
    new DataResource(this, "rolled-out", { input: { rollout: this.resource.id } });
  }

  private buildManifest({ fleet, loadBalancer, service: app, rollout }: RolloutProps): Manifest {
    const { servicePort } = loadBalancer.settings;
    const settings = checked(this, rolloutSettings, { service: { port: servicePort, ...app }, rollout });
    const subject = `Rollout ${this.node.path}`;
    if (settings.service.port !== servicePort) {
      throw new InvalidInput(subject, [
        `service.port: port (${settings.service.port}) is not the balancer's servicePort (${servicePort}); make them the same, or leave port out`,
      ]);
    }
    return fleetManifest(`${subject} manifest`, { fleet, loadBalancer, ...settings });
  }

  private environment(image: string): Record<string, string> {
    return {
      [environmentNames.manifest]: this.manifestJson,
      [environmentNames.image]: image,
      [environmentNames.startedBy]: "terraform",
    };
  }
}
