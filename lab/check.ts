/** Another health check for the same stack: tests cannot wait for the provider's shortest interval of 3 seconds. */
import type { ObservedCheck } from "../contract/policy.js";
import { environmentNames } from "../contract/manifest.js";

type Json = Record<string, unknown>;

/**
 * A copy of the stack in which balancer and manifest both have the given check. Fractions of a second are allowed here, though
 * DigitalOcean starts at 3 seconds. An unnamed response timeout is kept, but not above the interval.
 */
export function withCheck(stackJson: object, check: Partial<ObservedCheck>): Json {
  const stack = structuredClone(stackJson) as Json;
  const resources = stack["resource"] as Record<string, Record<string, Json>>;
  for (const balancer of Object.values(resources["digitalocean_loadbalancer"] ?? {})) {
    balancer["healthcheck"] = { ...(balancer["healthcheck"] as Json), ...inTerraform(merged(balancer, check)) };
  }
  for (const resource of Object.values(resources["null_resource"] ?? {})) rewriteManifests(resource, check);
  const outputs = (stack["output"] ?? {}) as Record<string, Json>;
  const manifest = outputs["manifest"];
  if (manifest) manifest["value"] = rewritten(String(manifest["value"]), check);
  return stack;
}

function merged(balancer: Json, check: Partial<ObservedCheck>): Partial<ObservedCheck> {
  const declared = balancer["healthcheck"] as Json;
  return withTimeout(check, Number(declared["response_timeout_seconds"]));
}

function withTimeout(check: Partial<ObservedCheck>, declaredSeconds: number): Partial<ObservedCheck> {
  const { checkIntervalSeconds = Infinity } = check;
  return { responseTimeoutSeconds: Math.min(declaredSeconds, checkIntervalSeconds), ...check };
}

function rewriteManifests(resource: Json, check: Partial<ObservedCheck>): void {
  for (const provisioner of (resource["provisioner"] ?? []) as Record<
    string,
    { environment: Record<string, string> }
  >[]) {
    const environment = provisioner["local-exec"]?.environment;
    const manifest = environment?.[environmentNames.manifest];
    if (environment && manifest !== undefined) environment[environmentNames.manifest] = rewritten(manifest, check);
    const guard = environment?.[environmentNames.guard];
    if (environment && guard !== undefined && check.path !== undefined)
      environment[environmentNames.guard] = JSON.stringify({ ...(JSON.parse(guard) as Json), healthPath: check.path });
  }
}

function rewritten(manifestJson: string, check: Partial<ObservedCheck>): string {
  const manifest = JSON.parse(manifestJson) as { healthCheck: ObservedCheck };
  const change = withTimeout(check, manifest.healthCheck.responseTimeoutSeconds);
  return JSON.stringify({ ...manifest, healthCheck: { ...manifest.healthCheck, ...change } });
}

function inTerraform(check: Partial<ObservedCheck>): Json {
  const names = {
    path: "path",
    checkIntervalSeconds: "check_interval_seconds",
    responseTimeoutSeconds: "response_timeout_seconds",
    unhealthyThreshold: "unhealthy_threshold",
    healthyThreshold: "healthy_threshold",
  } as const;
  const known = Object.entries(names) as [keyof typeof names, string][];
  return Object.fromEntries(known.flatMap(([ours, theirs]) => (ours in check ? [[theirs, check[ours]]] : [])));
}
