/** What a droplet's own Docker says, asked at its socket. */
import { request } from "node:http";
import { buffer } from "node:stream/consumers";
import { z } from "zod";
import type { ContainerView } from "../model/containers.js";

/** @see https://docs.docker.com/reference/api/engine/version/v1.41/ */
const containerList = z.array(z.object({ Id: z.string() }));
const imageList = z.array(z.object({ RepoDigests: z.array(z.string()).nullable() }));
const inspected = z.object({
  Id: z.string(),
  Name: z.string(),
  RestartCount: z.number(),
  State: z.object({
    Status: z.enum(["created", "running", "restarting", "exited"]),
    ExitCode: z.number(),
    Pid: z.number(),
  }),
  Config: z.object({ Image: z.string(), Labels: z.record(z.string(), z.string()) }),
  HostConfig: z.object({
    RestartPolicy: z.object({ Name: z.enum(["no", "always"]) }),
    PortBindings: z.record(z.string(), z.array(z.object({ HostIp: z.string(), HostPort: z.string() }))),
  }),
});
type Inspected = z.output<typeof inspected>;

/** Before each piece of a log: one byte for the stream, three empty ones, four for the piece's length. */
const FRAME_HEADER_BYTES = 8;

export class DockerApi {
  constructor(private readonly socket: string) {}

  /** Oldest first. */
  async containers(): Promise<ContainerView[]> {
    const ids = containerList.parse(parsed(await this.#get("/containers/json?all=1")));
    const replies = await Promise.all(ids.map(({ Id }) => this.#get(`/containers/${Id}/json`)));
    // One may have been removed since it was listed.
    const present = replies.filter(({ status }) => status !== 404);
    return present.map((reply) => view(inspected.parse(parsed(reply)))).reverse();
  }

  /** Process of a container, as the droplet counts; 0 when none runs. @throws Error when there is no such container */
  async pid(container: string): Promise<number> {
    return inspected.parse(parsed(await this.#get(`/containers/${container}/json`))).State.Pid;
  }

  /** @throws Error when there is no such container */
  async logs(container: string, lines: number): Promise<string[]> {
    const log = read(await this.#get(`/containers/${container}/logs?stdout=1&stderr=1&tail=${lines}`));
    return unframed(log).split("\n").slice(0, -1);
  }

  /** Names by digest. */
  async images(): Promise<string[]> {
    return imageList.parse(parsed(await this.#get("/images/json"))).flatMap((image) => image.RepoDigests ?? []);
  }

  #get(path: string): Promise<Reply> {
    return new Promise((settle, fail) => {
      const asked = request({ socketPath: this.socket, path, agent: false }, (reply) => {
        buffer(reply).then((body) => settle({ status: reply.statusCode ?? 0, body }), fail);
      });
      asked.once("error", fail).end();
    });
  }
}

interface Reply {
  readonly status: number;
  readonly body: Buffer;
}

function read({ status, body }: Reply): Buffer {
  if (status !== 200) throw new Error(`Docker answers ${status}: ${body.toString()}`);
  return body;
}

const parsed = (reply: Reply): unknown => JSON.parse(read(reply).toString());

const view = ({ Id, Name, RestartCount, State, Config, HostConfig }: Inspected): ContainerView => ({
  id: Id,
  name: Name.slice(1),
  image: Config.Image,
  labels: Config.Labels,
  restart: HostConfig.RestartPolicy.Name,
  status: State.Status,
  exitCode: State.ExitCode,
  restartCount: RestartCount,
  publish: Object.entries(HostConfig.PortBindings).flatMap(([port, bindings]) =>
    bindings.map(({ HostIp, HostPort }) => ({
      address: HostIp || "0.0.0.0",
      // Empty or 0 is left to Docker.
      hostPort: Number(HostPort) || null,
      containerPort: Number.parseInt(port),
    })),
  ),
});

function unframed(log: Buffer): string {
  const pieces: Buffer[] = [];
  for (let at = 0; at < log.length;) {
    const start = at + FRAME_HEADER_BYTES;
    at = start + log.readUInt32BE(start - 4);
    pieces.push(log.subarray(start, at));
  }
  return Buffer.concat(pieces).toString();
}
