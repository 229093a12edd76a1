/** What hosts answer on their private addresses, asked over SSH, where the guard may go as the rollout does. */
import path from "node:path";
import type { ManifestHost } from "../../../contract/manifest.js";
import { answers, parseAnswers } from "../commands/look.js";
import type { HealthAnswers, HealthLook, HealthTarget } from "../ports.js";
import { makeSocketFolder, removeSocketFolder } from "./sockets.js";
import { SshConnection, type SshSettings } from "./ssh.js";

const ASK_SECONDS = 30;

interface Opened {
  readonly folder: string;
  readonly settings: SshSettings;
  /** By droplet id. */
  readonly connections: Map<string, SshConnection>;
}

export class SshHealth implements HealthLook {
  #opened: Opened | null = null;

  /** @param settings read when the first host is asked */
  constructor(
    private readonly fleet: string,
    private readonly settings: () => SshSettings,
  ) {}

  /** Once: whoever asks decides whether to ask again. */
  async ask(host: ManifestHost, targets: readonly HealthTarget[]): Promise<HealthAnswers> {
    const script = answers(this.fleet, host.privateAddress, targets);
    const answer = await this.#connection(host).ask(script, { timeoutSeconds: ASK_SECONDS, retry: false });
    return parseAnswers(answer, targets.length);
  }

  async dispose(): Promise<void> {
    if (!this.#opened) return;
    await Promise.all([...this.#opened.connections.values()].map((connection) => connection.close()));
    removeSocketFolder(this.#opened.folder);
  }

  #connection(host: ManifestHost): SshConnection {
    this.#opened ??= { settings: this.settings(), folder: makeSocketFolder(), connections: new Map() };
    const { folder, settings, connections } = this.#opened;
    const known = connections.get(host.id);
    if (known) return known;
    const opened = new SshConnection(host, settings, path.join(folder, String(connections.size)));
    connections.set(host.id, opened);
    return opened;
  }
}
