/** The same stack behind HTTPS: what a team with a domain declares. */
import { environmentNames, type Manifest } from "../contract/manifest.js";

type Json = Record<string, unknown>;

const DOMAIN = "api.example.com";
const CERTIFICATE = "lab";

/** A copy of the stack whose balancer serves HTTPS on 443, leads HTTP on 80 there, and whose manifest says so. */
export function withHttps(stackJson: object): Json {
  const stack = structuredClone(stackJson) as Json;
  const resources = stack["resource"] as Record<string, Record<string, Json>>;
  resources["digitalocean_domain"] = { lab: { name: DOMAIN } };
  resources["digitalocean_certificate"] = { lab: { name: CERTIFICATE, type: "lets_encrypt", domains: [DOMAIN] } };
  for (const balancer of Object.values(resources["digitalocean_loadbalancer"] ?? {})) secure(balancer);
  for (const resource of Object.values(resources["null_resource"] ?? {})) rewriteManifests(resource);
  const manifest = ((stack["output"] ?? {}) as Record<string, Json>)["manifest"];
  if (manifest) manifest["value"] = rewritten(String(manifest["value"]));
  return stack;
}

function secure(balancer: Json): void {
  const [plain] = balancer["forwarding_rule"] as Json[];
  balancer["forwarding_rule"] = [
    plain,
    { ...plain, entry_protocol: "https", entry_port: 443, certificate_name: CERTIFICATE },
  ];
  balancer["redirect_http_to_https"] = true;
}

function rewriteManifests(resource: Json): void {
  const provisioners = (resource["provisioner"] ?? []) as Record<string, { environment: Record<string, string> }>[];
  for (const { "local-exec": exec } of provisioners) {
    const manifest = exec?.environment[environmentNames.manifest];
    if (exec && manifest !== undefined) exec.environment[environmentNames.manifest] = rewritten(manifest);
  }
}

function rewritten(manifestJson: string): string {
  const manifest = JSON.parse(manifestJson) as Manifest;
  return JSON.stringify({ ...manifest, loadBalancer: { ...manifest.loadBalancer, scheme: "https", port: 443 } });
}
