/** What a container may do and use on its host. */
import { z } from "zod";
import { flag, record, text, whole } from "./fields.js";

/** An absolute path in the form that Docker's `--mount` and `--tmpfs` take: neither comma, colon nor blank. */
const absolutePath = (need: string) => text(need, /^\/[A-Za-z0-9._/-]{0,254}$/);

/** A folder of the droplet that the container sees. */
export const mount = record({
  /** Folder on the droplet. It must be there on every host before a rollout: a rollout makes none. */
  source: absolutePath("an absolute path on the droplet such as /srv/uploads"),
  /** Where the container sees it: a folder below `/`, and with secrets in files neither `/run` nor `/run/secrets`. */
  target: absolutePath("an absolute path in the container such as /data"),
  /** @default true */
  readOnly: flag().default(true),
});
export type Mount = z.output<typeof mount>;

/**
 * What keeps a broken-into app from doing more. The words are those of Kubernetes' security contexts.
 * @see https://kubernetes.io/docs/tasks/configure-pod-container/security-context/
 */
export const isolation = record({
  /** The container cannot write but to `tmpfs` and its mounts. @default true */
  readOnlyRootFilesystem: flag().default(true),
  /**
   * Folders in memory that it can write to, with their sizes in MB, 1 to 65536. They are empty at each start, nothing in them can be run, and what they hold
   * counts as memory. `/run` may be one, `/run/secrets` may not while secrets are files there. @default { "/tmp": 64 }
   */
  tmpfs: z
    .record(absolutePath("an absolute path in the container such as /tmp"), whole("megabytes", 1, 65_536), {
      error: (issue) =>
        issue.code === "invalid_key"
          ? "an absolute path in the container such as /tmp"
          : "an object of folders and sizes in megabytes",
    })
    .default({ "/tmp": 64 }),
  /**
   * Linux capabilities that it keeps; all others are dropped. A port below 1024 needs none.
   * @default - none
   * @see https://docs.docker.com/engine/containers/run/#runtime-privilege-and-linux-capabilities
   */
  capabilities: z
    .array(
      text('a capability without "CAP_" such as CHOWN', /^(?!ALL$|CAP_)[A-Z][A-Z_]{2,30}$/),
      "a list of capabilities",
    )
    .default([]),
  /** Whether a program of the image may gain rights that its caller has not, as by setuid. @default false */
  allowPrivilegeEscalation: flag().default(false),
  /** Most processes and threads. 16 to 1000000. @default 1024 - a runaway is stopped before the droplet is, and no usual server comes near */
  pidsLimit: whole("processes", 16, 1_000_000).default(1024),
});
export type Isolation = z.output<typeof isolation>;

/** Log that Docker keeps of a container, beyond which the oldest lines go. */
export const logSize = record({
  /** Size of one file in MB. 1 to 1000. @default 10 */
  maxSizeMb: whole("megabytes", 1, 1000).default(10),
  /** Number of files. 1 to 100. @default 3 */
  maxFiles: whole("files", 1, 100).default(3),
});
