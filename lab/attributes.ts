/** Attributes of the world's resources, as Terraform knows them after an apply. */
import type { Owned } from "./fleet.js";
import type { Identities } from "./identities.js";
import type { Lookup } from "./references.js";
import type { Stack } from "./stack.js";

export interface Known {
  readonly stack: Stack;
  readonly identities: Identities;
  readonly balancerAddress: string;
  /** Droplets by the name of their block; empty before they are created. */
  readonly droplets: ReadonlyMap<string, Owned>;
  /** Terraform's variables that are given with `--var`. */
  readonly variables: Readonly<Record<string, string>>;
}

type Attributes = Readonly<Record<string, string | undefined>>;

/** Answers plain references; the error for an unknown one names it. */
export function lookupIn(known: Known): Lookup {
  return (reference) => {
    const [type = "", name = "", attribute] = reference.split(".");
    const value = attribute === undefined ? simple(known, type, name) : attributesOf(known, type, name)[attribute];
    if (value === undefined) throw new Error(`the lab does not know \${${reference}}`);
    return value;
  };
}

function simple({ stack, variables }: Known, type: string, name: string): string | undefined {
  // Terraform runs in the stack's folder.
  if (type === "path") return name === "module" ? "." : undefined;
  if (type !== "var") return undefined;
  const declared = stack.variable[name];
  return declared && (variables[name] ?? text(declared.default));
}

const text = (value: unknown): string | undefined =>
  ["string", "number", "boolean"].includes(typeof value) ? String(value) : undefined;

function attributesOf(known: Known, type: string, name: string): Attributes {
  const { identities, stack } = known;
  const { resource } = stack;
  switch (type) {
    case "digitalocean_droplet":
      return droplet(known.droplets.get(name));
    case "digitalocean_loadbalancer":
      return name in resource.digitalocean_loadbalancer
        ? {
            id: identities.balancer.id,
            ip: known.balancerAddress,
            urn: `do:loadbalancer:${identities.balancer.id}`,
          }
        : {};
    case "digitalocean_tag": {
      const tag = resource.digitalocean_tag[name]?.name;
      return { id: tag, name: tag };
    }
    case "digitalocean_certificate": {
      const certificate = resource.digitalocean_certificate[name]?.name;
      return { id: certificate, name: certificate };
    }
    case "digitalocean_vpc":
      return { id: identities.vpc.id, name: resource.digitalocean_vpc[name]?.name };
    case "digitalocean_ssh_key":
      return { ...identities.sshKey, public_key: resource.digitalocean_ssh_key[name]?.public_key };
    default:
      return {};
  }
}

const droplet = (found: Owned | undefined): Attributes =>
  found
    ? {
        id: found.droplet.id,
        name: found.droplet.name,
        ipv4_address: found.droplet.address,
        ipv4_address_private: found.droplet.privateAddress,
        urn: `do:droplet:${found.droplet.id}`,
        region: found.block.region,
        size: found.block.size,
      }
    : {};
