/** Projects, and whose resource is in which. @see https://docs.digitalocean.com/reference/api/reference/projects/ */
import { z } from "zod";
import { ApiError } from "./errors.js";
import type { Identities } from "./identities.js";
import { page } from "./pages.js";
import { created, ok, readBody, removing, type Reply, type Routes } from "./router.js";
import { Shelf } from "./shelf.js";

const environment = z
  .string()
  .transform((text) => text.toLowerCase())
  .pipe(z.enum(["", "development", "staging", "production"]))
  .transform((text) => text && text.charAt(0).toUpperCase() + text.slice(1));
const projectRequest = z.strictObject({
  name: z.string().min(1).max(175),
  description: z.string().max(255).default(""),
  purpose: z.string().min(1).max(255),
  environment: environment.default(""),
});
const projectChange = z.strictObject({
  name: z.string().min(1).max(175).nullish(),
  description: z.string().max(255).nullish(),
  purpose: z.string().min(1).max(255).nullish(),
  environment: environment.nullish(),
  is_default: z.boolean().nullish(),
});
const assignment = z.strictObject({ resources: z.array(z.string().regex(/^do:[a-z]+:.+$/, "is no URN")) });

type Project = Readonly<z.output<typeof projectRequest>> & {
  readonly id: string;
  readonly owner_uuid: string;
  readonly owner_id: number;
  readonly is_default: boolean;
  readonly created_at: string;
  readonly updated_at: string;
};

interface Member {
  readonly project: string;
  readonly assignedAt: string;
}

export class Projects {
  readonly #projects = new Shelf<Project>();
  /** By the resource's URN. */
  readonly #members = new Map<string, Member>();

  constructor(private readonly identities: Identities) {
    this.#add(
      { name: "first-project", description: "", purpose: "Just trying out DigitalOcean", environment: "" },
      true,
    );
  }

  /** A resource was created, or moves. @param project @default - the account's default project */
  assign(urn: string, project: string = this.#default.id): void {
    this.#members.set(urn, { project: this.#projects.get(project).id, assignedAt: new Date().toISOString() });
  }

  /** A resource is gone. */
  forget(urn: string): void {
    this.#members.delete(urn);
  }

  /** Id of the project that a resource is in. */
  of(urn: string): string {
    return this.#members.get(urn)?.project ?? this.#default.id;
  }

  routes(): Routes {
    return {
      "POST /v2/projects": ({ body }) => created({ project: this.#add(readBody(projectRequest, body), false) }),
      "GET /v2/projects?page&per_page": ({ url }) => page("projects", this.#projects.all, url),
      "GET /v2/projects/:id": ({ words: [id = ""] }) => ok({ project: this.#get(id) }),
      "PATCH /v2/projects/:id": ({ words: [id = ""], body }) => ok({ project: this.#change(this.#get(id), body) }),
      "DELETE /v2/projects/:id": removing((id) => this.#remove(this.#get(id))),
      "GET /v2/projects/:id/resources?page&per_page": ({ words: [id = ""], url }) =>
        page("resources", this.#resources(this.#get(id).id), url),
      "POST /v2/projects/:id/resources": ({ words: [id = ""], body }) => this.#move(this.#get(id), body),
    };
  }

  get #default(): Project {
    const found = this.#projects.all.find((project) => project.is_default);
    if (!found) throw new Error("an account has a default project");
    return found;
  }

  #get(id: string): Project {
    return id === "default" ? this.#default : this.#projects.get(id);
  }

  #add(request: z.output<typeof projectRequest>, isDefault: boolean): Project {
    const id = this.identities.nextUuid();
    const now = new Date().toISOString();
    const owner = { owner_uuid: "00000000-0000-4000-8000-000000000001", owner_id: 1 };
    return this.#projects.put(id, {
      id,
      ...owner,
      ...request,
      is_default: isDefault,
      created_at: now,
      updated_at: now,
    });
  }

  #change(project: Project, body: unknown): Project {
    const given = Object.entries(readBody(projectChange, body)).filter(([, value]) => value != null);
    const changed = { ...project, ...Object.fromEntries(given), updated_at: new Date().toISOString() };
    if (changed.is_default && !project.is_default) {
      this.#projects.put(this.#default.id, { ...this.#default, is_default: false });
    }
    return this.#projects.put(project.id, changed);
  }

  /** @throws ApiError 412 while it has resources, which the Terraform provider waits out */
  #remove(project: Project): void {
    if (this.#resources(project.id).length > 0) {
      throw new ApiError(412, "precondition_failed", "cannot delete a project with resources");
    }
    this.#projects.take(project.id);
  }

  #resources(id: string) {
    const members = [...this.#members].filter(([, member]) => member.project === id);
    return members.map(([urn, { assignedAt }]) => shownMember(urn, assignedAt, "ok"));
  }

  /** A resource that is not there is said to be not found; the others move all the same. */
  #move(project: Project, body: unknown): Reply {
    const { resources } = readBody(assignment, body);
    return ok({
      resources: resources.map((urn) => this.#moveOne(project, urn)),
      links: {},
      meta: { total: resources.length },
    });
  }

  #moveOne(project: Project, urn: string) {
    const known = this.#members.has(urn);
    if (known) this.assign(urn, project.id);
    return shownMember(urn, new Date().toISOString(), known ? "assigned" : "not_found");
  }
}

const shownMember = (urn: string, assignedAt: string, status: "ok" | "assigned" | "not_found") => {
  const [, kind = "", id = ""] = urn.split(":");
  const self = `https://api.digitalocean.com/v2/${PLURALS[kind] ?? kind}/${id}`;
  return { urn, assigned_at: assignedAt, links: { self }, status };
};

/** From the word in a URN to the one in a path. */
const PLURALS: Readonly<Record<string, string>> = {
  droplet: "droplets",
  loadbalancer: "load_balancers",
  domain: "domains",
};
