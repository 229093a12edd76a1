/** The rollout as a part of the apply. */
import { Resource } from "@cdktf/provider-null/lib/resource/index.js";
import type { ITerraformDependable } from "cdktf";
import { AssetType, Fn, TerraformAsset } from "cdktf";
import { Construct } from "constructs";
import type { z } from "zod";
import { record } from "../contract/fields.js";
import type { Manifest } from "../contract/manifest.js";
import { environmentNames } from "../contract/manifest.js";
import { rolloutPolicy, service } from "../contract/policy.js";
import { InvalidInput } from "../contract/problems.js";
import type { ApiFleet } from "./api-fleet.js";
import type { ApiLoadBalancer } from "./api-load-balancer.js";
import { bundleFile } from "./bundle.js";
import { checked } from "./checked.js";
import { fleetManifest } from "./fleet-manifest.js";
import { settingsHash } from "./settings-hash.js";

const rolloutSettings = record({ service, rollout: rolloutPolicy.prefault({}) });

/** The rollout's part of the configuration; its fields are described in contract/policy.ts. */
export interface RolloutProps {
  /** What runs on the hosts. Its port must be the one that the balancer asks. @default - the balancer's port, else as declared */
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
    const { fleet, loadBalancer, after = [], image, redeploy = "0" } = props;
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
      provisioners: [{ type: "local-exec", command: COMMAND, environment: this.environment(props) }],
    });
    // Keeps the command out of the rollout's own lines. The bindings do not know the attribute.
    this.resource.addOverride("provisioner.0.local-exec.quiet", true);
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

  /** No secret: one would hide all output of the rollout, and an error would print it still. Tokens are inherited. */
  private environment({ image, bundlePath }: RolloutProps): Record<string, string> {
    const asset = new TerraformAsset(this, "bundle", { path: bundleFile(bundlePath), type: AssetType.FILE });
    return {
      [environmentNames.manifest]: this.manifestJson,
      [environmentNames.image]: image,
      [environmentNames.startedBy]: "terraform",
      // Relative to the stack's folder, which a remote run gets as a whole.
      [environmentNames.bundle]: `\${path.module}/${asset.path}`,
    };
  }
}

/** Workers of HCP Terraform have none. */
const NO_NODE =
  "evenkeel: there is no node where this apply runs; run it where Node 20 or 22 and ssh are, such as an agent of your own (docs/backends.md)";

/**
 * `; exit $?` keeps the shell from becoming node: an interrupted apply kills its direct child at once, and node must live on
 * to put the host at hand back. Without double quotes, which `cdktf synth --hcl` renders wrongly.
 */
const COMMAND = `if ! command -v node >/dev/null; then echo '${NO_NODE}' >&2; exit 127; fi; node $${environmentNames.bundle} deploy; exit $?`;
