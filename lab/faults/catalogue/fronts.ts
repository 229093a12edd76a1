/** What may befall a droplet's front: whoever is to change it, and what it is in the kernel. */
import type { FrontTrouble } from "../../trouble.js";
import { impatient, onTheHost, SHORT_MS, sleep, theHost, untilKept, type Fault } from "../fault.js";

const troubles: Readonly<Record<FrontTrouble, string>> = {
  refused: "sudo refuses the front's helper",
  missing: "the front's helper is gone",
  "no-module": "nft finds no nf_tables in the kernel",
};

const troubled = ([trouble, what]: readonly [FrontTrouble, string]): Fault[] => {
  const begins = {
    strike: ({ droplet }) => droplet.troubleFront(trouble),
    mend: ({ droplet }) => droplet.troubleFront(null),
  } as const satisfies Partial<Fault>;
  return [
    { name: `${what} before the start`, phases: ["before"], ...begins, exitCodes: [3], error: "HostUnfit" },
    {
      name: what,
      phases: onTheHost,
      fleet: { rollout: impatient },
      ...begins,
      exitCodes: [5, 6],
      // What was refused or led over stays so until somebody can take it back.
      unrested: theHost,
      handedOver: { phases: ["starting", ...untilKept] },
    },
    {
      name: `${what} for a while as the old container drains`,
      strategies: ["handoff"],
      phases: ["after"],
      strike: async ({ droplet }) => {
        await droplet.troubleFront(trouble);
        await sleep(SHORT_MS);
        await droplet.troubleFront(null);
      },
      exitCodes: [0],
    },
  ];
};

export const fronts: readonly Fault[] = [
  ...(Object.entries(troubles) as [FrontTrouble, string][]).flatMap(troubled),
  {
    name: "somebody flushes the firewall",
    // An embedded droplet has none.
    sites: ["real"],
    phases: ["draining", "ejected", "ready"],
    strike: ({ droplet }) => droplet.flushFirewall(),
    // Docker's own rules are gone as well, without which it starts nothing that it publishes.
    mend: ({ droplet }) => droplet.restartDocker(0),
    // A connection whose packets come while nothing leads them on is reset.
    kills: theHost,
    exitCodes: [0, 5],
    handedOver: { phases: ["starting", "front-lead", "restart-on", "after"] },
  },
];
