/** A droplet that is simulated: the rollout's commands are recognised and done to a model of the machine. */
import type { Manifest } from "../../contract/manifest.js";
import { release as releaseForm, type Release } from "../../contract/release.js";
import { environmentFile } from "../../scripts/rollout/commands/docker.js";
import { HISTORY_FILE } from "../../scripts/rollout/commands/host.js";
import { FOLLOW_TICK_SECONDS } from "../../scripts/rollout/commands/look.js";
import { environmentOf, stages, type Place } from "../../scripts/rollout/commands/steward.js";
import { hostSteps, standings, type HostPlan, type OrderName } from "../../scripts/rollout/host-steps.js";
import type { LockRequest } from "../../scripts/rollout/ports.js";
import { LabFault } from "../fault.js";
import type { SimMachine } from "../sim/machine.js";
import { SimSteward } from "../sim/steward.js";
import { followedParts, observationParts, pulledText, surveyParts } from "./answers.js";
import { asked, noCommands, type Asked, type Kind } from "./asked.js";
import type { RealClock } from "./clock.js";
import { brought, printed, type Command } from "./framed.js";

const ORDER_PATH = /^runs\/[^/]+\/order\.\d+$/;
const ORDER_FILE = /^order\.(\d+)$/;
const ORDER = /^(\S+) (.*)\n$/;

export class SimHost {
  /** Commands so far, by kind. */
  readonly commands: Record<Kind, number> = noCommands();
  readonly #files = new Map<string, string>();
  #steward: SimSteward | null = null;

  constructor(
    readonly machine: SimMachine,
    private readonly manifest: Manifest,
    private readonly place: Place,
    private readonly clock: RealClock,
  ) {}

  /**
   * Does what a command asks and gives back what it prints.
   * @throws LabFault for a command that no rollout gives, or not in this state of the host
   */
  async answer(command: Command): Promise<string> {
    const what = asked(this.place, this.machine.releases, command);
    this.commands[what.kind] += 1;
    const { frame, input } = brought(command) ?? { frame: "", input: "" };
    if (what.kind === "follow") await this.#ended(what);
    const answer = this.#do(what, input);
    return typeof answer === "string" ? answer : printed(frame, answer);
  }

  /** @returns what is printed, or the parts of it */
  #do(what: Asked, input: string): string | Record<string, string> {
    switch (what.kind) {
      case "survey":
        return surveyParts(this.machine, this.place);
      case "steward":
        this.#startSteward(what.request);
        return "";
      case "observe":
        return this.#observe(what.runId);
      case "follow":
        return followedParts(this.#stewardOf(what.runId));
      case "file":
        if (what.runId !== null) this.#stewardOf(what.runId);
        else if (!ORDER_PATH.test(what.path)) throw this.#fault(`is given a file that asks for no lock: ${what.path}`);
        this.#write(what.path, input);
        return "";
      case "pull":
        this.#stewardOf(what.runId);
        this.machine.images.add(what.image);
        return pulledText(what.image);
      case "logs":
        return this.machine.state(what.slot) ? `log of ${this.machine.name}\n` : "";
      case "prune":
        this.#stewardOf(what.runId);
        this.#prune(what);
        return "";
    }
  }

  #startSteward(request: LockRequest): void {
    if (this.#steward?.request.runId === request.runId) return;
    if (this.#steward?.alive) throw this.#fault("stands for one rollout at a time");
    this.#steward = new SimSteward(request, this.machine, this.clock);
    this.#files.clear();
  }

  #observe(runId: string): Record<string, string> {
    const steward = this.#stewardOf(runId);
    steward.beat();
    return observationParts(this.machine, steward);
  }

  /** Resolves once the order has ended, or after so many seconds. */
  async #ended({ runId, sequence, seconds }: Extract<Asked, { kind: "follow" }>): Promise<void> {
    const steward = this.#stewardOf(runId);
    steward.beat();
    const ends = sequence === 0 ? ["held", "refused"] : ["done", "failed"];
    const isOver = (): boolean =>
      steward.journal.some((entry) => entry.sequence === sequence && ends.includes(entry.state));
    const untilMs = this.clock.now() + seconds * 1000;
    while (!isOver() && steward.alive && this.clock.now() < untilMs) await this.clock.sleep(FOLLOW_TICK_SECONDS * 1000);
  }

  #write(path: string, text: string): void {
    const [folder, first = "", name = ""] = path.split("/");
    if (path === HISTORY_FILE) this.machine.history = text;
    else if (folder === "releases") this.#writeRelease(path, text);
    else if (folder === "runs" && name === "stages.sh") this.#stewardOf(first).plan = this.#planOf(text);
    else if (folder === "runs" && ORDER_FILE.test(name)) this.#order(this.#stewardOf(first), path, text);
    else throw this.#fault(`is given a file that no rollout writes: ${path}`);
    this.#files.set(path, text);
  }

  /** The environment's file comes first; the release in full after it. */
  #writeRelease(path: string, text: string): void {
    if (!path.endsWith(".json")) return;
    const release = releaseForm.parse(JSON.parse(text));
    if (
      path !== `releases/${release.id}.json` ||
      this.#files.get(environmentFile(release)) !== environmentOf(release, {})
    )
      throw this.#fault(`is given files of release ${release.id} that do not belong together`);
    this.machine.releases.set(release.id, release);
  }

  /** A command may be given twice, as after a broken connection; the order counts once. */
  #order(steward: SimSteward, path: string, text: string): void {
    if (this.#files.has(path)) return;
    const [, name = "", argument = ""] = ORDER.exec(text) ?? [];
    if (!isOrder(name, steward.plan)) throw this.#fault(`is given an order that it has no steps for: ${text}`);
    const sequence = steward.order(name, argument);
    if (!path.endsWith(`/order.${sequence}`)) throw this.#fault(`is given ${path} as order number ${sequence}`);
  }

  /** The steps whose script this is. */
  #planOf(script: string): HostPlan {
    const releases = [...this.machine.releases.values(), null];
    const found = releases
      .flatMap((release) => plans(release, this.manifest))
      .find((plan) => stages(this.place, plan) === script);
    if (!found) throw this.#fault("is given steps that host-steps.ts does not lay out");
    return found;
  }

  #prune({ keep, filesOnly }: Extract<Asked, { kind: "prune" }>): void {
    const files = [...keep.map(({ id }) => id), ...filesOnly];
    for (const id of [...this.machine.releases.keys()]) if (!files.includes(id)) this.machine.releases.delete(id);
  }

  #stewardOf(runId: string): SimSteward {
    if (this.#steward?.request.runId !== runId) throw this.#fault(`is not locked by the rollout ${runId}`);
    return this.#steward;
  }

  #fault(what: string): LabFault {
    return new LabFault(`the simulated host ${this.machine.name} ${what}`);
  }
}

/** Every list of steps that a host of this fleet may be given for a release. */
const plans = (release: Release | null, { rollout: policy, healthCheck: check }: Manifest): HostPlan[] =>
  standings.map((standing) =>
    hostSteps({ release, policy, check, standing, goesBack: false, isWarm: false, letsGo: false }),
  );

const isOrder = (name: string, plan: HostPlan | null): name is OrderName =>
  name === "undo" || name === "leave" || (plan !== null && name in plan.stages);
