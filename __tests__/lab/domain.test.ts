/** Zones and certificates of a stack: those that it declares, and those that it only names. */
import { expect, test } from "@jest/globals";
import type { SiteContext } from "../../lab/site.js";
import { startWorld } from "../../lab/world.js";
import { RecordingSite } from "./support/recording-site.js";
import { stackJson } from "./support/stack.js";

const open = async (context: SiteContext) => new RecordingSite(context);

interface Blocks {
  readonly resource: Record<string, Record<string, object>>;
}

/** The balancer's HTTPS as its site is asked for it, and what the account has. */
async function declared(change: (stack: Blocks) => unknown) {
  const stack = stackJson({ https: true }) as Blocks;
  change(stack);
  const text = JSON.stringify(stack).replaceAll(
    '\\"loadBalancer\\":{',
    '\\"loadBalancer\\":{\\"serverName\\":\\"api.example.com\\",',
  );
  const world = await startWorld({ stackJson: JSON.parse(text) as object, site: open });
  try {
    const { account, balancer } = world;
    const zone = account.domains.has("example.com") ? account.domains.recordsOf("example.com") : [];
    return {
      tls: balancer.settings.entries.map(({ tls }) => tls),
      records: zone.filter(({ type }) => type === "A"),
      account,
    };
  } finally {
    await world.stop();
  }
}

const record = {
  domain: "example.com",
  type: "A",
  name: "api",
  value: "${digitalocean_loadbalancer.balancer.ip}",
  ttl: 300,
};

test("a certificate that is declared holds for its domains, and HTTP/2 is told apart", async () => {
  const { tls, account } = await declared((stack) => {
    const rules = (stack.resource["digitalocean_loadbalancer"]?.["balancer"] as { forwarding_rule: object[] })
      .forwarding_rule;
    rules[1] = { ...rules[1], entry_protocol: "http2" };
  });
  const { id } = account.certificates.named("api-certificate").shown;
  expect(tls).toEqual([null, { certificate: id, names: ["api.example.com"], http2: true }]);
});

test("a zone that is only named was there before, also for the certificate", async () => {
  const { records } = await declared(({ resource }) => {
    delete resource["digitalocean_domain"];
    resource["digitalocean_record"] = { record };
  });
  expect(records).toMatchObject([{ name: "api", data: "198.51.100.99", ttl: 300 }]);
});

test("a certificate that is only named was there before, for the name that clients ask for", async () => {
  const { tls, account } = await declared(({ resource }) => {
    delete resource["digitalocean_certificate"];
    const balancer = resource["digitalocean_loadbalancer"]?.["balancer"] as { forwarding_rule: object[] };
    balancer.forwarding_rule[1] = { ...balancer.forwarding_rule[1], certificate_name: "api-2027" };
  });
  const { id, type } = account.certificates.named("api-2027").shown;
  expect(type).toBe("custom");
  expect(tls).toEqual([null, { certificate: id, names: ["api.example.com"], http2: false }]);
});

test("fails for Let's Encrypt in a zone that neither is declared nor named", async () => {
  await expect(declared(({ resource }) => delete resource["digitalocean_domain"])).rejects.toThrow(
    "the domain of api.example.com is not managed by DigitalOcean",
  );
});

test("fails for a record of another type", async () => {
  const bad = declared(({ resource }) => (resource["digitalocean_record"] = { record: { ...record, type: "CNAME" } }));
  await expect(bad).rejects.toThrow(/cannot stand for this stack:[^]*type/);
});
