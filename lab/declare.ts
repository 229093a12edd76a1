/** Terraform's part without Terraform: a stack's blocks as calls on an account, and what it knows of each afterwards. */
import type { Account } from "./api/account.js";
import type { BalancerBlock, DropletBlock, FirewallBlock, Stack } from "./stack.js";

/** Attributes of one resource, as Terraform knows them after an apply. */
export type Attributes = Readonly<Record<string, string>>;

/** Declares the blocks of one type, references filled in, and keeps the attributes. */
export type DeclareEach = <Block>(
  type: string,
  blocks: Readonly<Record<string, Block>>,
  declare: (block: Block) => Attributes,
) => void;

/**
 * All but the droplets, what is referred to first. Zones and certificates that the stack names without declaring them were there before.
 * @param domain what clients ask for: what a certificate of one's own holds for
 */
export function declareBase(account: Account, resource: Stack["resource"], domain: string, each: DeclareEach): void {
  each("digitalocean_ssh_key", resource.digitalocean_ssh_key, (block) => {
    const { id, fingerprint, public_key } = account.keys.create(block);
    return { id: String(id), fingerprint, public_key };
  });
  each("digitalocean_tag", resource.digitalocean_tag, (block) => {
    const { name } = account.tags.create(block);
    return { id: name, name };
  });
  each("digitalocean_vpc", resource.digitalocean_vpc, (block) => {
    const { id, urn, name, ip_range } = account.vpcs.create(block);
    return { id, urn, name, ip_range };
  });
  each("digitalocean_domain", resource.digitalocean_domain, (block) => {
    const { name } = account.domains.create(block);
    return { id: name, name };
  });
  for (const { domain: zone } of Object.values(resource.digitalocean_record)) adoptZone(account, zone);
  each("digitalocean_certificate", resource.digitalocean_certificate, ({ domains, ...block }) => {
    const { id, name } = account.certificates.create({ ...block, dns_names: domains }).shown;
    return { id: name, name, uuid: id };
  });
  each("digitalocean_loadbalancer", resource.digitalocean_loadbalancer, (block) => {
    const { id, urn } = account.loadBalancers.create(balancerBody(account, block, domain));
    return { id, urn, ip: account.loadBalancers.address };
  });
  each("digitalocean_record", resource.digitalocean_record, ({ domain: zone, value: data, ...block }) => {
    const { id, name } = account.domains.createRecord(zone, { ...block, data });
    return { id: String(id), name, fqdn: name === "@" ? zone : `${name}.${zone}` };
  });
  each("digitalocean_firewall", resource.digitalocean_firewall, (block) => {
    const { id, name } = account.firewalls.create(firewallBody(block));
    return { id, name };
  });
}

/** Another declaration of a balancer that is there, as one full PUT. It is taken in while the caller goes on. */
export const redeclareBalancer = (account: Account, id: string, block: BalancerBlock, domain: string): void =>
  void account.loadBalancers.update(id, balancerBody(account, block, domain));

/** @param operatorKey stands for every key that the stack names without declaring it */
export function declareDroplet(account: Account, block: DropletBlock, operatorKey: string): Attributes {
  const strange = block.ssh_keys.filter((reference) => !account.keys.find(reference));
  for (const fingerprint of strange) account.keys.adopt(fingerprint, operatorKey);
  const { id, name, region, size, address, privateAddress } = account.droplets.create(block);
  const addresses = { ipv4_address: address, ipv4_address_private: privateAddress };
  return { id: String(id), name, region, size, urn: `do:droplet:${id}`, ...addresses };
}

function adoptZone(account: Account, zone: string): void {
  if (!zone.startsWith("${") && !account.domains.has(zone)) account.domains.create({ name: zone });
}

function balancerBody(account: Account, block: BalancerBlock, domain: string) {
  const { droplet_tag: tag, healthcheck, forwarding_rule: rules, ...fields } = block;
  const forwarding_rules = rules.map(({ certificate_name: name, ...rule }) => ({
    ...rule,
    ...(name === undefined
      ? {}
      : { certificate_id: (account.certificates.find(name) ?? account.certificates.adopt(name, [domain])).shown.id }),
  }));
  return { ...fields, tag, health_check: healthcheck, forwarding_rules };
}

const firewallBody = ({ name, tags, inbound_rule: inbound, outbound_rule: outbound }: FirewallBlock) => ({
  name,
  tags,
  inbound_rules: inbound.map(({ source_addresses, source_load_balancer_uids, ...rule }) => ({
    ...apiRule(rule),
    sources: { addresses: source_addresses ?? [], load_balancer_uids: source_load_balancer_uids ?? [] },
  })),
  outbound_rules: outbound.map(({ destination_addresses, destination_load_balancer_uids, ...rule }) => ({
    ...apiRule(rule),
    destinations: { addresses: destination_addresses ?? [], load_balancer_uids: destination_load_balancer_uids ?? [] },
  })),
});

const apiRule = ({
  protocol,
  port_range: ports,
}: {
  readonly protocol: string;
  readonly port_range?: string | undefined;
}) => ({
  protocol,
  ...(ports === undefined ? {} : { ports }),
});
