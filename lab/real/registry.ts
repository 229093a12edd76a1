/** The container registry: Debian's docker-registry, under DigitalOcean's name within the lab. */
import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { Client } from "undici";
import type { Authority } from "../authority.js";
import type { LoginCheck } from "./registry-answers.js";
import { RegistryFront, type RegistryFault, type Served } from "./registry-front.js";
import { pushImage, type StoredImage } from "./registry-push.js";
import { Service } from "./service.js";

/** Name by which droplets reach it; their /etc/hosts leads it to {@link RegistryPlace.address}. */
export const REGISTRY_NAME = "registry.digitalocean.com";

export interface RegistryPlace {
  /** Its own. Everything that is pushed lies here. */
  readonly folder: string;
  /** Address of this machine where droplets reach it. */
  readonly address: string;
  /** @default 443 */
  readonly port?: number;
  /** Further names under which droplets reach it. @default - none */
  readonly otherNames?: readonly string[];
  /** Signs its certificate; droplets must trust it. */
  readonly authority: Authority;
  /** Whole environment of the process; it says which world it belongs to. */
  readonly environment: Readonly<Record<string, string>>;
  readonly accepts: LoginCheck;
  /** Told when the process ends by itself or cannot be asked. */
  readonly onFault: (fault: string) => void;
}

export class RealRegistry {
  private constructor(
    private readonly socket: string,
    private readonly service: Service,
    private readonly front: RegistryFront,
  ) {}

  /** Resolves once it serves. */
  static async start(place: RegistryPlace): Promise<RealRegistry> {
    await mkdir(place.folder);
    const socket = path.join(place.folder, "sock");
    const certificate = await place.authority.issue(REGISTRY_NAME, [REGISTRY_NAME, ...(place.otherNames ?? [])]);
    const front = new RegistryFront({
      ...place,
      name: REGISTRY_NAME,
      port: place.port ?? 443,
      certificate,
      upstream: socket,
    });
    const service = await startRegistry(place, socket);
    const registry = new RealRegistry(socket, service, front);
    try {
      await front.listen();
      return registry;
    } catch (error) {
      await registry.close();
      throw error;
    }
  }

  /** Requests that were answered, oldest first. */
  get served(): readonly Served[] {
    return this.front.served;
  }

  /** Brings an image in, past logins and faults. Gives back its name by digest. @param repository such as lab/api */
  async push(repository: string, tag: string, image: StoredImage): Promise<string> {
    await pushImage(this.socket, repository, tag, image);
    return `${REGISTRY_NAME}/${repository}@${image.digest}`;
  }

  /** Null: everything works again. */
  async breakWith(fault: RegistryFault | null): Promise<void> {
    await this.front.breakWith(fault);
  }

  async close(): Promise<void> {
    await this.front.close();
    await this.service.stop();
  }
}

async function startRegistry({ folder, environment, onFault }: RegistryPlace, socket: string): Promise<Service> {
  const file = path.join(folder, "config.yml");
  await writeFile(file, registryConfig({ storage: path.join(folder, "storage"), net: "unix", addr: socket }));
  return Service.start({
    argv: ["docker-registry", "serve", file],
    log: path.join(folder, "log"),
    environment,
    answers: () => ping(socket),
    onEnd: onFault,
  });
}

/** YAML, of which JSON is a part. @see https://distribution.github.io/distribution/about/configuration/ */
export const registryConfig = ({
  storage,
  net,
  addr,
}: {
  storage: string;
  net: "unix" | "tcp";
  addr: string;
}): string =>
  JSON.stringify({
    version: "0.1",
    log: { level: "warn", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: storage } },
    http: { net, addr, secret: randomBytes(16).toString("hex") },
  });

async function ping(socket: string): Promise<void> {
  const client = new Client("http://registry.local", { socketPath: socket });
  try {
    const { statusCode, body } = await client.request({ method: "GET", path: "/v2/" });
    await body.dump();
    if (statusCode !== 200) throw new Error(`it answers ${statusCode}`);
  } finally {
    await client.close();
  }
}
