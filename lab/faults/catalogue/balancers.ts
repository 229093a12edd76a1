/** What the balancer may lose of a host that serves: the way there, of every node or of one, or the host's tag. */
import { environmentNames } from "../../../contract/manifest.js";
import { impatient, SHORT_MS, sleep, theHost, type Fault, type Scene } from "../fault.js";

interface Loss {
  readonly what: string;
  readonly lost: (scene: Scene, isLost: boolean) => Promise<void>;
  /** Packets are dropped on their way: what is sent until the balancer has noticed goes elsewhere, if it was no request yet. */
  readonly drops: boolean;
}

/** The node that is cut off alone, of two. */
const ONE_NODE = 1;

async function tag({ world, stackFolder, droplet }: Scene, isLost: boolean): Promise<void> {
  const { environment } = world.rolloutCommand({ image: "", stackFolder });
  const { fleetTag } = JSON.parse(environment[environmentNames.manifest] ?? "") as { fleetTag: string };
  const { tags } = world.account;
  if (isLost) tags.untag(fleetTag, Number(droplet.id));
  else tags.tag(fleetTag, Number(droplet.id));
  await world.account.settled();
}

const losses: readonly Loss[] = [
  {
    what: "loses the host",
    lost: ({ world, droplet }, isLost) => world.site.cutOff(droplet, isLost),
    drops: true,
  },
  {
    what: "loses the host with one node of two",
    lost: ({ world, droplet }, isLost) => world.site.cutOff(droplet, isLost, ONE_NODE),
    drops: true,
  },
  { what: "loses the host's tag", lost: tag, drops: false },
];

/** Resolves once not every node sends to the droplet any more. */
async function noticed({ world: { balancer }, droplet }: Scene): Promise<void> {
  while (balancer.nodesUp(droplet.id).length === balancer.settings.nodes) await sleep(50);
}

const lossFaults = ({ what, lost, drops }: Loss): Fault[] => {
  const common = { balancer: { nodes: 2 }, ...(drops ? { kills: theHost } : {}) } as const;
  return [
    {
      name: `the balancer ${what} before the start`,
      phases: ["before"],
      ...common,
      strike: async (scene) => {
        await lost(scene, true);
        await noticed(scene);
      },
      mend: (scene) => lost(scene, false),
      exitCodes: [3],
      error: "NotInRotation",
    },
    {
      name: `the balancer ${what} meanwhile`,
      phases: ["draining", "starting"],
      ...common,
      fleet: { rollout: impatient },
      strike: (scene) => lost(scene, true),
      mend: (scene) => lost(scene, false),
      exitCodes: [5, 6],
      handedOver: { phases: ["front-lead", "restart-on"] },
    },
    {
      name: `the balancer ${what} for a while after the rollout`,
      phases: ["after"],
      ...common,
      strike: async (scene) => {
        await lost(scene, true);
        await sleep(SHORT_MS);
        await lost(scene, false);
      },
      exitCodes: [0],
    },
  ];
};

export const balancers: readonly Fault[] = losses.flatMap(lossFaults);
