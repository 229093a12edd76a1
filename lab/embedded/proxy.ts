/** Passes one request on to a target and its answer back, as HAProxy does in `option http-server-close`. */
import { request, type ClientRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { createConnection, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { nodeAddress, type Member } from "./balancer-node.js";
import type { KeptConnections, KeptTarget } from "./kept-connections.js";
import { answerWithPage } from "./pages.js";

/** How long a connection to a target may take. HAProxy's documentation recommends a few seconds for `timeout connect`. */
const CONNECT_MS = 5000;

/** Meant for one hop only. @see https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1 */
const HOP_BY_HOP = new Set(["connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade"]);

export interface ProxySettings {
  /** Port of the balancer that the client came to. */
  readonly entryPort: number;
  readonly targetPort: number;
  /** What the client speaks. */
  readonly scheme: "http" | "https";
  /** Further targets to try when a connection to one cannot be made. */
  readonly retries: number;
  /** Keeps connections to targets open; null makes a new one for each request. */
  readonly agent: KeptConnections | null;
  readonly sourceAddress: string | undefined;
}

export interface Exchange {
  readonly incoming: IncomingMessage;
  readonly response: ServerResponse;
  /** Whether another request came before on the client's connection. */
  readonly reused: boolean;
  /** The next target, none of those that were tried where there is another; null when none is up. */
  readonly next: (tried: ReadonlySet<string>) => Member | null;
}

/** Serves one request to its end; never throws. */
export async function forward(exchange: Exchange, settings: ProxySettings): Promise<void> {
  const { response } = exchange;
  const tried = new Set<string>();
  for (let tries = 0; tries <= settings.retries; tries += 1) {
    const member = exchange.next(tried);
    const outgoing = member && (await connect(exchange, member, settings));
    if (response.destroyed) {
      outgoing?.destroy();
      return;
    }
    if (outgoing) {
      exchangeBodies(exchange, outgoing);
      return;
    }
    if (!member) break;
    tried.add(member.id);
  }
  answerWithPage(response, 503);
}

/** A request whose connection stands and whose body is not sent yet; null when no connection can be made. */
async function connect(exchange: Exchange, member: Member, settings: ProxySettings): Promise<ClientRequest | null> {
  const port = await member.endpoint(settings.targetPort);
  const opens = (): void => member.connecting?.(settings.targetPort, nodeAddress(settings.sourceAddress));
  if (port === null) opens();
  if (port === null) return null;
  if (port === undefined) return new Promise((settle) => setTimeout(settle, CONNECT_MS, null).unref());
  const kept: KeptTarget = { host: member.privateAddress, port: settings.targetPort, realPort: port };
  const outgoing = request({
    ...(settings.agent ? kept : { host: "127.0.0.1", port }),
    ...{ method: exchange.incoming.method, path: exchange.incoming.url },
    agent: settings.agent ?? false,
    ...(settings.sourceAddress === undefined ? {} : { localAddress: settings.sourceAddress }),
    headers: forwardedHeaders(exchange.incoming, settings),
  });
  return new Promise((settle) => {
    const late = setTimeout(() => outgoing.destroy(new Error("no connection in time")), CONNECT_MS);
    const done = (made: ClientRequest | null): void => {
      clearTimeout(late);
      settle(made);
    };
    outgoing.on("error", () => done(null));
    outgoing.once("socket", (socket: Socket) => {
      if (!socket.connecting) {
        done(outgoing);
        return;
      }
      opens();
      socket.once("connect", () => done(outgoing));
    });
  });
}

/** Passes a request for another protocol on, and then whatever either side sends, until one of them ends it; never throws. */
export async function tunnel(
  incoming: IncomingMessage,
  client: Duplex,
  member: Member | null,
  settings: ProxySettings,
): Promise<void> {
  client.on("error", () => undefined);
  const port = await member?.endpoint(settings.targetPort);
  if (port !== undefined) member?.connecting?.(settings.targetPort, nodeAddress(settings.sourceAddress));
  if (typeof port !== "number" || client.destroyed) {
    client.end("HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n");
    return;
  }
  const { sourceAddress: localAddress } = settings;
  const target = createConnection({ host: "127.0.0.1", port, ...(localAddress === undefined ? {} : { localAddress }) });
  target.on("error", () => undefined);
  target.once("close", () => client.destroy());
  client.once("close", () => target.destroy());
  const lines = [`${incoming.method} ${incoming.url} HTTP/1.1`, ...headerLines(incoming)];
  target.write(`${lines.join("\r\n")}\r\n\r\n`);
  client.pipe(target).pipe(client);
}

const headerLines = ({ rawHeaders, socket }: IncomingMessage): string[] => [
  ...rawHeaders.flatMap((name, index) => (index % 2 === 0 ? [`${name}: ${rawHeaders[index + 1] ?? ""}`] : [])),
  `X-Forwarded-For: ${socket.remoteAddress ?? ""}`,
];

function exchangeBodies({ incoming, response, reused }: Exchange, outgoing: ClientRequest): void {
  outgoing.once("response", (reply) => {
    response.writeHead(reply.statusCode ?? 502, reply.statusMessage, ownHeaders(reply.rawHeaders));
    reply.pipe(response);
    // Cut off in the middle: the client must not take it for whole.
    reply.once("error", () => response.destroy());
    reply.once("close", () => {
      if (!reply.complete) response.destroy();
    });
  });
  outgoing.on("error", () => {
    if (response.headersSent) response.destroy();
    // On a connection that was used before, HAProxy closes silently: the client may send the request again.
    else if (reused) incoming.socket.destroy();
    else answerWithPage(response, 502);
  });
  response.once("close", () => outgoing.destroy());
  if (hasBody(incoming)) incoming.pipe(outgoing);
  else outgoing.end();
}

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;

function ownHeaders(rawHeaders: readonly string[]): string[] {
  const kept: string[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const [name = "", value = ""] = rawHeaders.slice(index, index + 2);
    if (!HOP_BY_HOP.has(name.toLowerCase())) kept.push(name, value);
  }
  return kept;
}

/** @see https://docs.digitalocean.com/products/networking/load-balancers/ headers that the balancer adds */
function forwardedHeaders(incoming: IncomingMessage, { entryPort, scheme, agent }: ProxySettings): string[] {
  const client = incoming.socket.remoteAddress ?? "";
  const before = incoming.headers["x-forwarded-for"];
  const own = new Set(["x-forwarded-for", "x-forwarded-proto", "x-forwarded-port"]);
  const kept = ownHeaders(incoming.rawHeaders);
  const rest = kept.filter((_, index) => !own.has((kept[index - (index % 2)] ?? "").toLowerCase()));
  return [
    ...rest,
    ...(hasBody(incoming) || incoming.method === "GET" ? [] : ["content-length", "0"]),
    ...["X-Forwarded-For", before === undefined ? client : `${String(before)}, ${client}`],
    ...["X-Forwarded-Proto", scheme, "X-Forwarded-Port", String(entryPort)],
    ...["connection", agent ? "keep-alive" : "close"],
  ];
}
