/** Where Terraform keeps the state of a stack. */
import type { TerraformStack } from "cdktf";
import { CloudBackend, LocalBackend, NamedCloudWorkspace, S3Backend } from "cdktf";
import type { Backend } from "../contract/config.js";

export function declareBackend(stack: TerraformStack, { cloud, spaces }: Backend): void {
  const { id } = stack.node;
  if (cloud) {
    const { organization, workspace = id, hostname } = cloud;
    const workspaces = new NamedCloudWorkspace(workspace);
    new CloudBackend(stack, { organization, workspaces, ...(hostname === undefined ? {} : { hostname }) });
  } else if (spaces) {
    declareSpaces(stack, spaces);
  } else {
    // Terraform counts from the stack's folder, so this is the folder that holds cdktf.out; cdktf's own default is absolute.
    new LocalBackend(stack, { path: `../../../terraform.${id}.tfstate` });
  }
}

/** @see https://docs.digitalocean.com/products/spaces/reference/terraform-backend/ */
function declareSpaces(stack: TerraformStack, { bucket, region, key }: NonNullable<Backend["spaces"]>): void {
  const backend = new S3Backend(stack, {
    bucket,
    key: key ?? `${stack.node.id}/terraform.tfstate`,
    // Not used by Spaces, and insisted on by Terraform.
    region: "us-east-1",
    endpoints: { s3: `https://${region}.digitaloceanspaces.com` },
    skipCredentialsValidation: true,
    skipMetadataApiCheck: true,
    skipRegionValidation: true,
    skipRequestingAccountId: true,
    skipS3Checksum: true,
  });
  // The bindings do not know it.
  backend.addOverride("use_lockfile", true);
}
