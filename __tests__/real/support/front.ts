/** A droplet's front on a real kernel: the root helper in a namespace with a bridge, two containers' namespaces behind it, and a node beside it. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { Claim } from "../../../lab/real/claim.js";
import { inNamespace, ip } from "../../../lab/real/ip.js";
import { createNamespace } from "../../../lab/real/namespace.js";
import type { NetworkNode } from "../../../lab/real/network-node.js";
import { Network } from "../../../lab/real/network.js";
import { Service } from "../../../lab/real/service.js";

const HELPER = fileURLToPath(new URL("../../../constructs/front/evenkeel-front", import.meta.url));
const SUBNET = "172.31.255.240/28";
const BRIDGE = "ek0";
/** Port that the containers listen on. */
export const APP_PORT = 8080;
export const ADDRESS = "10.120.0.2";
export const NODE = "10.120.0.3";
export const NEIGHBOUR = "10.120.0.4";
/** The front of the tests. */
export const FRONT = "api";
/** Where it is: what clients are sent to, and what the health check asks. */
export const PLACES = [ADDRESS, "80", "8079"] as const;

/** Answers with its own name: 200, or the status that the path names; `/slow` after 0.8 s, and ends the connection. */
const APP = (name: string): string => `
  const http = require("node:http");
  http.createServer(({ url }, response) => {
    const answer = () => {
      response.writeHead(Number(/^.([0-9]{3})$/.exec(url)?.[1] ?? 200), { connection: url === "/slow" ? "close" : "keep-alive" });
      if (url !== "/never") response.end(${JSON.stringify(name)});
      else response.write("so far");
    };
    setTimeout(answer, url === "/slow" ? 800 : 0);
  }).listen(${APP_PORT});`;

interface Container {
  readonly name: string;
  readonly address: string;
}
export const OLD: Container = { name: "old", address: "172.31.255.242" };
export const NEW: Container = { name: "new", address: "172.31.255.243" };

/** What a call of the helper came to. */
export interface Called {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export class FrontRig {
  readonly #services: Service[] = [];
  /** By name. */
  readonly containers = new Map<string, Pick<NetworkNode, "argv">>();

  private constructor(
    readonly claim: Claim,
    readonly droplet: NetworkNode,
    readonly node: NetworkNode,
    readonly neighbour: NetworkNode,
    /** The helper as the droplet has it, but for the folders of its configuration and state, and the kernel's limit. */
    readonly helper: string,
  ) {}

  /** Stands for the kernel's limit of connections, which a network namespace may not set. */
  get limitFile(): string {
    return path.join(path.dirname(this.helper), "limit");
  }

  /** No front, and nothing seen. */
  async forget(): Promise<void> {
    for (const state of ["kept", "live"])
      await rm(path.join(path.dirname(this.helper), state), { recursive: true, force: true });
    await this.on(this.droplet, ["nft", "delete", "table", "ip", "evenkeel"]);
  }

  /** What the helper goes by from now on. @default - as the droplet has it */
  configure(subnet = SUBNET): Promise<void> {
    return configure(path.dirname(this.helper), subnet);
  }

  /** Every call of nft that is not one to list something, while the helper is called with these words. */
  async changes(...words: readonly string[]): Promise<string[]> {
    const log = path.join(path.dirname(this.helper), "nft.log");
    await writeFile(log, "");
    const noting = `#!/bin/sh\ncase $* in *list*) ;; *) echo "$*" >>${log} ;; esac\nexec /usr/sbin/nft "$@"\n`;
    const { exitCode, stderr } = await this.on(this.droplet, [await this.helperWith({ nft: noting }), ...words]);
    if (exitCode !== 0) throw new Error(`${words.join(" ")}: ${exitCode}: ${stderr}`);
    return (await readFile(log, "utf8")).split("\n").slice(0, -1);
  }

  /** The helper with programs of the test's own before the real ones. */
  async helperWith(programs: Readonly<Record<string, string>>): Promise<string> {
    const folder = await mkdtemp(path.join(path.dirname(this.helper), "programs-"));
    for (const [name, text] of Object.entries(programs))
      await writeFile(path.join(folder, name), text, { mode: 0o755 });
    const helper = path.join(folder, "evenkeel-front");
    const text = await readFile(this.helper, "utf8");
    await writeFile(helper, text.replace(/^PATH=/m, `PATH=${folder}:`), { mode: 0o755 });
    return helper;
  }

  static async start(): Promise<FrontRig> {
    const claim = await Claim.take();
    const network = await Network.create(claim, { privateRange: "10.120.0.0/16" });
    const [droplet, node, neighbour] = await Promise.all([
      network.attach("droplet", { privateAddresses: [ADDRESS] }),
      network.attach("node", { privateAddresses: [NODE] }),
      network.attach("neighbour", { privateAddresses: [NEIGHBOUR] }),
    ]);
    const rig = new FrontRig(claim, droplet, node, neighbour, await helperIn(claim.folder));
    await claim.run([...droplet.argv, "ip", "link", "add", BRIDGE, "type", "bridge"]);
    await claim.run([...droplet.argv, "ip", "address", "add", "172.31.255.241/28", "dev", BRIDGE]);
    await claim.run([...droplet.argv, "ip", "link", "set", BRIDGE, "up"]);
    await claim.run([...droplet.argv, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1"]);
    for (const container of [OLD, NEW]) await rig.container(container);
    return rig;
  }

  async end(): Promise<void> {
    await Promise.all(this.#services.map((service) => service.stop()));
    await this.claim.release();
  }

  /** Its own file of a namespace, with the app in it. */
  private async container({ name, address }: Container): Promise<void> {
    const namespace = await createNamespace(this.claim, name);
    await this.claim.run([...this.droplet.argv, "ip", "link", "add", name, "type", "veth", "peer", "name", "eth0"]);
    await this.claim.run([...this.droplet.argv, "ip", "link", "set", "eth0", "netns", namespace]);
    await this.claim.run([...this.droplet.argv, "ip", "link", "set", name, "master", BRIDGE, "up"]);
    await ip(this.claim, namespace, [
      "link set lo up",
      `address add ${address}/28 dev eth0`,
      "link set eth0 up",
      "route add default via 172.31.255.241",
    ]);
    const argv = inNamespace(namespace);
    this.containers.set(name, { argv });
    const service = await Service.start({
      argv: [...argv, process.execPath, "-e", APP(name)],
      log: path.join(this.claim.folder, `${name}.log`),
      environment: this.claim.environment,
      answers: () => this.claim.run([...argv, "curl", "-fsS", "-m", "2", `http://127.0.0.1:${APP_PORT}`]),
      onEnd: (reason) => {
        throw new Error(reason);
      },
    });
    this.#services.push(service);
  }

  /** One call of the helper, as root on the droplet. */
  call(...words: readonly string[]): Promise<Called> {
    return this.on(this.droplet, [this.helper, ...words]);
  }

  /** Any command on one of the machines, however it ends. */
  async on({ argv }: Pick<NetworkNode, "argv">, words: readonly string[]): Promise<Called> {
    const [file = "", ...rest] = [...argv, ...words];
    const { exitCode, stdout, stderr } = await execa(file, rest, {
      ...{ env: this.claim.environment, extendEnv: false, reject: false, stdin: "ignore" },
    });
    return { exitCode: exitCode ?? -1, stdout, stderr };
  }

  /** What one request comes to: the name of the container that answered, with the status, or curl's exit code. */
  async ask(from: Pick<NetworkNode, "argv">, url: string): Promise<string> {
    const { exitCode, stdout } = await this.on(from, ["curl", "-q", "-sS", "-m", "3", "-w", " %{http_code}", url]);
    return exitCode === 0 ? stdout : `curl ${exitCode}`;
  }
}

async function helperIn(folder: string): Promise<string> {
  const home = path.join(folder, "front");
  await mkdir(home);
  await configure(home, SUBNET);
  const places = { CONFIG: "config", KEPT: "kept", LIVE: "live", LIMIT: "limit" };
  const text = Object.entries(places).reduce(
    (script, [name, file]) => script.replace(new RegExp(`^${name}=.*$`, "m"), `${name}=${path.join(home, file)}`),
    await readFile(HELPER, "utf8"),
  );
  const helper = path.join(home, "evenkeel-front");
  await writeFile(helper, text, { mode: 0o755 });
  return helper;
}

const configure = (home: string, subnet: string): Promise<void> =>
  writeFile(path.join(home, "config"), `subnet ${subnet}\nbridge ${BRIDGE}\nssh 22\nuser nobody\n`);
