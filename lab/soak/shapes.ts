/** What a soak may be about besides the usual: other apps, other clients, other balancers. */
import type { BalancerOptions } from "../balancer-options.js";
import type { LoadSettings } from "../load/load.js";
import type { OtherApp } from "../releases.js";
import type { RealSite } from "../real/site.js";
import type { World } from "../world.js";
import { execa } from "execa";

export interface Shape {
  /** One line for whoever reads this list. */
  readonly what: string;
  /** Pushes a release of the app. @default - the reference API */
  readonly push?: (world: World, version: string) => Promise<string>;
  /** What clients send otherwise. */
  readonly load?: Partial<Pick<LoadSettings, LoadField>>;
  readonly balancer?: BalancerOptions;
  /** Changes the world before the load begins. */
  readonly before?: (world: World) => Promise<void>;
}

type LoadField = "slowIn" | "verySlowShare" | "verySlowMs" | "httpVersion" | "timeoutMs";

/** Only real droplets run whatever is in an image, and only there the balancer is a process of its own. */
const realSite = ({ site }: World): RealSite => {
  if (!("pushOther" in site)) throw new Error("this shape needs real droplets: --site real");
  return site as unknown as RealSite;
};

const other =
  (app: OtherApp) =>
  (world: World, version: string): Promise<string> =>
    realSite(world).pushOther(app, version);

/** The article's app has no handler for signals. */
const withoutHandler = (world: World, version: string): Promise<string> =>
  world.pushReference(version, { contract: "article", environment: { SLOW_ROUTE: "on" } });

/** So few that addresses and ports of connections soon come again. */
const FEW_PORTS = "20000 20127";

async function fewPorts(world: World): Promise<void> {
  const [command = "", ...argv] = [
    ...realSite(world).balancerNode.argv,
    ...["sysctl", "-q", "-w", `net.ipv4.ip_local_port_range=${FEW_PORTS}`],
  ];
  await execa(command, argv);
}

export const shapes = {
  usual: { what: "the reference API" },
  "no-handler": { what: "Node without a handler for SIGTERM", push: withoutHandler },
  python: { what: "Python's http.server", push: other("python") },
  static: { what: "an image that holds one static binary and nothing else", push: other("static") },
  "http-1.0": { what: "clients that speak HTTP/1.0", load: { httpVersion: "1.0" } },
  uploads: { what: "a tenth of the requests are uploads that come in pieces", load: { slowIn: "upload" } },
  long: {
    what: "two of a hundred requests take 20 s",
    load: { verySlowShare: 0.02, verySlowMs: 20_000, timeoutMs: 60_000 },
  },
  "few-ports": { what: "a balancer that has 128 ports to connect from", before: fewPorts },
  "two-nodes": {
    what: "two nodes of the balancer that ask half an interval apart",
    balancer: { nodes: 2, phasesSeconds: [0, 1.5] },
  },
} as const satisfies Record<string, Shape>;

export type ShapeName = keyof typeof shapes;
export const shapeNames = Object.keys(shapes) as [ShapeName, ...ShapeName[]];
export const shapeOf = (name: ShapeName): Shape => shapes[name];
