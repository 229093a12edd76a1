import { once } from "node:events";
import { jest } from "@jest/globals";
import type { EmbeddedDroplet } from "../../../lab/embedded/droplet.js";
import { framedLies } from "../../../lab/embedded/framed-lies.js";
import { GITHUB_ORDER, lies, lyingPrograms, SCREEN_ORDERS } from "../../../lab/embedded/liar.js";
import { embedded, type EmbeddedWorld } from "../../../lab/embedded/site.js";
import { startWorld } from "../../../lab/world.js";
import { beginPart, framed, LOGIN_COMMAND, readAnswer, type Answer } from "../../../scripts/rollout/commands/frame.js";
import { closeSsh, ssh, startSsh } from "../support/ssh.js";
import { stackJson } from "../support/stack.js";

/** For a machine that is slow or busy; nothing is concluded from the time it takes. */
jest.setTimeout(60_000);

let world: EmbeddedWorld;
let liar: EmbeddedDroplet;

beforeAll(async () => {
  world = await startWorld({ stackJson: stackJson(), site: embedded() });
  await world.booted();
  liar = world.droplet("api-2");
});
afterEach(() => {
  liar.lie(null);
  liar.lieWith(null);
});
afterAll(async () => {
  await closeSsh(world);
  await world.stop();
});

const honest = "printf 'one\\ntwo\\n'";

test("a lie changes the answer and not what the command does; the other droplet stays honest", async () => {
  liar.lie(lies["nothing, and a good end"]);
  expect(await ssh(world, liar, "echo there >file; exit 3")).toEqual({ code: 0, stdout: "", stderr: "" });
  expect((await ssh(world, world.droplet("api-1"), honest)).stdout).toBe("one\ntwo\n");
  liar.lie(null);
  expect(await ssh(world, liar, "cat file")).toEqual({ code: 0, stdout: "there\n", stderr: "" });
});

test("each lie that ends says what it promises", async () => {
  const told = async (name: keyof typeof lies): Promise<string> => {
    liar.lie(lies[name]);
    return (await ssh(world, liar, honest)).stdout;
  };
  expect(await told("every answer twice")).toBe("one\ntwo\none\ntwo\n");
  expect(await told("another exit code in its text")).toBe("one\ntwo7");
  expect(await told("orders to the screen and to GitHub")).toContain(`one${SCREEN_ORDERS}\n`);
  expect(await told("invalid UTF-8 and NULs in every line")).toContain("\u0000");
  expect(await told("fifty megabytes")).toHaveLength(50_000_016);
});

test("a failure brings its errors and its code", async () => {
  liar.lie(lies["a failure with a megabyte of errors"]);
  const { code, stderr } = await ssh(world, liar, honest);
  expect(code).toBe(1);
  expect(stderr.length).toBeGreaterThan(1_000_000);
  expect(stderr).toContain(GITHUB_ORDER);
});

test.each(["output without an end", "one byte in ten seconds"] as const)(
  "%s stops when the client goes away, and the droplet answers others",
  async (name) => {
    liar.lie(lies[name]);
    const child = startSsh(world, liar, honest, ["-o", "ControlPath=none"]);
    await once(child.stdout, "data");
    child.kill("SIGKILL");
    await once(child, "exit");
    liar.lie(null);
    expect((await ssh(world, liar, honest)).stdout).toBe("one\ntwo\n");
  },
);

describe("a lie within the frame", () => {
  const WORD = "0123456789abcdef".repeat(2);
  const script = [
    "echo begun",
    `${beginPart("releases")}\nprintf '{"id":"1","image":"good.example/api@sha256:12","mounts":[]}'`,
    `${beginPart("journal")}\nprintf '0\\theld\\tme\\n1\\tstep\\told-stop\\n'`,
    `${beginPart("containers")}\necho '/api|1|good.example/api@sha256:12|r|true'`,
    `${beginPart("traffic")}\nprintf '%s\\n' 'container 4be1 true 42 172.31.255.242' 'open 2' 'led 172.31.255.242 80 dropped' 'probed 8086 127.0.1.1 failed 2 9000 4000' 'opened 80 12 40' whole`,
  ].join("\n");
  const told = async (name: keyof typeof framedLies | null): Promise<Answer | null> => {
    liar.lie(name === null ? null : framedLies[name]);
    const { stdout } = await ssh(world, liar, LOGIN_COMMAND, framed(script, WORD));
    return readAnswer(Buffer.from(stdout, "utf8"), WORD, "api-2");
  };

  test("comes in good order, and only what it says is false", async () => {
    expect((await told(null))?.parts.text("journal")).toBe("0\theld\tme\n1\tstep\told-stop\n");
    const files = await told("release files and a record that it wrote itself");
    expect(files?.parts.text("releases")).toBe(
      '{"id":"1","image":"registry.evil.example/api@sha256:12","mounts":[{"source":"/","target":"/host","readOnly":false}]}',
    );
    expect(files?.text).toBe("begun\n");
    const journal = (await told("a journal in which every order is done at once"))?.parts.text("journal");
    expect(journal).toMatch(/^0\theld\tme\n1\tdone\tpwned\n2\tdone\tpwned\n/);
    const containers = await told("containers of a release that nobody rolled out");
    expect(containers?.parts.text("containers")).toBe(
      `/api|1|registry.evil.example/api@sha256:${"e".repeat(64)}|${"e".repeat(16)}|true\n`,
    );
    const screen = await told("orders to the screen in whatever it says");
    expect(screen?.parts.text("journal")).toBe(`0\theld\tme${SCREEN_ORDERS}${GITHUB_ORDER}\n1\tstep\told-stop\n`);
    expect((await told("a failure of every script"))?.code).toBe(7);
  });

  const container = "container 4be1 true 42 172.31.255.242";
  test.each<[keyof typeof framedLies, readonly string[]]>([
    [
      "health and probes that are always good",
      [
        ...[container, "open 0", "led 172.31.255.242 80 open", "probed 8086 127.0.1.1 passed 99 891000 0"],
        ...["opened 80 12 0", "whole"],
      ],
    ],
    [
      "a node of the balancer that there is not",
      [
        ...[container, "open 2", "led 172.31.255.242 80 dropped", "probed 8086 127.0.1.1 failed 2 9000 4000"],
        ...["opened 80 12 40", "probed 8086 192.0.2.7 passed 9 9000 1", "whole"],
      ],
    ],
    [
      "orders to the screen in whatever it says",
      [
        ...[`container 4be1${SCREEN_ORDERS} true 42 172.31.255.242`, "open 2", "led 172.31.255.242 80 dropped"],
        ...["probed 8086 127.0.1.1 failed 2 9000 4000", "opened 80 12 40", "whole"],
      ],
    ],
  ])("tells of who comes to the host: %s", async (name, rows) => {
    const traffic = (await told(name))?.parts.text("traffic");
    expect(traffic).toBe(rows.map((row) => `${row}\n`).join(""));
  });

  test("reaches no command that has no frame", async () => {
    liar.lie(framedLies["no parts"]);
    expect(await ssh(world, liar, honest)).toEqual({ code: 0, stdout: "one\ntwo\n", stderr: "" });
  });

  test("leaves parts out, or tells one twice", async () => {
    const answer = await told("no parts");
    expect(() => answer?.parts.text("journal")).toThrow('it has no part "journal"');
    await expect(told("a part twice")).rejects.toThrow('its part "releases" comes twice');
  });
});

test("a lying program stands before the honest one until the lie is taken back", async () => {
  liar.lieWith(lyingPrograms['a pull that "worked"']);
  const image = `registry.example.com/api@sha256:${"0".repeat(64)}`;
  expect((await ssh(world, liar, `docker pull ${image}`)).code).toBe(0);
  expect((await ssh(world, liar, `docker image inspect --format x ${image}`)).stdout).toContain(`["${image}"]`);
  liar.lieWith(null);
  expect((await ssh(world, liar, `docker pull ${image}`)).code).not.toBe(0);
});

test("a lying steward takes the place of the real one, and other scripts run as they are", async () => {
  liar.lieWith(lyingPrograms["a steward that only says that all is done"]);
  expect((await ssh(world, liar, "sh -c 'echo honest'")).stdout).toBe("honest\n");
  const start = "mkdir -p runs/r1 && cd runs/r1 && echo 'exit 9' >steward.sh && : >journal && echo leave >order.1";
  const { code } = await ssh(world, liar, `${start} && sh "$PWD/steward.sh" r1 me 60`);
  expect(code).toBe(0);
  expect((await ssh(world, liar, "cat runs/r1/journal")).stdout).toBe("0\theld\tme\n1\tdone\tleave\n0\tleft\tr1\n");
});
