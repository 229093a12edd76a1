/** Hosts over SSH: each call of the port is one command on the host. */
import path from "node:path";
import type { FrontEvidence, Slot } from "../../../contract/host.js";
import type { Manifest, ManifestHost } from "../../../contract/manifest.js";
import type { PreDeploy } from "../../../contract/policy.js";
import type { Release } from "../../../contract/release.js";
import type { SecretValues } from "../../../contract/secrets.js";
import { environmentFile, hasSecretFiles } from "../commands/docker.js";
import { examine, parseExamination } from "../commands/examine.js";
import * as commands from "../commands/host.js";
import * as look from "../commands/look.js";
import { engine, environmentOf, placeOf, stages, type Place } from "../commands/steward.js";
import { RolloutError } from "../core/errors.js";
import type { HostPlan, OrderName } from "../host-steps.js";
import type {
  Clock,
  Examination,
  Followed,
  Host,
  Hosts,
  KeptRelease,
  LockRequest,
  LockResult,
  Observation,
  PullResult,
  Survey,
} from "../ports.js";
import { tellNobody, type OnRetry } from "./retry.js";
import { makeSocketFolder, removeSocketFolder } from "./sockets.js";
import { SshConnection, type CommandOptions, type SshSettings } from "./ssh.js";

/** Seconds that a command may take which does not wait for anything. */
const QUICK_SECONDS = 30;
/** Seconds that a steward may take to say whether it holds the lock, besides what it ends first: it starts, and waits for Docker. */
const LOCK_SECONDS = 90;
const PRUNE_SECONDS = 300;
/** Number of what is followed until it holds the lock: no order has it. */
const LOCK = 0;
const FOLLOW_SECONDS = 1;

/** Opens connections to the hosts of one manifest; `dispose` removes what they left on this machine. */
export class SshHosts implements Hosts {
  readonly #folder = makeSocketFolder();
  #opened = 0;

  constructor(
    private readonly manifest: Manifest,
    private readonly settings: SshSettings,
    private readonly clock: Clock,
    private readonly onRetry: OnRetry = tellNobody,
  ) {}

  open(host: ManifestHost): Host {
    this.#opened += 1;
    const socket = path.join(this.#folder, String(this.#opened));
    const connection = new SshConnection(host, this.settings, socket, this.onRetry);
    return new SshHost(host.name, connection, placeOf(this.manifest, host), this.clock);
  }

  dispose(): void {
    removeSocketFolder(this.#folder);
  }
}

class SshHost implements Host {
  #runId = "";
  #orders = 0;
  #beats = 0;
  #booted = false;

  constructor(
    readonly name: string,
    private readonly connection: SshConnection,
    private readonly place: Place,
    private readonly clock: Clock,
  ) {}

  async survey(insist = false): Promise<Survey> {
    const script = look.survey(this.place, this.#booted);
    const answer = await this.connection.ask(script, { timeoutSeconds: QUICK_SECONDS, retry: insist });
    const found = look.parseSurvey(answer, this.place.fleet);
    this.#booted = found.boot === "done";
    return found;
  }

  async lock(request: LockRequest, settleSeconds: number): Promise<LockResult> {
    this.#runId = request.runId;
    this.#orders = 0;
    this.#beats = 0;
    const { fleet } = this.place;
    await this.#give(commands.startSteward(fleet, request, engine(fleet)));
    const seconds = LOCK_SECONDS + settleSeconds;
    const deadline = this.clock.now() + seconds * 1000;
    for (;;) {
      const { journal } = await this.follow(LOCK, FOLLOW_SECONDS);
      const answer = journal.find((entry) => entry.state === "held" || entry.state === "refused");
      if (answer) return answer.state === "held" ? { type: "held" } : { type: "refused", holder: answer.detail };
      if (this.clock.now() > deadline)
        throw new RolloutError("HostTimeout", `${this.name}: the steward did not start within ${seconds} s`);
    }
  }

  async pull(image: string, login: string | null, timeoutSeconds: number): Promise<PullResult> {
    try {
      const output = await this.#change(commands.pull(image), {
        timeoutSeconds,
        input: login ?? "",
        slow: true,
      });
      const { digests, architecture } = commands.parsePulled(output);
      const repository = shortName(image.split("@")[0]?.replace(/:[^/:]*$/, "") ?? "");
      const arrived = digests.filter((digest) => shortName(digest).startsWith(`${repository}@`));
      if (arrived.length === 0)
        return { type: "failed", reason: `Docker knows no digest of it (${digests.join(", ") || "none"})` };
      const isAsked = arrived.some((digest) => shortName(digest) === shortName(image));
      return { type: "pulled", images: isAsked ? [image] : arrived, architecture };
    } catch (error) {
      if (error instanceof RolloutError && (error.code === "HostCommandFailed" || error.code === "HostTimeout")) {
        return { type: "failed", reason: error.message };
      }
      throw error;
    }
  }

  async missingMounts(release: Release): Promise<string[]> {
    if (release.service.mounts.length === 0) return [];
    const output = await this.#quick(commands.missingMounts(release));
    return output.split("\n").filter((path) => path !== "");
  }

  async prepare(plan: HostPlan, secrets: SecretValues | null): Promise<void> {
    if (plan.release && secrets) await this.#keep(plan.release, secrets);
    await this.#write(`runs/${this.#runId}/stages.sh`, stages(this.place, plan));
  }

  async #keep(release: Release, secrets: SecretValues): Promise<void> {
    if (hasSecretFiles(release)) {
      for (const [name, value] of Object.entries(secrets))
        await this.#changeBy(commands.writeSecret(this.place.fleet, release, name, value));
    }
    await this.#write(environmentFile(release), environmentOf(release, secrets));
    // After the others: where this file is, the release can be started.
    await this.#write(`releases/${release.id}.json`, `${JSON.stringify(release)}\n`);
  }

  async startPreDeploy(release: Release, preDeploy: PreDeploy): Promise<void> {
    const script = commands.startPreDeploy(this.place.fleet, this.#runId, release, preDeploy);
    await this.#changeBy({ script, input: "" });
  }

  async stopPreDeploy(timeoutSeconds: number): Promise<void> {
    await this.#change(commands.stopPreDeploy(this.place.fleet, timeoutSeconds), {
      timeoutSeconds: timeoutSeconds + QUICK_SECONDS,
      slow: true,
    });
  }

  async order(name: OrderName, argument = ""): Promise<number> {
    this.#orders += 1;
    await this.#give(commands.writeOrder(this.place.fleet, this.#runId, this.#orders, `${name} ${argument}`));
    return this.#orders;
  }

  async observe(): Promise<Observation> {
    this.#beats += 1;
    const script = look.observe(this.place, this.#runId, this.#beats);
    return look.parseObservation(await this.connection.ask(script, { timeoutSeconds: QUICK_SECONDS }));
  }

  /** Many may wait at once, each for little. */
  async follow(sequence: number, seconds: number): Promise<Followed> {
    this.#beats += 1;
    const script = look.follow(this.place.fleet, this.#runId, this.#beats, sequence, seconds);
    return look.parseFollowed(
      await this.connection.ask(script, { timeoutSeconds: QUICK_SECONDS + seconds, slow: true }),
    );
  }

  async evidence(withinSeconds: number): Promise<FrontEvidence | null> {
    const script = look.evidence(this.place.fleet, withinSeconds);
    return look.parseEvidence(await this.connection.ask(script, { timeoutSeconds: QUICK_SECONDS }));
  }

  async examine(): Promise<Examination> {
    const answer = await this.connection.ask(examine, { timeoutSeconds: QUICK_SECONDS });
    return parseExamination(answer, this.place.privateAddress);
  }

  async answer(path: string): Promise<number | null> {
    const { fleet, privateAddress, servicePort } = this.place;
    const script = look.answers(fleet, privateAddress, [{ path, port: servicePort }]);
    const { statuses } = look.parseAnswers(await this.connection.ask(script, { timeoutSeconds: QUICK_SECONDS }), 1);
    return statuses[0] ?? null;
  }

  async recover(): Promise<void> {
    await this.#quick(commands.recover(this.place.fleet));
  }

  async logs(slot: Slot, lines: number): Promise<string[]> {
    const output = await this.#quick(commands.logs(this.place.fleet, slot, lines));
    return output.split("\n").filter((text) => text.trim() !== "");
  }

  async keepHistory(signed: string): Promise<void> {
    await this.#write(commands.HISTORY_FILE, signed);
  }

  async prune(keep: readonly KeptRelease[], filesOnly: readonly string[]): Promise<void> {
    await this.#change(commands.prune(this.place.fleet, keep, filesOnly), {
      timeoutSeconds: PRUNE_SECONDS,
      slow: true,
    });
  }

  close(): Promise<void> {
    return this.connection.close();
  }

  #write(file: string, text: string): Promise<string> {
    return this.#changeBy(commands.writeFile(this.place.fleet, file, text));
  }

  #changeBy({ script, input }: commands.Given): Promise<string> {
    return this.#change(script, { timeoutSeconds: QUICK_SECONDS, input });
  }

  /** For what other rollouts see as well. An order is not: the run's own steward reads it, or nobody does. @throws RolloutError StewardLost */
  #change(script: string, options: CommandOptions): Promise<string> {
    const lost = (): RolloutError => lockLost(this.name);
    const fenced = commands.whileLocked(this.place.fleet, this.#runId, script);
    return this.connection.run(fenced, { ...options, meanings: new Map([[commands.LOCK_LOST, lost]]) });
  }

  #give({ script, input }: commands.Given): Promise<string> {
    return this.#quick(script, input);
  }

  #quick(script: string, input?: string): Promise<string> {
    return this.connection.run(script, { timeoutSeconds: QUICK_SECONDS, ...(input === undefined ? {} : { input }) });
  }
}

const lockLost = (host: string): RolloutError =>
  new RolloutError(
    "StewardLost",
    `${host}: the steward is gone, and with it the lock, so nothing more was written there; another rollout may have run since: look at the fleet's status, then decide anew`,
  );

/** Docker leaves its own hub's name out of digests. */
const shortName = (reference: string): string =>
  reference.replace(/^(index\.)?docker\.io\//, "").replace(/^library\//, "");
