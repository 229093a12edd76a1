/** The front's root helper on a real kernel: where both ports lead, what a drop does, what the kernel saw of whom, and what comes back. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { ADDRESS, APP_PORT, FRONT, FrontRig, NEIGHBOUR, NEW, NODE, OLD } from "./support/front.js";

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
const switchTo = ({ address }: { address: string }) => call("switch", ...FRONT, address, String(APP_PORT));
const evidence = async (): Promise<string[]> => (await call("evidence", ...FRONT, "900")).split("\n").sort();
/** Without ages, which depend on the machine. */
const counted = (lines: readonly string[]): string[] =>
  lines.map((line) => line.replace(line.startsWith("opened") ? / \d+$/ : / \d+ \d+$/, ""));

/** Every test begins with the old container behind both ports, and with nothing seen. */
beforeEach(async () => {
  await rig.call("clear", ...FRONT);
  await rig.on(rig.droplet, ["nft", "delete", "table", "ip", "evenkeel"]);
  await switchTo(OLD);
});

describe("a switch", () => {
  it("leads both ports to another container at once", async () => {
    expect([await rig.ask(rig.node, SERVICE), await rig.ask(rig.node, CHECK)]).toEqual(["old 200", "old 200"]);
    await switchTo(NEW);
    expect([await rig.ask(rig.node, SERVICE), await rig.ask(rig.node, CHECK)]).toEqual(["new 200", "new 200"]);
    expect(await call("show")).toBe(`${FRONT.join(" ")} ${NEW.address} ${APP_PORT} open`);
  });

  it("leaves an established connection where it is", async () => {
    // Two requests on one connection, with the switch between them: curl waits for the pipe's second address.
    const words = `exec 3<>/dev/tcp/${ADDRESS}/80
ask() { printf 'GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n' >&3; while read -r line <&3; do case $line in 3*) read -r -n 3 name <&3; break ;; esac; done; echo "$name"; }
ask; "$@" >/dev/null; ask`;
    const inside = rig.droplet.argv;
    const { stdout } = await rig.on(rig.node, [
      ...["bash", "-c", words, "asks", ...inside, rig.helper],
      ...["switch", ...FRONT, NEW.address, String(APP_PORT)],
    ]);
    expect(stdout).toBe("old\nold");
    expect(await rig.ask(rig.node, SERVICE)).toBe("new 200");
  });

  it("leads this machine's own calls, too", async () => {
    await switchTo(NEW);
    expect(await rig.ask(rig.droplet, SERVICE)).toBe("new 200");
  });
});

describe("a drop", () => {
  it("refuses the health port only, and is taken back", async () => {
    await call("drop", ...FRONT);
    expect([await rig.ask(rig.node, SERVICE), await rig.ask(rig.node, CHECK)]).toEqual(["old 200", "curl 7"]);
    expect(await call("show")).toBe(`${FRONT.join(" ")} ${OLD.address} ${APP_PORT} dropped`);
    await call("raise", ...FRONT);
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
      ...["bash", "-c", words, "asks", ...rig.droplet.argv, rig.helper, "drop", ...FRONT],
    ]);
    expect(stdout).toBe("reset");
  });

  it("stays through a switch neither to be forgotten nor kept: a switch opens, and so does a start of the machine", async () => {
    await call("keep", ...FRONT);
    await call("drop", ...FRONT);
    await call("restore");
    expect(await call("show")).toBe(`${FRONT.join(" ")} ${OLD.address} ${APP_PORT} open`);
  });
});

describe("evidence", () => {
  it("counts a node's probes, what was refused, and the good answers of each container", async () => {
    for (const path of ["", "200", "302", "503", "404"]) await rig.ask(rig.node, `${CHECK}${path}`);
    await switchTo(NEW);
    await rig.ask(rig.node, CHECK);
    await call("drop", ...FRONT);
    await rig.ask(rig.node, CHECK);
    await rig.ask(rig.node, CHECK);
    await rig.ask(rig.node, SERVICE);
    expect(counted(await evidence())).toEqual([
      `answered ${NODE} ${OLD.address} ${APP_PORT} 3`,
      `answered ${NODE} ${NEW.address} ${APP_PORT} 1`,
      `asked ${NODE} 8`,
      "opened 1",
      `refused ${NODE} 2`,
    ]);
  });

  it("says how long ago the first and the last one came", async () => {
    await rig.ask(rig.node, CHECK);
    await rig.on(rig.node, ["sleep", "1"]);
    await rig.ask(rig.node, CHECK);
    const [line = ""] = (await evidence()).filter((one) => one.startsWith("asked"));
    const [oldest = 0, newest = 0] = line.split(" ").slice(3).map(Number);
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
      `answered ${NEIGHBOUR} ${OLD.address} ${APP_PORT} 1`,
      `asked ${NEIGHBOUR} 1`,
    ]);
  });

  it("counts a balancer on this machine, which is another user's process", async () => {
    const curl = ["curl", "-q", "-sS", "-m", "3", "-o", "/dev/null"];
    await rig.on(rig.droplet, ["setpriv", "--reuid", "games", "--clear-groups", ...curl, CHECK]);
    expect(counted(await evidence())).toEqual([
      `answered ${ADDRESS} ${OLD.address} ${APP_PORT} 1`,
      `asked ${ADDRESS} 1`,
    ]);
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
  const to = (address: string, port: string): string[] => ["switch", ...FRONT, address, port];

  it.each([
    [
      "another machine's address",
      ["switch", NODE, "80", "8079", OLD.address, "8080"],
      `not an address of this machine: ${NODE}`,
    ],
    [
      "sshd's port for clients",
      ["switch", ADDRESS, "22", "8079", OLD.address, "8080"],
      "sshd listens on this port: 22",
    ],
    [
      "sshd's port for the check",
      ["switch", ADDRESS, "80", "22", OLD.address, "8080"],
      "sshd listens on this port: 22",
    ],
    [
      "one port for both",
      ["switch", ADDRESS, "80", "80", OLD.address, "8080"],
      "the health port is the service port: 80",
    ],
    [
      "a target out of the fleet's subnet",
      to("172.31.255.239", "8080"),
      "not a container's address in 172.31.255.240/28",
    ],
    ["the subnet's own address", to("172.31.255.240", "8080"), "not a container's address in 172.31.255.240/28"],
    ["the bridge's address", to("172.31.255.241", "8080"), "not a container's address in 172.31.255.240/28"],
    ["the address of all", to("172.31.255.255", "8080"), "not a container's address in 172.31.255.240/28"],
    ["an address with a zero before", to("172.31.255.0242", "8080"), "not an IPv4 address: 172.31.255.0242"],
    ["a name", to("localhost", "8080"), "not an IPv4 address: localhost"],
    ["port 0", to(OLD.address, "0"), "not a port of 1 to 65535: 0"],
    ["port 65536", to(OLD.address, "65536"), "not a port of 1 to 65535: 65536"],
    ["a port with a sign", to(OLD.address, "+80"), "not a port of 1 to 65535: +80"],
    ["a rule in a word", to(OLD.address, "80 } ; flush ruleset"), "not a port of 1 to 65535: 80 } ; flush ruleset"],
    ["an option", ["switch", "--help", "80", "8079", OLD.address, "8080"], "not an IPv4 address: --help"],
    [
      "a front that is there in part",
      ["switch", ADDRESS, "80", "8078", OLD.address, "8080"],
      "a front with one of these ports is there",
    ],
    [
      "another front's port in the other role",
      ["switch", ADDRESS, "8079", "81", OLD.address, "8080"],
      "is the service port of another",
    ],
    ["a front that is not there", ["drop", ADDRESS, "81", "8078"], "there is no such front: 10.120.0.2 81 8078"],
    ["more words", ["keep", ...FRONT, "more"], "too many words: more"],
    ["fewer words", ["drop", ADDRESS, "80"], "a front is an address and two ports"],
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
    const verbs = ["switch", "drop", "raise", "keep", "undo", "clear", "evidence", "open"];
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
    const before = await ruleset();
    const call = fc.tuple(fc.constantFrom(...verbs), fc.array(odd, { minLength: 1, maxLength: 6 }));
    for (const [verb, words] of fc.sample(call, 60)) {
      const { exitCode } = await rig.call(verb, ...words);
      expect({ exitCode, verb, words }).toEqual({ exitCode: 64, verb, words });
    }
    expect(await ruleset()).toBe(before);
  });
});

describe("what is kept", () => {
  it("comes back at a start of the machine; a switch that was not kept does not", async () => {
    await call("keep", ...FRONT);
    await switchTo(NEW);
    await call("restore");
    expect(await rig.ask(rig.node, SERVICE)).toBe("old 200");
  });

  it("is what undo goes back to; without any, the front is gone", async () => {
    await call("keep", ...FRONT);
    await switchTo(NEW);
    await call("drop", ...FRONT);
    await call("undo", ...FRONT);
    expect(await call("show")).toBe(`${FRONT.join(" ")} ${OLD.address} ${APP_PORT} open`);
    await call("clear", ...FRONT);
    await switchTo(NEW);
    await call("undo", ...FRONT);
    expect(await call("show")).toBe("");
    expect(await rig.ask(rig.node, SERVICE)).toBe("curl 7");
  });

  it("is of one front only: another one on this machine stays as it is", async () => {
    const other = [ADDRESS, "81", "8078"];
    await call("switch", ...other, NEW.address, String(APP_PORT));
    await call("keep", ...FRONT);
    await call("restore");
    expect(await call("show")).toBe(`${FRONT.join(" ")} ${OLD.address} ${APP_PORT} open`);
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

  it("is loaded anew also where that happened just before the watch began to listen", async () => {
    // Its nft flushes everything as the last thing before it listens.
    const programs = path.join(path.dirname(rig.helper), "programs");
    mkdirSync(programs);
    writeFileSync(
      path.join(programs, "nft"),
      '#!/bin/sh\n[ "$1" != monitor ] || /usr/sbin/nft flush ruleset\nexec /usr/sbin/nft "$@"\n',
      { mode: 0o755 },
    );
    const helper = path.join(programs, "evenkeel-front");
    writeFileSync(helper, readFileSync(rig.helper, "utf8").replace(/^PATH=/m, `PATH=${programs}:`), { mode: 0o755 });
    await rig.on(rig.droplet, ["timeout", "10", helper, "watch"]);
    expect(await rig.ask(rig.node, SERVICE)).toBe("old 200");
  });

  it("is shown as it is until then", async () => {
    await rig.claim.run([...rig.droplet.argv, "nft", "flush map ip evenkeel fronts"]);
    expect(await call("show")).toBe(`${FRONT.join(" ")} ${OLD.address} ${APP_PORT} elsewhere`);
    await rig.claim.run([...rig.droplet.argv, "nft", "flush ruleset"]);
    expect((await rig.call("show")).stderr).toContain("the front's table is missing");
  });
});
