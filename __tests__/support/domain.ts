/** A fleet with a domain, on any site of the lab. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect } from "node:tls";
import type { FleetConfig } from "../../constructs/index.js";
import type { LoadSettings } from "../../lab/load/load.js";
import type { Site, SiteDroplet } from "../../lab/site.js";
import type { World } from "../../lab/world.js";

export const DOMAIN = "api.example.com";
export const SECURE: FleetConfig = { domain: { name: DOMAIN, zone: "example.com" } };

/** A world on a site that signs the balancer's certificates. */
export type SecureWorld<Droplet extends SiteDroplet> = World<
  Droplet,
  Site<Droplet> & { readonly authorityFile: string }
>;

/** Clients ask for the domain's name, at an address that no DNS leads them to. */
export const secureLoad = <Droplet extends SiteDroplet>({
  balancer,
  site,
}: SecureWorld<Droplet>): Pick<LoadSettings, "url" | "caFile" | "serverName"> => ({
  ...{ url: balancer.url(443), caFile: site.authorityFile, serverName: DOMAIN },
});

/** Serial number of the certificate that a new client is shown for the domain. */
export async function shownCertificate<Droplet extends SiteDroplet>({
  balancer,
  site,
}: SecureWorld<Droplet>): Promise<string> {
  const { hostname: host, port } = new URL(balancer.url(443));
  const ca = readFileSync(site.authorityFile);
  const socket = connect({ host, port: port ? Number(port) : 443, servername: DOMAIN, ca });
  await once(socket, "secureConnect");
  // A socket that was closed knows it no more.
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

/** What Terraform does when `certificate.issue` is raised: a new certificate, the balancer changed in place, the old one deleted. */
export async function issueAnew<Droplet extends SiteDroplet>(
  world: SecureWorld<Droplet>,
): Promise<{ readonly before: string; readonly after: string }> {
  const before = await shownCertificate(world);
  const { certificates, loadBalancers } = world.account;
  const [balancer] = loadBalancers.all;
  if (!balancer) throw new Error("the account has no balancer");
  const old = balancer.declared.forwarding_rules.flatMap(({ certificate_id: id }) => id || []);
  const { id } = certificates.create({ type: "lets_encrypt", name: "issued-anew", dns_names: [DOMAIN] }).shown;
  const forwarding_rules = balancer.declared.forwarding_rules.map((rule) =>
    rule.certificate_id ? { ...rule, certificate_id: id } : rule,
  );
  loadBalancers.update(balancer.id, { ...balancer.declared, forwarding_rules });
  await world.account.settled();
  for (const unused of old) certificates.remove(unused);
  return { before, after: await shownCertificate(world) };
}
