/** The registries of a world: who may pull, and which images there are. */
import { createHash } from "node:crypto";
import { DockerError } from "../../model/docker-error.js";
import { parseReference, type Reference } from "./reference.js";

/** What is run when a container is made from the image. */
export interface ImageContent {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** As Docker names it. @default - this machine's */
  readonly architecture?: string;
  /** Whether process 1 ends on SIGTERM without `--init`: `false` for one that installs no handler. @default true */
  readonly stopsOnTerm?: boolean;
}

export interface ImageSource extends ImageContent {
  /** Path on DigitalOcean's registry, such as lab/api, or a repository with its registry in front. */
  readonly repository: string;
  /** @default "latest" */
  readonly tag?: string;
}

export interface LabImage extends Required<ImageContent> {
  /** Of the configuration, `sha256:…`; not the digest that names it in a registry. */
  readonly id: string;
  readonly repository: string;
  readonly digest: string;
}

export interface RegistryFault {
  /** As the engine words it. */
  readonly error?: string;
  readonly delayMs?: number;
}

/** Says whether a login may pull. */
export type LoginCheck = (user: string, password: string) => boolean;

export const DIGITALOCEAN_REGISTRY = "registry.digitalocean.com";

/** Docker's names of the architectures that Node runs on. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64", arm: "arm", ia32: "386" };
export const machineArchitecture = (): string => ARCHITECTURES[process.arch] ?? process.arch;

export class Registries {
  readonly #images: LabImage[] = [];
  readonly #tags = new Map<string, string>();
  readonly #checks = new Map<string, LoginCheck>();
  #fault: RegistryFault | null = null;

  /** Opens a registry host. */
  serve(host: string, check: LoginCheck): void {
    this.#checks.set(host, check);
  }

  /** Every pull fails with the text that Docker has for it, or takes so much longer; null: as usual. */
  befall(what: RegistryFault | null): void {
    this.#fault = what;
  }

  /** Resolves when the registries answer a pull. */
  async answered(): Promise<void> {
    const { delayMs = 0 } = this.#fault ?? {};
    if (delayMs > 0) await new Promise((settle) => setTimeout(settle, delayMs).unref());
  }

  /** Gives back the image's name by digest. Pushing the same content again gives the same digest. */
  push(source: ImageSource): string {
    const named = /^[^/]+[.:][^/]*\//.test(source.repository);
    const repository = named ? source.repository : `${DIGITALOCEAN_REGISTRY}/${source.repository}`;
    const { command, environment, architecture = machineArchitecture(), stopsOnTerm = true } = source;
    const content = { command, environment, architecture, stopsOnTerm };
    const id = sha256(`configuration ${JSON.stringify(content)}`);
    const digest = sha256(`manifest ${JSON.stringify(content)}`);
    this.#tags.set(`${repository}:${source.tag ?? "latest"}`, digest);
    if (!this.#images.some((image) => image.repository === repository && image.digest === digest)) {
      this.#images.push({ ...content, id, repository, digest });
    }
    return `${repository}@${digest}`;
  }

  /**
   * What a pull with that Docker configuration brings.
   * @throws DockerError as the engine words it
   */
  pull(text: string, dockerConfig: unknown): LabImage {
    const reference = parseReference(text);
    if (this.#fault?.error !== undefined) throw new DockerError(this.#fault.error);
    this.#checkLogin(reference, dockerConfig);
    const digest = reference.digest ?? this.#tags.get(`${reference.repository}:${reference.tag}`);
    const image = this.#images.find((one) => one.repository === reference.repository && one.digest === digest);
    if (!image) throw new DockerError(`manifest for ${text} not found: manifest unknown: manifest unknown`);
    return image;
  }

  #checkLogin(reference: Reference, dockerConfig: unknown): void {
    const { registry, path } = reference;
    const check = this.#checks.get(registry);
    const url = `https://${registry}/v2/${path}/manifests/${reference.digest ?? reference.tag}`;
    if (!check) throw new DockerError(`Get "https://${registry}/v2/": dial tcp: lookup ${registry}: no such host`);
    const login = loginOf(dockerConfig, registry);
    if (!login) throw new DockerError(`Head "${url}": no basic auth credentials`);
    if (!check(...login)) throw new DockerError(`Head "${url}": unauthorized: authentication required`);
  }
}

function loginOf(dockerConfig: unknown, registry: string): [user: string, password: string] | null {
  const auths = (dockerConfig as { auths?: Record<string, { auth?: string }> } | null)?.auths;
  const auth = auths?.[registry]?.auth;
  if (!auth) return null;
  const [user = "", ...password] = Buffer.from(auth, "base64").toString().split(":");
  return [user, password.join(":")];
}

const sha256 = (text: string): string => `sha256:${createHash("sha256").update(text).digest("hex")}`;
