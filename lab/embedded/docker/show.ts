/** What `docker inspect` and its kin show of containers and images. */
import { isAlive } from "../../model/containers.js";
import type { LabContainer } from "./engine.js";
import type { StoredImage } from "./image-store.js";

const NEVER = "0001-01-01T00:00:00Z";
const moment = (ms: number | null): string => (ms === null ? NEVER : new Date(ms).toISOString());

/** A container as the engine's API shows it, in the fields that the lab stands for. */
export function shownContainer(container: LabContainer, pid: number) {
  const { extra, restart, status } = container;
  return {
    Id: container.id,
    Name: `/${container.name}`,
    Path: extra.command[0] ?? "",
    Args: extra.command.slice(1),
    Image: extra.imageId,
    RestartCount: container.restartCount,
    State: {
      Status: status,
      Running: isAlive(container),
      Paused: false,
      Restarting: status === "restarting",
      OOMKilled: false,
      Dead: false,
      Pid: pid,
      ExitCode: container.exitCode,
      Error: "",
      StartedAt: moment(container.startedAt),
      FinishedAt: moment(container.finishedAt),
    },
    Config: {
      Image: container.image,
      Labels: container.labels,
      Env: Object.entries(extra.environment).map(([name, value]) => `${name}=${value}`),
      Cmd: extra.command,
      StopTimeout: extra.stopTimeoutSeconds,
    },
    HostConfig: {
      RestartPolicy: { Name: restart, MaximumRetryCount: 0 },
      PortBindings: bindings(container),
      Memory: extra.memoryBytes,
      Init: extra.init,
      NetworkMode: container.network ?? "bridge",
    },
    NetworkSettings: { Networks: networks(container) },
  };
}

/** Those of the user's own: the lab gives no addresses in Docker's default one. */
function networks({ network, staticAddress, address, status }: LabContainer): Record<string, object> {
  if (network === null) return {};
  const IPAMConfig = staticAddress === null ? null : { IPv4Address: staticAddress };
  // Between two restarts Docker has taken it off the network.
  return { [network]: { IPAMConfig, IPAddress: status === "running" ? address : "" } };
}

function bindings({ publish }: LabContainer): Record<string, { HostIp: string; HostPort: string }[]> {
  return Object.fromEntries(
    publish.map(({ containerPort, address, hostPort }) => [
      `${containerPort}/tcp`,
      [{ HostIp: address, HostPort: hostPort === null ? "" : String(hostPort) }],
    ]),
  );
}

/** A line of `docker ps`. */
export function shownRow(container: LabContainer) {
  const { id, name, image, labels, status, exitCode } = container;
  const said = {
    created: "Created",
    running: "Up Less than a second",
    restarting: `Restarting (${exitCode}) Less than a second ago`,
    exited: `Exited (${exitCode}) Less than a second ago`,
  };
  return {
    ID: id.slice(0, 12),
    Names: name,
    Image: image,
    State: status,
    Status: said[status],
    Labels: Object.entries(labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(","),
  };
}

/** An image as `docker image inspect` shows it. */
export const shownImage = (image: StoredImage) => ({
  Id: image.id,
  RepoTags: image.repoTags,
  RepoDigests: image.repoDigests,
  Architecture: image.architecture,
  Os: "linux",
});

/** Lines of `docker images`: one for each name of the image. */
export function shownImageRows(image: StoredImage) {
  const id = image.id;
  const tagged = image.repoTags.map((name) => name.slice(0, name.lastIndexOf(":")));
  return image.repoDigests.flatMap((name) => {
    const [repository = "", digest = ""] = name.split("@");
    const tags = image.repoTags.filter((_, index) => tagged[index] === repository);
    const names = tags.length > 0 ? tags.map((tag) => tag.slice(repository.length + 1)) : ["<none>"];
    return names.map((tag) => ({ Repository: repository, Tag: tag, Digest: digest, ID: id }));
  });
}
