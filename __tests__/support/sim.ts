/** Runs rollouts in the simulation. */
import type { Behaviour } from "../../lab/sim/app.js";
import { SimWorld, type SimOptions } from "../../lab/sim/world.js";
import type { Manifest } from "../../contract/manifest.js";
import type { Release } from "../../contract/release.js";
import type { RecordKeys } from "../../scripts/rollout/core/history.js";
import type { Secrets } from "../../scripts/rollout/core/secrets.js";
import type { Receipt } from "../../scripts/rollout/core/receipt.js";
import type { RolloutEvent } from "../../scripts/rollout/core/events.js";
import type { Parts, RegistryLogin, Wanted } from "../../scripts/rollout/context.js";
import type { Ports } from "../../scripts/rollout/ports.js";
import { rollout, standardParts } from "../../scripts/rollout/run.js";
import { testHistory, testImage, testRecordKeys, testRelease } from "./fleet.js";

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
  /** Releases that the whole fleet served by its history, oldest first. @default - there is no history */
  readonly served?: readonly Release[];
  /** What is wanted of rollouts after those, one after the other. @default - nothing */
  readonly next?: readonly Wanted[];
  /** Happens under load before the first rollout begins. @default - nothing */
  readonly before?: (world: SimWorld) => Promise<void>;
  /** Happens under load when all rollouts have ended. @default - nothing */
  readonly after?: (world: SimWorld) => Promise<void>;
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

export interface OneRollout {
  /** @default - the standard ones */
  readonly parts?: Parts;
  /** @default - none */
  readonly registryLogin?: RegistryLogin | null;
  /** @default - none */
  readonly secrets?: Secrets | null;
  /** @default - those of all tests */
  readonly recordKeys?: RecordKeys;
  /** @default - the world's, as they are */
  readonly ports?: Ports;
}

/** One rollout in a world, which nobody stops. */
export const rolloutIn = (
  world: SimWorld,
  manifest: Manifest,
  wanted: Wanted,
  {
    parts = standardParts,
    ports = world.ports(),
    recordKeys = testRecordKeys.recordKeys,
    registryLogin = null,
    secrets = null,
  }: OneRollout = {},
): Promise<Receipt> =>
  rollout(
    {
      ...{ manifest, wanted, startedByTerraform: true, registryLogin, owner: "test@lab", waitSeconds: 0 },
      ...{ recordKeys, recordKeyMade: null },
      ...{ secrets, skipPreDeploy: false, signal: new AbortController().signal },
    },
    ports,
    parts,
  );

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
  served = [],
  secretsOf = () => null,
  before = () => Promise.resolve(),
  after = () => Promise.resolve(),
  onEvent = () => undefined,
  stopAt = () => false,
  ...options
}: RunOptions): Promise<SimRun> {
  const world = newWorld({ manifest, ...options });
  if (served.length > 0)
    for (const { name } of manifest.hosts) world.machine(name).history = testHistory(manifest, served);
  const stop = new AbortController();
  const ports = (): Ports => {
    const real = world.ports();
    const emit = (event: RolloutEvent): void => {
      real.events.emit(event);
      onEvent(event, world);
      const stops = stopAt(event);
      if (stops === true) stop.abort();
      else if (stops !== false) world.clock.after(stops, () => stop.abort());
    };
    return { ...real, events: { emit } };
  };
  const request = {
    ...{ manifest, startedByTerraform, registryLogin: null, owner: "test@lab", waitSeconds },
    ...testRecordKeys,
  };
  let turn = 0;
  const once = (signal: AbortSignal, what: Wanted): Promise<Receipt> => {
    const own = { wanted: what, secrets: secretsOf(turn), skipPreDeploy: skipPreDeploy(turn), signal };
    turn += 1;
    return rollout({ ...request, ...own }, ports(), parts);
  };
  const receipts = await world.run(async () => {
    await before(world);
    const ended = await Promise.all(
      Array.from({ length: contenders }, (_, contender) => once(stop.signal, wantedOf(contender))),
    );
    const later = [...Array.from({ length: reruns }, () => wanted), ...next];
    for (const what of later) ended.push(await once(new AbortController().signal, what));
    await after(world);
    return ended;
  }, LIMIT_SECONDS);
  const [receipt] = receipts;
  if (!receipt) throw new Error("at least one rollout is run");
  return { world, receipt, receipts };
}
