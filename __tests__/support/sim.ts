/** Runs rollouts in the simulation. */
import type { Behaviour } from "../../lab/sim/app.js";
import { SimWorld, type SimOptions } from "../../lab/sim/world.js";
import type { Manifest } from "../../contract/manifest.js";
import type { Secrets } from "../../scripts/rollout/core/secrets.js";
import type { Receipt } from "../../scripts/rollout/core/receipt.js";
import type { RolloutEvent } from "../../scripts/rollout/core/events.js";
import type { Parts, Wanted } from "../../scripts/rollout/context.js";
import type { Ports } from "../../scripts/rollout/ports.js";
import { rollout, standardParts } from "../../scripts/rollout/run.js";
import { testImage, testRelease } from "./fleet.js";

export interface SimRun {
  readonly world: SimWorld;
  /** Receipt of the first rollout. */
  readonly receipt: Receipt;
  readonly receipts: readonly Receipt[];
}

export interface RunOptions extends Partial<Omit<SimOptions, "manifest">> {
  readonly manifest: Manifest;
  /** @default - release 2 */
  readonly wanted?: Wanted;
  readonly startedByTerraform?: boolean;
  /** @param turn counts rollouts from 0 @default - none does */
  readonly skipPreDeploy?: (turn: number) => boolean;
  readonly parts?: Parts;
  /** Rollouts started at the same moment. @default 1 */
  readonly contenders?: number;
  /** How long each rollout waits for another one. @default 0 */
  readonly waitSeconds?: number;
  /** What each of them wants. @default - the same */
  readonly wantedOf?: (contender: number) => Wanted;
  /** Rollouts afterwards, one after the other, which nobody stops. @default 0 */
  readonly reruns?: number;
  /** Secrets of each rollout, by its number from 0. @default - none */
  readonly secretsOf?: (turn: number) => Secrets | null;
  /** What is wanted of rollouts after those, one after the other. @default - nothing */
  readonly next?: readonly Wanted[];
  /** Told of each event; may do something to the world at that moment. */
  readonly onEvent?: (event: RolloutEvent, world: SimWorld) => void;
  /**
   * Tells the rollout to stop, as a signal would: at the first event for which it gives `true`, or so many milliseconds after the first
   * one for which it gives a number.
   */
  readonly stopAt?: (event: RolloutEvent) => boolean | number;
}

/** No rollout of a test may take longer than this, in virtual seconds. */
const LIMIT_SECONDS = 24 * 3600;

export const healthy: Behaviour = { startMs: 500, kind: "healthy" };

/** Every host serves release 1, unless told otherwise. */
export function newWorld(options: Partial<SimOptions> & Pick<SimOptions, "manifest">): SimWorld {
  const { manifest } = options;
  return new SimWorld({
    phasesMs: [1000],
    ratePerSecond: 20,
    requestMs: () => 50,
    latencyMs: () => 20,
    behaviourOf: () => healthy,
    seeds: new Map(manifest.hosts.map((host) => [host.name, testRelease(manifest, 1)])),
    ...options,
  });
}

/** Every host serves release 1; release 2 is rolled out unless told otherwise. */
export async function simulate({
  manifest,
  wanted = { do: "deploy", image: testImage(2) },
  startedByTerraform = true,
  skipPreDeploy = () => false,
  parts = standardParts,
  contenders = 1,
  waitSeconds = 0,
  wantedOf = () => wanted,
  reruns = 0,
  next = [],
  secretsOf = () => null,
  onEvent = () => undefined,
  stopAt = () => false,
  ...options
}: RunOptions): Promise<SimRun> {
  const world = newWorld({ manifest, ...options });
  const stop = new AbortController();
  const ports = (): Ports => {
    const real = world.ports();
    const emit = (event: RolloutEvent): void => {
      real.events.emit(event);
      onEvent(event, world);
      const after = stopAt(event);
      if (after === true) stop.abort();
      else if (after !== false) world.clock.after(after, () => stop.abort());
    };
    return { ...real, events: { emit } };
  };
  const request = { manifest, startedByTerraform, registryLogin: null, owner: "test@lab", waitSeconds };
  let turn = 0;
  const once = (signal: AbortSignal, what: Wanted): Promise<Receipt> => {
    const own = { wanted: what, secrets: secretsOf(turn), skipPreDeploy: skipPreDeploy(turn), signal };
    turn += 1;
    return rollout({ ...request, ...own }, ports(), parts);
  };
  const receipts = await world.run(async () => {
    const ended = await Promise.all(
      Array.from({ length: contenders }, (_, contender) => once(stop.signal, wantedOf(contender))),
    );
    const later = [...Array.from({ length: reruns }, () => wanted), ...next];
    for (const what of later) ended.push(await once(new AbortController().signal, what));
    return ended;
  }, LIMIT_SECONDS);
  const [receipt] = receipts;
  if (!receipt) throw new Error("at least one rollout is run");
  return { world, receipt, receipts };
}
