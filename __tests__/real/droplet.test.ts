/** One droplet as the declared user data sets it up, and what tests can do to it. */
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { parse } from "yaml";
import type { RealDroplet } from "../../lab/real/droplet.js";
import { until } from "../lab/support/until.js";
import { DECLARED, Droplets } from "./support/droplets.js";
import { makeTinyImage, runServer } from "./support/tiny-image.js";

/** For a machine that is slow or busy; nothing is concluded from the time it takes. */
jest.setTimeout(120_000);

const AUTHORITY = "-----BEGIN CERTIFICATE-----\nplanted\n-----END CERTIFICATE-----";

let droplets: Droplets;
let droplet: RealDroplet;
const sh = (script: string): Promise<string> => droplet.run(["/bin/sh", "-c", script]);
const inspect = (name: string, format: string): Promise<string> =>
  droplet.run(["docker", "inspect", "-f", format, name]);

beforeAll(async () => {
  droplets = await Droplets.start();
  droplet = await droplets.order({
    hosts: { "registry.example.com": "10.210.99.9" },
    insecureRegistries: ["registry.example.com:5000"],
    caCertificates: [AUTHORITY],
    diskMb: 300,
  });
  await droplet.booted();
  await makeTinyImage(droplet);
});
afterAll(async () => {
  await droplets.end();
  expect(droplets.faults).toEqual([]);
});

describe("what the user data declares", () => {
  it("lets the declared user in with the key, to the droplet's own Docker", async () => {
    const { exitCode, stdout } = await droplets.ssh(droplet, "hostname; docker info -f '{{.Name}} {{.ID}}'");
    expect(exitCode).toBe(0);
    expect(stdout).toBe(`api-1\napi-1 ${await sh("docker info -f '{{.ID}}'")}`);
  });

  it("refuses root, and the user without the key", async () => {
    const asRoot = await droplets.ssh(droplet, "id", [], "root");
    const withoutKey = await droplets.ssh(droplet, "id", ["PubkeyAuthentication=no"]);
    for (const { exitCode, stderr } of [asRoot, withoutKey]) {
      expect(exitCode).toBe(255);
      expect(stderr).toContain("Permission denied (publickey).");
    }
  });

  it("has cloud-init say that it is done", async () => {
    expect((await droplets.ssh(droplet, "cloud-init status")).stdout).toBe("status: done");
  });

  it("is every file of it, as it is written there", async () => {
    const { write_files: files } = parse(DECLARED, { version: "1.1" }) as {
      write_files: { path: string; content: string }[];
    };
    expect(files.length).toBeGreaterThan(3);
    for (const file of files) expect(await droplet.run(["cat", file.path])).toBe(file.content.trimEnd());
  });

  it("runs the distribution's Docker with the declared settings", async () => {
    const [live, driver, client, server] = (
      await sh(
        "docker info -f '{{.LiveRestoreEnabled}} {{.LoggingDriver}}'; docker version -f '{{.Client.Version}} {{.Server.Version}}'",
      )
    ).split(/\s/);
    expect([live, driver]).toEqual(["true", "json-file"]);
    expect(client).toBe(server);
  });

  it("keeps containers from the metadata address", async () => {
    await sh("ip route replace 169.254.169.254 dev eth0");
    const connect = 'IO::Socket::INET->new("169.254.169.254:80") and exit; print $!';
    const said = await sh(`docker run --rm tiny:1 perl -MIO::Socket::INET -e '${connect}'`);
    await sh("ip route delete 169.254.169.254");
    expect(said).toBe("Connection refused");
  });
});

describe("what the lab adds", () => {
  it("resolves the names that it was given, and no other", async () => {
    expect(await sh("getent hosts registry.example.com")).toMatch(/^10\.210\.99\.9\s/);
    expect(await sh("getent hosts example.com || echo $?")).toBe("2");
  });

  it("has no way out of the world", async () => {
    await expect(sh("ip route get 192.0.2.1")).rejects.toThrow("Network is unreachable");
  });

  it("trusts this machine's authorities and those that it was given", async () => {
    const bundle = await sh("cat /etc/ssl/certs/ca-certificates.crt");
    expect(bundle.match(/BEGIN CERTIFICATE/g)?.length).toBeGreaterThan(1);
    expect(bundle).toContain(AUTHORITY);
  });

  it("asks registries over plain HTTP where it was told to", async () => {
    expect(
      await sh("docker info -f '{{json .RegistryConfig.InsecureRegistryCIDRs}} {{json .RegistryConfig.IndexConfigs}}'"),
    ).toContain("registry.example.com:5000");
  });

  it("has a disk of its own size for Docker, which can be full", async () => {
    await expect(sh("head -c 400M /dev/zero >/var/lib/docker/fill")).rejects.toThrow("No space left on device");
    await sh("rm /var/lib/docker/fill");
  });

  it("shows nothing of this machine's own files", async () => {
    const seen = await sh("ls -A / /root /home /usr/local/bin /var/lib; cut -d : -f 1 /etc/passwd");
    expect(seen).not.toContain("evenkeel-lab");
    expect(await sh("ls -A /home /root/.ssh")).toBe("/home:\ndeploy\n\n/root/.ssh:\nauthorized_keys");
  });
});

describe("its containers", () => {
  it("are shown as Docker has them, oldest first", async () => {
    const publish = [`${droplet.privateAddress}:8101:80`, "127.0.0.1:9101:80", "127.0.0.1::81"];
    await runServer(droplet, "shown-1", 80, [
      ...["--restart", "always", "--label", "a=b"],
      ...publish.flatMap((one) => ["-p", one]),
    ]);
    await droplet.run(["docker", "create", "--name", "shown-2", "tiny:1", "sleep", "1"]);
    const shown = (await droplet.containers()).filter(({ name }) => name.startsWith("shown"));
    expect(shown).toEqual([
      {
        id: await inspect("shown-1", "{{.Id}}"),
        name: "shown-1",
        image: "tiny:1",
        labels: { a: "b" },
        restart: "always",
        status: "running",
        exitCode: 0,
        restartCount: 0,
        publish: expect.arrayContaining([
          { address: droplet.privateAddress, hostPort: 8101, containerPort: 80 },
          { address: "127.0.0.1", hostPort: 9101, containerPort: 80 },
          { address: "127.0.0.1", hostPort: null, containerPort: 81 },
        ]),
      },
      expect.objectContaining({ name: "shown-2", restart: "no", status: "created", publish: [] }),
    ]);
    await until("its log is there", async () => (await droplet.logs("shown-1")).length > 0);
    expect(await droplet.logs("shown-1")).toEqual(["listening"]);
    await expect(droplet.logs("shown-3")).rejects.toThrow("No such container: shown-3");
  });

  it("are reached at the addresses that they are published on, and at no other", async () => {
    await runServer(droplet, "asked", 80, ["-p", `${droplet.privateAddress}:8102:80`, "-p", "127.0.0.1:9102:80"]);
    await until("it listens", async () => (await droplet.logs("asked")).includes("listening"));
    expect(await droplet.ask("/here", 8102)).toEqual({ status: 200, body: { method: "GET", route: "/here" } });
    expect(await droplet.askLoopback("POST", "/drain", 9102)).toEqual({
      status: 200,
      body: { method: "POST", route: "/drain" },
    });
    await expect(droplet.askLoopback("GET", "/", 8102)).rejects.toThrow("Failed to connect");
    await expect(fetch(`http://${droplet.address}:8102/`)).rejects.toMatchObject({ cause: { code: "ECONNREFUSED" } });
  });

  it("are started again by their policy when they crash", async () => {
    await runServer(droplet, "crashed", 80, ["--restart", "always"]);
    await droplet.crash("crashed");
    const now = async () => (await droplet.containers()).find(({ name }) => name === "crashed");
    await until("it is back", async () => (await now())?.restartCount === 1);
    expect(await now()).toMatchObject({ restart: "always" });
  });

  it("go on while Docker restarts, as live-restore declares", async () => {
    await runServer(droplet, "lives", 80);
    const started = await inspect("lives", "{{.State.Pid}} {{.State.StartedAt}}");
    await droplet.restart("docker");
    expect(await inspect("lives", "{{.State.Pid}} {{.State.StartedAt}}")).toBe(started);
    expect((await droplet.containers()).find(({ name }) => name === "lives")).toMatchObject({ status: "running" });
  });
});

describe("what tests do to its services", () => {
  it("lets a connection go on while sshd restarts", async () => {
    const command = droplets.ssh(droplet, "echo >began; until [ -e restarted ]; do sleep 0.1; done; echo survived");
    await until("it began", async () => (await sh("ls /home/deploy")).includes("began"));
    await droplet.restart("ssh");
    await sh("touch /home/deploy/restarted");
    expect(await command).toMatchObject({ exitCode: 0, stdout: "survived" });
  });

  it("cuts connections, but not what runs in them", async () => {
    const command = droplets.ssh(
      droplet,
      "echo >cut-begun; until [ -e cut-now ]; do sleep 0.1; done; echo >cut-survived",
    );
    await until("it began", async () => (await sh("ls /home/deploy")).includes("cut-begun"));
    droplet.cutSsh();
    expect((await command).exitCode).toBe(255);
    await sh("touch /home/deploy/cut-now");
    await until("it went on", async () => (await sh("ls /home/deploy")).includes("cut-survived"));
    expect((await droplets.ssh(droplet, "true")).exitCode).toBe(0);
  });

  it("leaves a client of a frozen sshd without an answer until it is thawed", async () => {
    await droplet.freeze("ssh");
    const frozen = await droplets.ssh(droplet, "true", ["ConnectTimeout=1"]);
    await droplet.thaw("ssh");
    expect(frozen.stderr).toContain("timed out during banner exchange");
    expect((await droplets.ssh(droplet, "true")).exitCode).toBe(0);
  });

  it("leaves a client of a frozen Docker without an answer until it is thawed", async () => {
    await droplet.freeze("docker");
    const frozen = await sh("timeout 1 docker ps || echo $?");
    await droplet.thaw("docker");
    expect(frozen).toBe("124");
    expect(await sh("docker info -f '{{.Name}}'")).toBe("api-1");
  });

  it("breaks nothing where there is no connection to cut", () => {
    expect(() => droplet.cutSsh()).not.toThrow();
  });

  it("loses what is sent while the cable is out", async () => {
    await droplet.linkDown("public");
    const cut = await droplets.ssh(droplet, "true", ["ConnectTimeout=1"]);
    await droplet.linkUp("public");
    expect(cut.stderr).toMatch(/timed out|No route to host/);
    await until("it is back", async () => (await droplets.ssh(droplet, "true")).exitCode === 0);
  });
});
