/** Domains, records and certificates. */
import { execFileSync, spawnSync } from "node:child_process";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { TestApi } from "./support/client.js";

let lab: TestApi;

/** A private key and a certificate for it. */
function pair(): { readonly key: string; readonly leaf: string } {
  const made = [
    "req",
    "-x509",
    "-nodes",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-subj",
    "/CN=a",
  ];
  const names = ["-addext", "subjectAltName=DNS:api.example.com,DNS:www.example.com"];
  const text = execFileSync("openssl", [...made, ...names, "-keyout", "-", "-out", "-"], { stdio: "pipe" }).toString();
  const leaf = text.slice(text.indexOf("-----BEGIN CERTIFICATE"));
  return { key: text.replace(leaf, ""), leaf };
}

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;
const withOpenssl = hasOpenssl ? test : test.skip;
const opensslOnly = (title: string): string => (hasOpenssl ? title : `${title} (skipped: there is no openssl here)`);

beforeEach(async () => {
  lab = await TestApi.start();
  await lab.want("POST", "/v2/domains", "domain", { name: "example.com", ip_address: "203.0.113.1" });
});
afterEach(() => lab.close());

const records = "/v2/domains/example.com/records";

test("a domain begins with its name servers and the address that it was given", async () => {
  const { body } = await lab.call("GET", records);
  expect((body["domain_records"] as { type: string }[]).map(({ type }) => type)).toEqual(["NS", "NS", "NS", "A"]);
  const { zone_file: zone } = await lab.want("GET", "/v2/domains/example.com", "domain");
  expect(zone).toContain("@ 1800 IN A 203.0.113.1");
  expect(await lab.refusal("POST", "/v2/domains", { name: "example.com" })).toMatch(/^422/);
});

test("a record changes in place, but for its type", async () => {
  const sent = { name: "api", data: "203.0.113.2", priority: 0, port: 0, ttl: 300, weight: 0, flags: 0 };
  const { id } = await lab.want("POST", records, "domain_record", { ...sent, type: "A" });
  const path = `${records}/${String(id)}`;
  await lab.want("PUT", path, "domain_record", { ...sent, ttl: 600 });
  expect(await lab.want("GET", path, "domain_record")).toMatchObject({ type: "A", data: "203.0.113.2", ttl: 600 });
  expect((await lab.call("DELETE", path)).status).toBe(204);
  expect(await lab.refusal("GET", path)).toMatch(/^404/);
});

test("a record that points to a name needs the dot at its end and shows it without", async () => {
  const sent = { type: "CNAME", name: "www", data: "api.example.com" };
  expect(await lab.refusal("POST", records, sent)).toMatch(/^422 .*end with a dot/);
  const dotted = { ...sent, data: `${sent.data}.` };
  expect(await lab.want("POST", records, "domain_record", dotted)).toMatchObject({ data: "api.example.com" });
});

withOpenssl(opensslOnly("a certificate of one's own tells its names, and no key"), async () => {
  const { key, leaf } = pair();
  const body = { name: "own", type: "custom", private_key: key, leaf_certificate: leaf };
  const shown = await lab.want("POST", "/v2/certificates", "certificate", body);
  expect(shown).toMatchObject({ state: "verified", dns_names: ["api.example.com", "www.example.com"] });
  expect(JSON.stringify(shown)).not.toContain("BEGIN");
  expect(lab.account.certificates.named("own").material?.chain).toContain("BEGIN CERTIFICATE");
  const other = { ...body, name: "other", private_key: pair().key };
  expect(await lab.refusal("POST", "/v2/certificates", other)).toMatch(/^422 .*does not match/);
  expect(await lab.refusal("POST", "/v2/certificates", { ...other, private_key: "x" })).toMatch(
    /^422 .*cannot be read/,
  );
  expect(await lab.refusal("POST", "/v2/certificates", body)).toMatch(/^422 .*unique/);
});

test("Let's Encrypt signs for domains of the account, after a while", async () => {
  const body = { name: "le", type: "lets_encrypt", dns_names: ["api.example.com"] };
  const { id, state } = await lab.want("POST", "/v2/certificates", "certificate", body);
  expect(state).toBe("pending");
  expect(await lab.want("GET", `/v2/certificates/${String(id)}`, "certificate")).toMatchObject({ state: "verified" });
  const strange = { ...body, name: "s", dns_names: ["example.org"] };
  expect(await lab.refusal("POST", "/v2/certificates", strange)).toMatch(/^422 .*not managed/);
});

test("a certificate is found by name, and stays while a balancer uses it", async () => {
  const body = { name: "le", type: "lets_encrypt", dns_names: ["example.com"] };
  const { id } = await lab.want("POST", "/v2/certificates", "certificate", body);
  const named = async (name: string) => (await lab.call("GET", `/v2/certificates?name=${name}`)).body["certificates"];
  expect([await named("le"), await named("other")]).toEqual([[expect.objectContaining({ id })], []]);
  const ports = { entry_port: 443, target_port: 80, certificate_id: id };
  const rules = [{ entry_protocol: "https", target_protocol: "http", ...ports }];
  const balancer = { name: "b", region: "sfo3", forwarding_rules: rules };
  const made = await lab.want("POST", "/v2/load_balancers", "load_balancer", balancer);
  const path = `/v2/certificates/${String(id)}`;
  expect(await lab.refusal("DELETE", path)).toMatch(/^403 .*not in use before deleting it/);
  await lab.call("DELETE", `/v2/load_balancers/${String(made["id"])}`);
  expect((await lab.call("DELETE", path)).status).toBe(204);
});
