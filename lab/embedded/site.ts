/** The embedded site: droplets, balancer and registries as servers and processes on this machine's loopback. */
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { environmentNames } from "../../contract/manifest.js";
import { Authority } from "../authority.js";
import { balancerSettings, type BalancerOptions, type EntryTls } from "../balancer-options.js";
import type { Break, ReferenceOptions } from "../releases.js";
import type { Addresses, DropletOrder, OpenSite, SiteBalancer, SiteContext } from "../site.js";
import { SshClientFiles } from "../ssh-client.js";
import type { BalancerBlock } from "../stack.js";
import type { RegistryTrouble, TroubledDroplet, TroubledSite } from "../trouble.js";
import type { World } from "../world.js";
import { AddressPool, BALANCER_ADDRESS } from "./addresses.js";
import { EmbeddedBalancer } from "./balancer.js";
import { DIGITALOCEAN_REGISTRY, Registries, type ImageSource, type RegistryFault } from "./docker/registry.js";
import { EmbeddedDroplet } from "./droplet.js";
import { brokenImage, referenceImage } from "./images.js";
import { PortPool } from "./ports.js";
import { Watchdog } from "./watchdog.js";

export interface EmbeddedOptions {
  /** Milliseconds from power on until SSH answers. @default 0 */
  readonly sshDelayMs?: number;
  /** Milliseconds from then until cloud-init is done and Docker there. @default 0 */
  readonly cloudInitDelayMs?: number;
  /** Registries besides DigitalOcean's, by host, and who may pull there. @default - none */
  readonly registries?: Readonly<Record<string, { readonly user: string; readonly password: string }>>;
}

/** What Docker's engine has of a registry in that state, in its words. */
const REGISTRY_FAULTS: Readonly<Record<RegistryTrouble, RegistryFault>> = {
  down: { error: `Get "https://${DIGITALOCEAN_REGISTRY}/v2/": dial tcp: connect: connection refused` },
  slow: { delayMs: 60_000 },
  unauthorized: {
    error: `Head "https://${DIGITALOCEAN_REGISTRY}/v2/lab/api/manifests/v2": unauthorized: authentication required`,
  },
  "rate-limited": { error: "toomanyrequests: too many requests" },
};

export type EmbeddedWorld = World<EmbeddedDroplet, EmbeddedSite>;

/** Opens an embedded site: for Linux and macOS, without root and Docker. */
export const embedded =
  (options: EmbeddedOptions = {}): OpenSite<EmbeddedSite> =>
  (context) =>
    EmbeddedSite.open(context, options);

export class EmbeddedSite implements TroubledSite {
  readonly kind = "embedded";
  /** Every process of the site carries it in its environment. */
  readonly id = randomBytes(8).toString("hex");
  readonly folder = mkdtempSync(path.join(tmpdir(), "ekl-"));
  readonly balancerAddress = BALANCER_ADDRESS;
  readonly registries = new Registries();
  readonly #ports = new PortPool();
  readonly #addresses: AddressPool;
  readonly #client = new SshClientFiles(this.folder);
  readonly #watchdog = new Watchdog(`LAB_WORLD=${this.id}`, this.folder);
  /** Every droplet that was ever created: nobody who asks for a deleted one is led off this machine. */
  readonly #droplets: EmbeddedDroplet[] = [];
  #balancer: EmbeddedBalancer | null = null;
  /** Only a world with HTTPS has one: openssl makes it. */
  #authority: Promise<Authority> | null = null;
  /** PEM by what the settings call the certificate. */
  readonly #certificates = new Map<string, Promise<string>>();
  /** Stands for the balancer's first port, and is known before there is a balancer. */
  #firstPort = 0;

  private constructor(
    private readonly context: SiteContext,
    private readonly options: EmbeddedOptions,
  ) {
    this.#addresses = new AddressPool(context.privateRange);
    this.registries.serve(DIGITALOCEAN_REGISTRY, (user, password) => context.acceptsLogin(user, password));
    for (const [host, login] of Object.entries(options.registries ?? {})) {
      this.registries.serve(host, (user, password) => user === login.user && password === login.password);
    }
  }

  /** Use {@link embedded}. */
  static async open(context: SiteContext, options: EmbeddedOptions): Promise<EmbeddedSite> {
    const site = new EmbeddedSite(context, options);
    site.#firstPort = await site.#ports.take();
    return site;
  }

  get clientKey(): string {
    return this.#client.publicKey;
  }

  /** Whoever logs in from here has another key from now on. @param keepOld and the keys before as well */
  rotateKey(keepOld: boolean): void {
    this.#client.rotate(keepOld);
  }

  nextAddresses(): Addresses {
    return this.#addresses.next();
  }

  async createDroplet(order: DropletOrder): Promise<EmbeddedDroplet> {
    const folder = path.join(this.folder, order.id);
    mkdirSync(folder);
    const droplet = await EmbeddedDroplet.create(order, {
      folder,
      ports: this.#ports,
      registries: this.registries,
      siteId: this.id,
      sshDelayMs: this.options.sshDelayMs ?? 0,
      cloudInitDelayMs: this.options.cloudInitDelayMs ?? 0,
      onFault: (fault) => this.context.onFault(fault),
    });
    this.#droplets.push(droplet);
    this.#client.write(this.#droplets.map(({ address, sshPort }) => ({ address, host: "127.0.0.1", port: sshPort })));
    return droplet;
  }

  /** Certificate in PEM of whoever signs in this world, for clients of the balancer's HTTPS. */
  get authorityFile(): string {
    return Authority.fileIn(this.folder);
  }

  async createBalancer(block: BalancerBlock, options: BalancerOptions): Promise<SiteBalancer<EmbeddedDroplet>> {
    const ports = [this.#firstPort];
    const takePort = async (): Promise<number> => ports.shift() ?? this.#ports.take();
    const certificate = (tls: EntryTls): Promise<string> => this.#certificate(tls);
    this.#balancer = await EmbeddedBalancer.start(balancerSettings(block, options), { takePort, certificate });
    return this.#balancer;
  }

  /** Puts an image into a registry. Gives back its name by digest. */
  push(source: ImageSource): string {
    return this.registries.push(source);
  }

  async cutOff({ id }: TroubledDroplet, cut: boolean, node?: number): Promise<void> {
    if (!this.#balancer) throw new Error("the site has no balancer");
    this.#balancer.cutOff(id, cut, node);
  }

  async troubleRegistry(trouble: RegistryTrouble | null): Promise<void> {
    this.registries.befall(trouble && REGISTRY_FAULTS[trouble]);
  }

  async pushReference(version: string, options?: ReferenceOptions): Promise<string> {
    return this.push(await referenceImage(this.folder, version, options));
  }

  async pushBroken(how: Break): Promise<string> {
    return this.push(brokenImage(how));
  }

  environment(): Record<string, string> {
    return {
      [environmentNames.sshConfig]: this.#client.configFile,
      [environmentNames.balancerUrl]: this.#balancerUrl,
      ...(this.#authority === null ? {} : { NODE_EXTRA_CA_CERTS: this.authorityFile }),
    };
  }

  /** Where clients are meant to come in: over HTTPS where that is served. */
  get #balancerUrl(): string {
    const secure = this.#balancer?.settings.entries.find(({ tls }) => tls);
    return secure && this.#balancer ? this.#balancer.url(secure.entryPort) : `http://127.0.0.1:${this.#firstPort}/`;
  }

  /** Signed when it is first asked for. */
  #certificate({ certificate, names }: EntryTls): Promise<string> {
    const known = this.#certificates.get(certificate);
    if (known) return known;
    this.#authority ??= Authority.create(this.folder);
    const file = `balancer-${this.#certificates.size}`;
    const signed = this.#authority
      .then((authority) => authority.issue(file, names))
      .then((pem) => readFile(pem, "utf8"));
    this.#certificates.set(certificate, signed);
    return signed;
  }

  async close(): Promise<void> {
    await this.#balancer?.close();
    await Promise.all(this.#droplets.map((droplet) => droplet.halt()));
    await this.#watchdog.finish();
    await this.#ports.release();
  }
}
