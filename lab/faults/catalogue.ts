/** Every fault of the suite. */
import { api } from "./catalogue/api.js";
import { balancers } from "./catalogue/balancers.js";
import { clients } from "./catalogue/clients.js";
import { controllers } from "./catalogue/controllers.js";
import { droplets } from "./catalogue/droplets.js";
import { fronts } from "./catalogue/fronts.js";
import { networks } from "./catalogue/networks.js";
import { releases } from "./catalogue/releases.js";
import { rollbacks } from "./catalogue/rollbacks.js";
import type { Fault } from "./fault.js";

export const faults: readonly Fault[] = [
  { name: "none", phases: ["before"], exitCodes: [0] },
  ...controllers,
  ...droplets,
  ...fronts,
  ...networks,
  ...balancers,
  ...releases,
  ...rollbacks,
  ...clients,
  ...api,
];
