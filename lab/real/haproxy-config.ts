/**
 * HAProxy's configuration for one node of a balancer, as far as DigitalOcean's is known. Hosts come and go through the node's
 * socket; only those that are there while settings change are written down.
 *
 * @see https://docs.haproxy.org/2.6/configuration.html
 * @see https://docs.digitalocean.com/products/networking/load-balancers/ limits, headers that are added
 */
import type { BalancerEntry, BalancerSettings, EntryTls } from "../balancer-options.js";

/** What differs from node to node, and what lies on this machine. */
export interface NodePlace {
  /** Address that clients come to. All nodes listen there: the kernel deals new connections out among them. */
  readonly publicAddress: string;
  /** Address that the node asks hosts from. */
  readonly sourceAddress: string;
  /** Unix socket for state and orders. */
  readonly socket: string;
  /** PEM file with a certificate and its key. */
  readonly certificateFile: (certificate: string) => string;
}

/** What a node takes over from the one before it. */
export interface Kept {
  /** The hosts' health: HAProxy's answer to `show servers state`. */
  readonly stateFile: string;
  /** Addresses by name. */
  readonly hosts: ReadonlyMap<string, string>;
}

/** Name of the only backend. */
export const BACKEND = "fleet";

/** Longest time for making a connection to a host. HAProxy's documentation recommends a few seconds. */
const CONNECT_SECONDS = 5;
/** DigitalOcean says nothing on how long a host may take to answer. */
const ANSWER_SECONDS = 60;
const UPGRADED_SECONDS = 3600;
/** DigitalOcean's 10 000 would take more open files than every machine allows. */
const CONNECTIONS_PER_NODE = 4000;

/** @param kept null at the first start */
export function haproxyConfig(settings: BalancerSettings, place: NodePlace, kept: Kept | null = null): string {
  const sections = [
    [...global(place), ...(kept ? [`server-state-file ${kept.stateFile}`] : [])],
    [...defaults(settings), ...(kept ? ["load-server-state-from-file global"] : [])],
    ...settings.entries.map((entry) => frontend(entry, settings, place)),
    [...backend(settings, place), ...(kept ? servers(settings, kept) : [])],
  ];
  return sections
    .map(([title = "", ...lines]) => [title, ...lines.map((line) => `  ${line}`), ""].join("\n"))
    .join("\n");
}

/** Port that every entry leads to. @throws Error when they lead to several */
export function targetPort({ entries }: Pick<BalancerSettings, "entries">): number {
  const [port, ...others] = new Set(entries.map((entry) => entry.targetPort));
  if (port === undefined || others.length > 0)
    throw new Error(`the lab's balancer leads to one port of its hosts, not to ${[port, ...others].join(" and ")}`);
  return port;
}

const global = ({ socket }: NodePlace): string[] => [
  "global",
  `stats socket ${socket} mode 600 level admin expose-fd listeners`,
  "nbthread 1",
  `maxconn ${CONNECTIONS_PER_NODE}`,
  "ssl-default-bind-options ssl-min-ver TLSv1.2",
];

const defaults = ({ idleTimeoutSeconds }: BalancerSettings): string[] => [
  "defaults",
  "mode http",
  `timeout connect ${CONNECT_SECONDS}s`,
  `timeout client ${idleTimeoutSeconds}s`,
  `timeout http-keep-alive ${idleTimeoutSeconds}s`,
  `timeout server ${ANSWER_SECONDS}s`,
  `timeout tunnel ${UPGRADED_SECONDS}s`,
  // After a change of settings a client's kept connection is closed with an answer, not under its next request.
  "option idle-close-on-response",
];

const frontend = (entry: BalancerEntry, settings: BalancerSettings, place: NodePlace): string[] => [
  `frontend port-${entry.entryPort}`,
  `bind ${place.publicAddress}:${entry.entryPort}${entry.tls ? tls(entry.tls, place) : ""}`,
  ...(settings.redirectToHttps && !entry.tls ? ["http-request redirect scheme https code 307"] : forwarding(entry)),
];

const forwarding = ({ entryPort, tls }: BalancerEntry): string[] => [
  "option forwardfor",
  `http-request set-header X-Forwarded-Proto ${tls ? "https" : "http"}`,
  `http-request set-header X-Forwarded-Port ${entryPort}`,
  `default_backend ${BACKEND}`,
];

const tls = ({ certificate, http2 }: EntryTls, { certificateFile }: NodePlace): string =>
  ` ssl crt ${certificateFile(certificate)} alpn ${http2 ? "h2,http/1.1" : "http/1.1"}`;

const backend = (settings: BalancerSettings, { sourceAddress }: NodePlace): string[] => [
  `backend ${BACKEND}`,
  "balance roundrobin",
  `source ${sourceAddress}`,
  settings.backendKeepalive ? "option http-keep-alive" : "option http-server-close",
  `retries ${settings.retries}`,
  // Each further try asks another host at once; without it HAProxy waits a second and asks the same one.
  `option redispatch ${settings.retries > 0 ? 1 : 0}`,
  "option httpchk",
  // %si: address of the host.
  `http-check send meth GET uri ${settings.check.path} ver HTTP/1.1 hdr Host %si`,
  "http-check expect status 200-399",
  `timeout check ${milliseconds(settings.check.timeoutSeconds)}`,
];

const servers = (settings: BalancerSettings, { hosts }: Kept): string[] =>
  [...hosts].map(([name, address]) => `server ${name} ${serverArguments(settings, address)}`);

/** A host as `add server` takes it; it probes at the moment of that call and every interval from then on. */
export function serverArguments(settings: BalancerSettings, address: string): string {
  const { port, intervalSeconds, fall, rise } = settings.check;
  const check = `check port ${port} inter ${milliseconds(intervalSeconds)} fall ${fall} rise ${rise}`;
  return `${address}:${targetPort(settings)} ${check}`;
}

const milliseconds = (seconds: number): string => `${Math.round(seconds * 1000)}ms`;
