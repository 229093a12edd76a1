/** The front's root helper on a real kernel: where its ports lead, what a drop does, what the kernel saw of whom, and what comes back. */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { ADDRESS, APP_PORT, FRONT, FrontRig, NEIGHBOUR, NEW, NODE, OLD, PLACES } from "./support/front.js";

/** For a machine that is slow or busy; nothing is concluded from the time it takes. */
jest.setTimeout(120_000);

let rig: FrontRig;
beforeAll(async () => {
  rig = await FrontRig.start();
});
afterAll(() => (rig as FrontRig | undefined)?.end());

const SERVICE = `http://${ADDRESS}/`;
const CHECK = `http://${ADDRESS}:8079/`;

/** @throws Error unless it ends well */
async function call(...words: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await rig.call(...words);
  if (exitCode !== 0) throw new Error(`${words.join(" ")}: ${exitCode}: ${stderr}`);
  return stdout;
}
const at = (port: number): string => `http://${ADDRESS}:${port}/`;
const switchTo = ({ address }: { address: string }, places: readonly string[] = PLACES, front = FRONT) =>
  call("switch", front, ...places, address, String(APP_PORT));
/** What `show` says of one front. */
const shown = ({ address }: { address: string }, state: string, places: readonly string[] = PLACES, front = FRONT) =>
  `${front} ${places.join(" ")} ${address} ${APP_PORT} ${state}`;
const evidence = async (): Promise<string[]> => (await call("evidence", FRONT, "900")).split("\n").sort();
/** Without ages, which depend on the machine. */
const counted = (lines: readonly string[]): string[] =>
  lines.map((line) =>
    line.startsWith("led ") ? line : line.replace(line.startsWith("opened") ? / \d+$/ : / \d+ \d+$/, ""),
  );

/** Another front, of the tests that have two. */
const OTHER = "web";

/** Every test begins with the old container behind both ports, and with nothing seen. */
beforeEach(async () => {
  await rig.forget();
  await switchTo(OLD);
});

describe("a switch", () => {
  it("leads both ports to another container at once", async () => {
    expect([await rig.ask(rig.node, SERVICE), await rig.ask(rig.node, CHECK)]).toEqual(["old 200", "old 200"]);
    await switchTo(NEW);
    expect([await rig.ask(rig.node, SERVICE), await rig.ask(rig.node, CHECK)]).toEqual(["new 200", "new 200"]);
    expect(await call("show")).toBe(shown(NEW, "open"));
  });

  it("leaves an established connection where it is", async () => {
    // Two requests on one connection, with the switch between them: curl waits for the pipe's second address.
    const words = `exec 3<>/dev/tcp/${ADDRESS}/80
ask() { printf 'GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n' >&3; while read -r line <&3; do case $line in 3*) read -r -n 3 name <&3; break ;; esac; done; echo "$name"; }
ask; "$@" >/dev/null; ask`;
    const inside = rig.droplet.argv;
    const { stdout } = await rig.on(rig.node, [
      ...["bash", "-c", words, "asks", ...inside, rig.helper],
      ...["switch", FRONT, ...PLACES, NEW.address, String(APP_PORT)],
    ]);
    expect(stdout).toBe("old\nold");
    expect(await rig.ask(rig.node, SERVICE)).toBe("new 200");
  });

  it("leads from other ports in one transaction: those before lead nowhere", async () => {
    const places = [ADDRESS, "81", "8078"];
    expect(await rig.changes("switch", FRONT, ...places, NEW.address, String(APP_PORT))).toEqual(["-f -"]);
    expect([await rig.ask(rig.node, at(81)), await rig.ask(rig.node, at(8078))]).toEqual(["new 200", "new 200"]);
    expect([await rig.ask(rig.node, SERVICE), await rig.ask(rig.node, CHECK)]).toEqual(["curl 7", "curl 7"]);
    expect(await call("show")).toBe(shown(NEW, "open", places));
  });

  it("leads this machine's own calls, too", async () => {
    await switchTo(NEW);
    expect(await rig.ask(rig.droplet, SERVICE)).toBe("new 200");
  });

  it("is soon forgotten where nobody has the container's address: the next connection from the same port goes to the new one", async () => {
    const gone = { address: "172.31.255.246" };
    const ask = async (): Promise<string> => {
      const { exitCode, stdout } = await rig.on(rig.droplet, [
        "curl",
        "-q",
        "-sS",
        "-m",
        "1",
        "--local-port",
        "40001",
        SERVICE,
      ]);
      return exitCode === 0 ? stdout : "nobody";
    };
    await switchTo(gone);
    expect(await ask()).toBe("nobody");
    await switchTo(NEW);
    // Each try is such a SYN, so there is a pause before it. The kernel's own 120 s are far more than all of them.
    let answer = await ask();
    for (let tries = 0; tries < 8 && answer === "nobody"; tries += 1) {
      await sleep(3000);
      answer = await ask();
    }
    expect(answer).toBe("new");
  });
});

describe("a drop", () => {
  it("refuses the health port only, and is taken back", async () => {
    await call("drop", FRONT);
    expect([await rig.ask(rig.node, SERVICE), await rig.ask(rig.node, CHECK)]).toEqual(["old 200", "curl 7"]);
    expect(await call("show")).toBe(shown(OLD, "dropped"));
    await call("raise", FRONT);
    expect(await rig.ask(rig.node, CHECK)).toBe("old 200");
  });

  it("resets an established connection to the health port with its next packet", async () => {
    const words = `trap '' PIPE
exec 3<>/dev/tcp/${ADDRESS}/8079
"$@" >/dev/null || exit
printf 'GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n' >&3
read -r -t 10 line <&3
code=$?
if [ "$code" -gt 128 ]; then echo silence; elif [ "$code" -eq 0 ]; then echo "$line"; else echo reset; fi`;
    const { stdout } = await rig.on(rig.node, [
      ...["bash", "-c", words, "asks", ...rig.droplet.argv, rig.helper, "drop", FRONT],
    ]);
    expect(stdout).toBe("reset");
  });

  it("leaves no socket behind in the container, whatever a probe was doing", async () => {
    const words = `exec 3<>/dev/tcp/${ADDRESS}/8079
printf 'GET /slow HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n' >&3
sleep 0.2
"$@" >/dev/null || exit
sleep 3`;
    await rig.on(rig.node, ["bash", "-c", words, "asks", ...rig.droplet.argv, rig.helper, "drop", FRONT]);
    const old = rig.containers.get("old");
    if (!old) throw new Error("the old container is gone");
    const { stdout } = await rig.on(old, ["ss", "-Htan", "state", "connected", "sport", "=", `:${APP_PORT}`]);
    // Earlier tests have left some that wait for their next request.
    expect(stdout.split("\n").filter((row) => /^(?:FIN|LAST|CLOS)/.test(row))).toEqual([]);
  });

  it("stays through a switch neither to be forgotten nor kept: a switch opens, and so does a start of the machine", async () => {
    await call("keep", FRONT);
    await call("drop", FRONT);
    await call("restore");
    expect(await call("show")).toBe(shown(OLD, "open"));
  });
});

describe("a front with two service ports and two health ports", () => {
  const places = [ADDRESS, "80,81", "8079,8078"];
  const answers = () => Promise.all([80, 81, 8079, 8078].map((port) => rig.ask(rig.node, at(port))));
  beforeEach(() => switchTo(OLD, places));

  it("leads and counts at all of them", async () => {
    expect(await answers()).toEqual(["old 200", "old 200", "old 200", "old 200"]);
    expect(counted(await evidence())).toEqual([
      ...[8078, 8079].map((port) => `answered ${port} ${NODE} ${OLD.address} ${APP_PORT} 1`),
      ...[8078, 8079].map((port) => `asked ${port} ${NODE} 1`),
      ...["opened 80 1", "opened 81 1"],
    ]);
  });

  it("refuses at both health ports while it is dropped, and at none after that", async () => {
    await call("drop", FRONT);
    expect(await answers()).toEqual(["old 200", "old 200", "curl 7", "curl 7"]);
    expect(await call("show")).toBe(shown(OLD, "dropped", places));
    expect(counted(await evidence())).toEqual([
      ...[8078, 8079].map((port) => `asked ${port} ${NODE} 1`),
      ...["opened 80 1", "opened 81 1"],
      ...[8078, 8079].map((port) => `refused ${port} ${NODE} 1`),
    ]);
    await call("raise", FRONT);
    expect(await answers()).toEqual(["old 200", "old 200", "old 200", "old 200"]);
  });
});

describe("a front without a health port", () => {
  const places = [ADDRESS, "80", "-"];
  beforeEach(() => switchTo(OLD, places));

  it("leads, is kept and says how many connections came", async () => {
    await call("keep", FRONT);
    await call("restore");
    expect([await rig.ask(rig.node, SERVICE), await rig.ask(rig.node, CHECK)]).toEqual(["old 200", "curl 7"]);
    expect(counted(await evidence())).toEqual(["opened 80 1"]);
    expect(await call("show")).toBe(shown(OLD, "open", places));
  });

  it("has nothing to drop", async () => {
    expect(await rig.call("drop", FRONT)).toMatchObject({
      ...{ exitCode: 64, stderr: "evenkeel-front: a front without a health port cannot drop it: api" },
    });
    expect(await call("show")).toBe(shown(OLD, "open", places));
  });
});

describe("two fronts", () => {
  const places = [ADDRESS, "81", "8078"];

  it("lead, count and drop apart", async () => {
    await switchTo(NEW, places, OTHER);
    await call("drop", OTHER);
    const asked = [CHECK, at(81), at(8078)].map((url) => rig.ask(rig.node, url));
    expect(await Promise.all(asked)).toEqual(["old 200", "new 200", "curl 7"]);
    expect(counted(await evidence())).toEqual([
      `answered 8079 ${NODE} ${OLD.address} ${APP_PORT} 1`,
      `asked 8079 ${NODE} 1`,
    ]);
    expect(await call("show")).toBe([shown(OLD, "open"), shown(NEW, "dropped", places, OTHER)].join("\n"));
  });

  it("are told apart by their whole names, also where those are the same number", async () => {
    await switchTo(OLD, places, "10");
    await switchTo(NEW, [ADDRESS, "82", "8077"], "1e1");
    await call("clear", "10.0");
    expect((await call("show")).split("\n").slice(1)).toEqual([
      shown(OLD, "open", places, "10"),
      shown(NEW, "open", [ADDRESS, "82", "8077"], "1e1"),
    ]);
    for (const front of ["10", "1e1"]) await call("clear", front);
    expect(await call("show")).toBe(shown(OLD, "open"));
  });

  it("never meet: nobody takes a port that another one may go back to", async () => {
    await call("keep", FRONT);
    await switchTo(OLD, places);
    const taken = await rig.call("switch", OTHER, ADDRESS, "80", "8077", NEW.address, String(APP_PORT));
    expect(taken).toMatchObject({ exitCode: 64, stderr: "evenkeel-front: another front has this port: api 80" });
    await call("undo", FRONT);
    expect(await call("show")).toBe(shown(OLD, "open"));
  });
});

describe("whether a switch would take a front's places", () => {
  it.each([
    ["new ones", [OTHER, ADDRESS, "81,82", "8078"], ""],
    ["its own", [FRONT, ...PLACES], ""],
    ["another front's", [OTHER, ADDRESS, "80", "8078"], "another front has this port: api 80"],
    ["another machine's", [OTHER, NODE, "81", "8078"], `not an address of this machine: ${NODE}`],
    ["sshd's", [OTHER, ADDRESS, "22", "8078"], "sshd listens on this port: 22"],
    ["no form", [OTHER, ADDRESS, "81"], "fits takes a name, an address, service ports and health ports: "],
  ])("is told without a change: %s", async (_what, words, why) => {
    const before = await call("show");
    const { exitCode, stdout, stderr } = await rig.call("fits", ...words);
    expect([exitCode, stdout]).toEqual([why === "" ? 0 : 64, ""]);
    expect(stderr).toContain(why);
    expect(await call("show")).toBe(before);
    expect(await rig.changes("show")).toEqual([]);
  });
});

describe("a front that is not there", () => {
  it.each(["undo", "clear"])("is nothing to %s: it ends well, and nothing is changed", async (verb) => {
    const before = await call("show");
    await call(verb, OTHER);
    expect(await call("show")).toBe(before);
    expect(await rig.ask(rig.node, SERVICE)).toBe("old 200");
  });
});

describe("the containers' network", () => {
  afterEach(() => rig.configure());

  it("is told in the words that Docker makes it from, and its lower half holds the slots", async () => {
    expect(await call("network")).toBe(
      "172.31.255.240/28 172.31.255.241 ek0 172.31.255.248/29 " +
        "172.31.255.242 172.31.255.243 172.31.255.244 172.31.255.245 172.31.255.246 172.31.255.247",
    );
    await rig.configure("10.9.8.0/24");
    const [subnet, gateway, bridge, dynamic, ...slots] = (await call("network")).split(" ");
    expect([subnet, gateway, bridge, dynamic]).toEqual(["10.9.8.0/24", "10.9.8.1", "ek0", "10.9.8.128/25"]);
    expect(slots).toEqual(Array.from({ length: 126 }, (_, index) => `10.9.8.${2 + index}`));
  });

  it("begins at its first address, whichever of them names it", async () => {
    await rig.configure("172.31.255.245/28");
    expect(await call("network")).toMatch(/^172\.31\.255\.240\/28 172\.31\.255\.241 ek0 172\.31\.255\.248\/29 /);
  });
});

describe("evidence", () => {
  it("counts a node's probes, what was refused, and the good answers of each container", async () => {
    for (const path of ["", "200", "302", "503", "404"]) await rig.ask(rig.node, `${CHECK}${path}`);
    await switchTo(NEW);
    await rig.ask(rig.node, CHECK);
    await call("drop", FRONT);
    await rig.ask(rig.node, CHECK);
    await rig.ask(rig.node, CHECK);
    await rig.ask(rig.node, SERVICE);
    expect(counted(await evidence())).toEqual([
      `answered 8079 ${NODE} ${OLD.address} ${APP_PORT} 3`,
      `answered 8079 ${NODE} ${NEW.address} ${APP_PORT} 1`,
      `asked 8079 ${NODE} 8`,
      "opened 80 1",
      `refused 8079 ${NODE} 2`,
    ]);
  });

  it("knows which port an answer is for, where a node uses its own port again", async () => {
    await switchTo(OLD, [ADDRESS, "80", "8079,8078"]);
    const asks = (port: number): string[] => [
      ...[process.execPath, "-e"],
      `require("node:http").get({ host: "${ADDRESS}", port: ${port}, localPort: 40404, agent: false }, (reply) => reply.resume())`,
    ];
    await rig.on(rig.node, asks(8079));
    await rig.on(rig.node, ["sleep", "0.2"]);
    await rig.on(rig.node, asks(8078));
    expect(counted(await evidence())).toEqual([
      ...[8078, 8079].map((port) => `answered ${port} ${NODE} ${OLD.address} ${APP_PORT} 1`),
      ...[8078, 8079].map((port) => `asked ${port} ${NODE} 1`),
    ]);
  });

  it("knows the answer to a probe that comes from the port of a request a moment before", async () => {
    const asks = (port: number): string[] => [
      ...[process.execPath, "-e"],
      `require("node:http").get({ host: "${ADDRESS}", port: ${port}, localPort: 40405, agent: false }, (reply) => reply.resume())`,
    ];
    await rig.on(rig.node, asks(80));
    await rig.on(rig.node, ["sleep", "0.2"]);
    await rig.on(rig.node, asks(8079));
    expect(counted(await evidence())).toEqual([
      `answered 8079 ${NODE} ${OLD.address} ${APP_PORT} 1`,
      `asked 8079 ${NODE} 1`,
      "opened 80 1",
    ]);
  });

  it("says how long ago the first and the last one came", async () => {
    await rig.ask(rig.node, CHECK);
    await rig.on(rig.node, ["sleep", "1"]);
    await rig.ask(rig.node, CHECK);
    const [line = ""] = (await evidence()).filter((one) => one.startsWith("asked"));
    const [oldest = 0, newest = 0] = line.split(" ").slice(4).map(Number);
    expect(oldest - newest).toBeGreaterThanOrEqual(1000);
    expect(newest).toBeGreaterThanOrEqual(0);
  });

  it("tells neighbours apart, and counts no call of a container or of this tool's user", async () => {
    const own = rig.containers.get("old");
    if (!own) throw new Error("the old container is gone");
    await rig.ask(own, CHECK);
    await rig.ask(own, SERVICE);
    await rig.ask(rig.droplet, CHECK);
    await rig.ask(rig.droplet, SERVICE);
    expect(await evidence()).toEqual([""]);
    await rig.ask(rig.neighbour, CHECK);
    expect(counted(await evidence())).toEqual([
      `answered 8079 ${NEIGHBOUR} ${OLD.address} ${APP_PORT} 1`,
      `asked 8079 ${NEIGHBOUR} 1`,
    ]);
  });

  it("counts a balancer on this machine, which is another user's process", async () => {
    const curl = ["curl", "-q", "-sS", "-m", "3", "-o", "/dev/null"];
    await rig.on(rig.droplet, ["setpriv", "--reuid", "games", "--clear-groups", ...curl, CHECK]);
    expect(counted(await evidence())).toEqual([
      `answered 8079 ${ADDRESS} ${OLD.address} ${APP_PORT} 1`,
      `asked 8079 ${ADDRESS} 1`,
    ]);
  });
});

describe("traffic", () => {
  /** @param grace milliseconds after which a node has given up a probe */
  const traffic = async (grace = "300000"): Promise<string[]> =>
    counted((await call("traffic", FRONT, grace)).split("\n"));
  const led = ({ address }: { address: string }, state: string): string =>
    `led ${address} ${APP_PORT} ${state} ${PLACES.join(" ")}`;
  const probed = (outcome: string, count: number): string => `probed 8079 ${NODE} ${outcome} ${count}`;

  it("tells a node's newest probes that came to the same, and which container answered them", async () => {
    for (const path of ["", "404", "200", "302"]) await rig.ask(rig.node, `${CHECK}${path}`);
    await rig.ask(rig.node, SERVICE);
    expect(await traffic()).toEqual([led(OLD, "open"), probed("passed", 2), "opened 80 1"]);
    await switchTo(NEW);
    expect(await traffic()).toEqual([led(NEW, "open"), probed("elsewhere", 2), "opened 80 1"]);
    await rig.ask(rig.node, CHECK);
    expect(await traffic()).toEqual([led(NEW, "open"), probed("passed", 1), "opened 80 1"]);
  });

  it("tells the front's ports, and what is open to a process, without a count where there is none", async () => {
    const told = async (pid: string): Promise<string[]> =>
      (await call("traffic", FRONT, "5000", pid, "80")).split("\n").sort();
    expect(await told("1")).toEqual([led(OLD, "open"), expect.stringMatching(/^open \d+$/)]);
    for (const none of ["0", "4194304"]) expect(await told(none)).toEqual([led(OLD, "open"), "open "]);
  });

  it("tells refused probes and bad answers at once", async () => {
    await rig.ask(rig.node, CHECK);
    await call("drop", FRONT);
    for (let probe = 0; probe < 2; probe += 1) await rig.ask(rig.node, CHECK);
    expect(await traffic()).toEqual([led(OLD, "dropped"), probed("failed", 2)]);
    await call("raise", FRONT);
    await rig.ask(rig.node, `${CHECK}503`);
    expect(await traffic()).toEqual([led(OLD, "open"), probed("failed", 3)]);
    await rig.ask(rig.node, CHECK);
    expect(await traffic()).toEqual([led(OLD, "open"), probed("passed", 1)]);
  });

  it("takes no answer for a good one that comes once the node has given up", async () => {
    await rig.ask(rig.node, `${CHECK}slow`);
    expect(await traffic("300")).toEqual([led(OLD, "open"), probed("failed", 1)]);
    expect(await traffic("5000")).toEqual([led(OLD, "open"), probed("passed", 1)]);
  });

  it("tells the same of ten thousand probes, though listing them takes a while", async () => {
    const add = `for number in $(seq 1 5000); do
  echo "add element ip evenkeel answered { 10.120.0.77 . $((10000 + number)) . 8079 . ${OLD.address} . ${APP_PORT} }"
  echo "add element ip evenkeel asked { 10.120.0.77 . $((10000 + number)) . ${ADDRESS} . 8079 }"
done | nft -f -`;
    await rig.claim.run([...rig.droplet.argv, "sh", "-c", add]);
    expect(await traffic("1000")).toEqual([led(OLD, "open"), "probed 8079 10.120.0.77 passed 5000"]);
  });

  it("knows a front's probe from a neighbour front's that the same node asks from the same port", async () => {
    await switchTo(NEW, [ADDRESS, "81", "8089"], OTHER);
    const asks = (port: number): string[] => [
      ...[process.execPath, "-e"],
      `require("node:http").get({ host: "${ADDRESS}", port: ${port}, localPort: 40406, agent: false }, (reply) => reply.resume())`,
    ];
    await rig.on(rig.node, asks(8079));
    await rig.on(rig.node, ["sleep", "0.2"]);
    await rig.on(rig.node, asks(8089));
    expect(await traffic()).toEqual([led(OLD, "open"), probed("passed", 1)]);
    await call("clear", OTHER);
  });

  it("tells neighbours apart, and no call of a container or of this tool's user", async () => {
    await rig.ask(rig.droplet, CHECK);
    expect(await traffic()).toEqual([led(OLD, "open")]);
    await rig.ask(rig.neighbour, CHECK);
    await rig.ask(rig.node, CHECK);
    expect((await traffic()).sort()).toEqual(
      [led(OLD, "open"), probed("passed", 1), `probed 8079 ${NEIGHBOUR} passed 1`].sort(),
    );
  });

  it("says that something else is in the kernel than this tool left there", async () => {
    await rig.on(rig.droplet, ["nft", "flush", "map", "ip", "evenkeel", "fronts"]);
    const [first] = await traffic();
    expect(first).toBe(led(OLD, "elsewhere"));
  });
});

describe("a container's address", () => {
  it("has no way to it from outside this machine", async () => {
    await rig.claim.run([...rig.neighbour.argv, "ip", "route", "replace", "172.31.255.240/28", "via", ADDRESS]);
    expect(await rig.ask(rig.neighbour, `http://${OLD.address}:${APP_PORT}/`)).toBe("curl 28");
    expect(await rig.ask(rig.droplet, `http://${OLD.address}:${APP_PORT}/`)).toBe("old 200");
  });
});

describe("words that it does not take", () => {
  const ruleset = () => rig.claim.run([...rig.droplet.argv, "nft", "--stateless", "list", "ruleset"]);
  const from = (...places: string[]): string[] => ["switch", FRONT, ...places, OLD.address, "8080"];
  const to = (address: string, port: string): string[] => ["switch", FRONT, ...PLACES, address, port];
  const another = (...places: string[]): string[] => ["switch", OTHER, ADDRESS, ...places, OLD.address, "8080"];
  const long = "a".repeat(101);

  it.each([
    ["another machine's address", from(NODE, "80", "8079"), `not an address of this machine: ${NODE}`],
    ["sshd's port for clients", from(ADDRESS, "22", "8079"), "sshd listens on this port: 22"],
    ["sshd's port as a second one", from(ADDRESS, "80,22", "8079"), "sshd listens on this port: 22"],
    ["sshd's port for the check", from(ADDRESS, "80", "8079,22"), "sshd listens on this port: 22"],
    ["one port for both", from(ADDRESS, "80", "80"), "the health port is the service port: 80"],
    ["one of two ports for both", from(ADDRESS, "81,80", "8079,80"), "the health port is the service port: 80"],
    ["a port twice", from(ADDRESS, "80,80", "8079"), "the same port twice: 80,80"],
    ["three ports", from(ADDRESS, "80,81,82", "8079"), "not a port of 1 to 65535: 81,82"],
    ["a comma without a port", from(ADDRESS, "80,", "8079"), "not a port of 1 to 65535: "],
    ["no service port", from(ADDRESS, "-", "8079"), "not a port of 1 to 65535: -"],
    ["no health port beside one", from(ADDRESS, "80", "8079,-"), "not a port of 1 to 65535: -"],
    ["a target out of the range", to("172.31.255.239", "8080"), "not a container's address in 172.31.255.240/28"],
    ["the subnet's own address", to("172.31.255.240", "8080"), "not a container's address in 172.31.255.240/28"],
    ["the bridge's address", to("172.31.255.241", "8080"), "not a container's address in 172.31.255.240/28"],
    ["the address of all", to("172.31.255.255", "8080"), "not a container's address in 172.31.255.240/28"],
    ["an address with a zero before", to("172.31.255.0242", "8080"), "not an IPv4 address: 172.31.255.0242"],
    ["a name for an address", to("localhost", "8080"), "not an IPv4 address: localhost"],
    ["port 0", to(OLD.address, "0"), "not a port of 1 to 65535: 0"],
    ["port 65536", to(OLD.address, "65536"), "not a port of 1 to 65535: 65536"],
    ["a port with a sign", to(OLD.address, "+80"), "not a port of 1 to 65535: +80"],
    ["two ports of a target", to(OLD.address, "80,81"), "not a port of 1 to 65535: 80,81"],
    ["a rule in a word", to(OLD.address, "80 } ; flush ruleset"), "not a port of 1 to 65535: 80 } ; flush ruleset"],
    ["an option for a name", ["undo", "--help"], "not a front's name: --help"],
    ["an empty name", ["clear", ""], "not a front's name: "],
    ["no name", ["keep"], "not a front's name: "],
    ["a name with a blank", ["undo", "api web"], "not a front's name: api web"],
    ["a name of two lines", ["undo", "api\nweb"], "not a front's name: api"],
    ["a path for a name", ["undo", "a/../b"], "not a front's name: a/../b"],
    ["a name that is too long", ["undo", long], `a front's name has at most 100 signs: ${long}`],
    ["another front's service port", another("80", "8078"), "another front has this port: api 80"],
    ["another front's health port", another("81", "8078,8079"), "another front has this port: api 8079"],
    ["another's health port for clients", another("81,8079", "8078"), "is the service port of another: api 8079"],
    ["another's service port for the check", another("81", "80"), "is the service port of another: api 80"],
    ["a drop of a front that is not there", ["drop", OTHER], "there is no such front: web"],
    ["a raise of one", ["raise", OTHER], "there is no such front: web"],
    ["a keep of one", ["keep", OTHER], "there is no such front: web"],
    ["what was seen at one", ["evidence", OTHER, "10"], "there is no such front: web"],
    ["no seconds", ["evidence", FRONT, "0"], "not 1 to 900 seconds: 0"],
    ["what comes to one", ["traffic", OTHER, "5000"], "there is no such front: web"],
    ["an answer that takes no time", ["traffic", FRONT, "0"], "not 1 to 300000 milliseconds: 0"],
    ["a process without a port", ["traffic", FRONT, "5000", "1"], "traffic takes a name, milliseconds"],
    ["a path for a process", ["traffic", FRONT, "5000", "../1", "80"], "not a process id, or 0 for none: ../1"],
    ["an answer that takes for ever", ["traffic", FRONT, "300001"], "not 1 to 300000 milliseconds: 300001"],
    ["more words", ["keep", FRONT, "more"], "too many words: more"],
    ["more words for the network", ["network", "more"], "too many words: more"],
    ["fewer words", ["switch", FRONT, ...PLACES], "switch takes a name, an address"],
    ["a process that is not there", ["open", "4194303", "8080"], "there is no such process: 4194303"],
    ["a path in place of a process", ["open", "../1", "8080"], "open takes a process id and a port"],
  ])("are refused with 64, and nothing is changed: %s", async (_what, words, why) => {
    const before = await ruleset();
    const { exitCode, stdout, stderr } = await rig.call(...words);
    expect([exitCode, stdout]).toEqual([64, ""]);
    expect(stderr).toMatch(/^evenkeel-front: /);
    expect(stderr).toContain(why);
    expect(await ruleset()).toBe(before);
  });

  it("are refused whatever they are", async () => {
    const verbs = ["switch", "fits", "drop", "raise", "keep", "undo", "clear", "evidence", "traffic", "open"];
    const odd = fc.oneof(
      fc.string({ unit: "binary" }).filter((word) => !word.includes("\0")),
      fc.constantFrom(
        "",
        "-",
        "--",
        "*",
        "$(reboot)",
        "`reboot`",
        "10.120.0.2/24",
        "::1",
        "08",
        "1e3",
        "0x50",
        "9".repeat(40),
        "80\n81",
        "a b",
      ),
    );
    // Of signs that a name may have, and some that it may not.
    const name = fc.string({ unit: fc.constantFrom(..."aZ09_.-".split(""), " ", "\n", "/", "é"), maxLength: 6 });
    const words = fc.oneof(fc.array(odd, { minLength: 1, maxLength: 6 }), fc.tuple(name));
    const before = await ruleset();
    for (const [verb, given] of fc.sample(fc.tuple(fc.constantFrom(...verbs), words), 80)) {
      const { exitCode } = await rig.call(verb, ...given);
      // What is not there is undone and cleared.
      const [only = "", ...more] = given;
      const fine =
        ["undo", "clear"].includes(verb) && more.length === 0 && /^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/.test(only);
      expect({ exitCode, verb, given }).toEqual({ exitCode: fine ? 0 : 64, verb, given });
    }
    expect(await ruleset()).toBe(before);
  });
});

describe("what is kept", () => {
  it("comes back at a start of the machine; a switch that was not kept does not", async () => {
    await call("keep", FRONT);
    await switchTo(NEW);
    await call("restore");
    expect(await rig.ask(rig.node, SERVICE)).toBe("old 200");
  });

  it("is what undo goes back to; without any, the front is gone", async () => {
    await call("keep", FRONT);
    await switchTo(NEW);
    await call("drop", FRONT);
    await call("undo", FRONT);
    expect(await call("show")).toBe(shown(OLD, "open"));
    await call("clear", FRONT);
    await switchTo(NEW);
    await call("undo", FRONT);
    expect(await call("show")).toBe("");
    expect(await rig.ask(rig.node, SERVICE)).toBe("curl 7");
  });

  it("is its ports, too: undo brings back those that a switch took away", async () => {
    await call("keep", FRONT);
    await switchTo(NEW, [ADDRESS, "81", "8078,8077"]);
    expect(await rig.changes("undo", FRONT)).toEqual(["-f -"]);
    expect([await rig.ask(rig.node, SERVICE), await rig.ask(rig.node, CHECK)]).toEqual(["old 200", "old 200"]);
    for (const port of [81, 8078, 8077]) expect(await rig.ask(rig.node, at(port))).toBe("curl 7");
    expect(await call("show")).toBe(shown(OLD, "open"));
  });

  it("is of one front only: another one on this machine stays as it is", async () => {
    await switchTo(NEW, [ADDRESS, "81", "8078"], OTHER);
    await call("keep", FRONT);
    await call("restore");
    expect(await call("show")).toBe(shown(OLD, "open"));
  });
});

describe("the kernel's room for connections", () => {
  it.each([
    ["is made at a start of the machine where it is small", "8192", "65536"],
    ["stays where it is larger", "262144", "262144"],
  ])("%s", async (_what, before, after) => {
    writeFileSync(rig.limitFile, before);
    await call("restore");
    expect(readFileSync(rig.limitFile, "utf8").trim()).toBe(after);
  });
});

describe("a table that somebody changed", () => {
  it.each([
    ["flushed everything", "flush ruleset"],
    ["took the map's elements out", "flush map ip evenkeel fronts"],
    ["put a rule before ours", "insert rule ip evenkeel output accept"],
    ["deleted a chain's rules", "flush chain ip evenkeel guard"],
  ])("is loaded anew: %s", async (_what, command) => {
    await rig.claim.run([...rig.droplet.argv, "nft", command]);
    expect(await call("check")).toContain("loaded anew");
    expect(await rig.ask(rig.node, SERVICE)).toBe("old 200");
    expect(await call("check")).toBe("");
  });

  it("is loaded anew also where it was gone before anybody could note its shape", async () => {
    writeFileSync(path.join(path.dirname(rig.helper), "live", "shape"), "");
    await rig.claim.run([...rig.droplet.argv, "nft", "flush ruleset"]);
    expect(await call("check")).toContain("loaded anew");
    expect(await rig.ask(rig.node, SERVICE)).toBe("old 200");
  });

  it("is the same table however many elements a newer nft counts in its sets", async () => {
    const helper = await rig.helperWith({
      nft: `#!/bin/sh
case $* in
  *"list table"*) /usr/sbin/nft "$@" | sed "s/size [0-9]*$/&	# count $(date +%N)/" ;;
  *) exec /usr/sbin/nft "$@" ;;
esac
`,
    });
    const words = ["switch", FRONT, ...PLACES, NEW.address, String(APP_PORT)];
    expect(await rig.on(rig.droplet, [helper, ...words])).toMatchObject({ exitCode: 0 });
    expect(await rig.on(rig.droplet, [helper, "check"])).toMatchObject({ exitCode: 0, stdout: "" });
    await switchTo(OLD);
  });

  it("is loaded anew also where that happened just before the watch began to listen", async () => {
    // Its nft flushes everything as the last thing before it listens.
    const helper = await rig.helperWith({
      nft: '#!/bin/sh\n[ "$1" != monitor ] || /usr/sbin/nft flush ruleset\nexec /usr/sbin/nft "$@"\n',
    });
    await rig.on(rig.droplet, ["timeout", "10", helper, "watch"]);
    expect(await rig.ask(rig.node, SERVICE)).toBe("old 200");
  });

  it("is loaded anew after a switch that somebody ended half way: to go back leads back", async () => {
    const helper = await rig.helperWith({ mv: "#!/bin/sh\nexit 1\n" });
    const words = ["switch", FRONT, ...PLACES, NEW.address, String(APP_PORT)];
    expect((await rig.on(rig.droplet, [helper, ...words])).exitCode).not.toBe(0);
    expect(await rig.ask(rig.node, SERVICE)).toBe("new 200");
    await switchTo(OLD);
    expect(await rig.ask(rig.node, SERVICE)).toBe("old 200");
  });

  it("is looked for without the lock, so that nobody who changes a front is held up", async () => {
    const lock = path.join(path.dirname(rig.helper), "live", "lock");
    expect(await rig.on(rig.droplet, ["flock", lock, rig.helper, "check"])).toMatchObject({ exitCode: 0, stdout: "" });
  });

  it("is looked for once for many changes that come together", async () => {
    const log = path.join(path.dirname(rig.helper), "looks.log");
    const helper = await rig.helperWith({
      nft: `#!/bin/sh\ncase $* in *"list table"*) echo look >>${log} ;; esac\nexec /usr/sbin/nft "$@"\n`,
    });
    const changes = 200;
    const words = `sleep 3
nft add table ip other
for number in $(seq ${changes}); do nft add chain ip other chain$number; done
nft delete table ip other`;
    await Promise.all([
      rig.on(rig.droplet, ["timeout", "15", helper, "watch"]),
      rig.on(rig.droplet, ["timeout", "15", "sh", "-c", words]),
    ]);
    const looks = readFileSync(log, "utf8").split("\n").length - 1;
    expect(looks).toBeGreaterThan(1);
    expect(looks).toBeLessThan(changes / 2);
  });

  it("is shown as it is until then", async () => {
    await call("drop", FRONT);
    await rig.claim.run([...rig.droplet.argv, "nft", "flush set ip evenkeel dropped"]);
    expect(await call("show")).toBe(shown(OLD, "elsewhere"));
    await call("raise", FRONT);
    await rig.claim.run([...rig.droplet.argv, "nft", "flush map ip evenkeel fronts"]);
    expect(await call("show")).toBe(shown(OLD, "elsewhere"));
    await rig.claim.run([...rig.droplet.argv, "nft", "flush ruleset"]);
    expect((await rig.call("show")).stderr).toContain("the front's table is missing");
  });
});
