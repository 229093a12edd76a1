/** A command of the bundled rollout as a part of the apply. */
import type { LocalExecProvisioner } from "cdktf";
import { AssetType, TerraformAsset, TerraformStack } from "cdktf";
import type { Resource } from "@cdktf/provider-null/lib/resource/index.js";
import type { Construct } from "constructs";
import { environmentNames } from "../contract/manifest.js";
import { bundleFile } from "./bundle.js";

/** Workers of HCP Terraform have none. */
const NO_NODE =
  "evenkeel: there is no node where this apply runs; run it where Node 20 or 22 and ssh are, such as an agent of your own (docs/backends.md)";

/**
 * `; exit $?` keeps the shell from becoming node: an interrupted apply kills its direct child at once, and node must live on
 * to put the host at hand back. Without double quotes, so that nothing has to be escaped in Terraform's language.
 */
const commandLine = (command: "deploy" | "guard"): string =>
  `if ! command -v node >/dev/null; then echo '${NO_NODE}' >&2; exit 127; fi; node $${environmentNames.bundle} ${command}; exit $?`;

interface BundleRun {
  readonly command: "deploy" | "guard";
  /** No secret: one would hide all output, and an error would print it still. Tokens are inherited. */
  readonly environment: Readonly<Record<string, string>>;
  /** A relative path counts from the working directory. */
  readonly bundlePath: string;
}

/**
 * Runs the bundle, which becomes an asset of the stack, once for all that run it.
 * @throws InvalidInput when the bundle is missing, Error when a stack is given two
 */
export function runBundle(scope: Construct, { command, environment, bundlePath }: BundleRun): LocalExecProvisioner {
  const asset = assetOf(TerraformStack.of(scope), bundleFile(bundlePath));
  return {
    type: "local-exec",
    command: commandLine(command),
    // Relative to the stack's folder, which a remote run gets as a whole.
    environment: { ...environment, [environmentNames.bundle]: `\${path.module}/${asset.path}` },
  };
}

const assets = new WeakMap<TerraformStack, { readonly path: string; readonly asset: TerraformAsset }>();

function assetOf(stack: TerraformStack, path: string): TerraformAsset {
  const known = assets.get(stack);
  if (known && known.path !== path) throw new Error(`${stack.node.id} is given two bundles: ${known.path}, ${path}`);
  const asset = known?.asset ?? new TerraformAsset(stack, "rollout-bundle", { path, type: AssetType.FILE });
  assets.set(stack, { path, asset });
  return asset;
}

/** Keeps the command out of the bundle's own lines. The bindings do not know the attribute. */
export const quieten = (resource: Resource): void => resource.addOverride("provisioner.0.local-exec.quiet", true);
