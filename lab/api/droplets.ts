/** Droplets. @see https://docs.digitalocean.com/reference/api/reference/droplets/ */
import { newDroplet, shownDroplet, type Droplet } from "./droplet.js";
import { dropletRequest, type DropletRequest } from "./droplet-request.js";
import { ApiError, unprocessable } from "./errors.js";
import type { Identities } from "./identities.js";
import type { SshKey } from "./keys.js";
import type { Machines } from "./machines.js";
import { page } from "./pages.js";
import type { Region } from "./regions.js";
import { accepted, ok, readBody, removing, type Reply, type Routes } from "./router.js";
import { Shelf } from "./shelf.js";
import type { Work } from "./work.js";

export interface DropletSurroundings {
  readonly identities: Identities;
  readonly machines: Machines;
  readonly work: Work;
  /** Most droplets that the account may have. */
  readonly limit: number;
  key(reference: string | number): SshKey | undefined;
  /** Id of the network that was asked for. @throws ApiError when there is none of that id in the region */
  vpc(region: Region, wanted: string | undefined): string;
  tagsOf(id: number): string[];
  /** A droplet is ordered. */
  added(id: number, tags: readonly string[]): void;
  /** A droplet is deleted, or was never made. */
  removed(id: number): void;
  /** A machine is there now, or no longer. */
  changed(): void;
}

export class Droplets {
  readonly #droplets = new Shelf<Droplet>();

  constructor(private readonly around: DropletSurroundings) {}

  get all(): Droplet[] {
    return this.#droplets.all;
  }

  has(id: number): boolean {
    return this.#droplets.has(id);
  }

  /** Whether a droplet's machine is there, in that network. */
  isMadeIn(id: number, vpcId: string): boolean {
    return this.has(id) && this.get(id).made && this.get(id).vpcId === vpcId;
  }

  /** @throws ApiError not_found */
  get(id: string | number): Droplet {
    return this.#droplets.get(id);
  }

  /** Its machine boots while the caller goes on. */
  create(body: unknown): Droplet {
    const request = readBody(dropletRequest, body);
    const keys = this.#keys(request);
    const vpcId = this.around.vpc(request.region, request.vpc_uuid);
    if (this.all.length >= this.around.limit) {
      throw unprocessable("creating this/these droplet(s) will exceed your droplet limit");
    }
    const id = this.around.identities.nextNumber("droplet");
    const droplet = this.#droplets.put(id, newDroplet(id, request, vpcId, this.around.machines.nextAddresses()));
    this.around.added(id, request.tags ?? []);
    this.around.work.start(machineOf(id), () => this.#make(droplet, request.user_data, keys));
    return droplet;
  }

  /** At once, whatever it serves. @throws ApiError not_found */
  remove(id: string | number): void {
    const droplet = this.#droplets.take(id);
    this.around.removed(droplet.id);
    this.around.work.start(machineOf(droplet.id), async () => {
      if (droplet.made) await this.around.machines.destroyDroplet(String(droplet.id));
      this.around.changed();
    });
  }

  /** new · active · off, as the API words it. */
  status(droplet: Droplet): "new" | "active" | "off" {
    if (!droplet.made) return "new";
    return this.around.machines.powered(String(droplet.id)) ? "active" : "off";
  }

  routes(): Routes {
    return {
      "POST /v2/droplets": ({ body }) => accepted({ droplet: this.#shown(this.create(body)), links: { actions: [] } }),
      "GET /v2/droplets?tag_name&name&page&per_page": ({ url }) => this.#listed(url),
      "GET /v2/droplets/:id": ({ words: [id = ""] }) => ok({ droplet: this.#shown(this.get(id)) }),
      "DELETE /v2/droplets/:id": removing((id) => this.remove(id)),
    };
  }

  async #make(droplet: Droplet, userData: string, authorizedKeys: readonly string[]): Promise<void> {
    const { name, address, privateAddress } = droplet;
    const order = { id: String(droplet.id), name, address, privateAddress, userData, authorizedKeys };
    try {
      await this.around.machines.createDroplet(order);
    } catch (error) {
      if (this.has(droplet.id)) this.around.removed(this.#droplets.take(droplet.id).id);
      throw error;
    }
    droplet.made = true;
    this.around.changed();
  }

  #keys({ ssh_keys: references }: DropletRequest): string[] {
    return (references ?? []).map((reference) => {
      const key = this.around.key(reference);
      if (!key) throw unprocessable(`${reference} are invalid key identifiers for Droplet creation.`);
      return key.public_key;
    });
  }

  #listed(url: URL): Reply {
    const tag = url.searchParams.get("tag_name")?.toLowerCase();
    const name = url.searchParams.get("name");
    if (tag !== undefined && name !== null)
      throw new ApiError(400, "bad_request", "tag_name and name exclude each other");
    const tagged = ({ id }: Droplet) => this.around.tagsOf(id).some((one) => one.toLowerCase() === tag);
    const wanted = this.all.filter(
      (droplet) => (tag === undefined || tagged(droplet)) && (name ?? droplet.name) === droplet.name,
    );
    return page(
      "droplets",
      wanted.map((droplet) => this.#shown(droplet)),
      url,
    );
  }

  #shown(droplet: Droplet) {
    const locked = this.around.work.busy(machineOf(droplet.id));
    return shownDroplet(droplet, { status: this.status(droplet), locked, tags: this.around.tagsOf(droplet.id) });
  }
}

export const machineOf = (id: number): string => `droplet ${id}`;
