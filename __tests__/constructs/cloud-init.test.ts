import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { parse } from "yaml";
import { cloudInit } from "../../constructs/cloud-init.js";
import { resolveText } from "../../lab/references.js";
import { exampleConfig, exampleStack, synthesized } from "../support/stacks.js";

interface HostFile {
  readonly path: string;
  readonly permissions: string;
  readonly content: string;
}
interface CloudConfig {
  readonly packages: string[];
  readonly groups: string[];
  readonly users: { readonly name: string; readonly groups: string[]; readonly lock_passwd: boolean }[];
  readonly ssh_pwauth: boolean;
  readonly disable_root: boolean;
  readonly write_files: HostFile[];
  readonly runcmd: (string | string[])[];
}

const usual = { user: "deploy", sshPort: 22, size: "s-1vcpu-1gb", containerRange: "172.31.255.240/28" };
const text = cloudInit(usual);
/** As cloud-init reads it: YAML 1.1, in which a bare "no" is false and a bare 0755 a number. */
const config = parse(text, { version: "1.1" }) as CloudConfig;
const file = (path: string): HostFile => {
  const found = config.write_files.find((entry) => entry.path === path);
  if (!found) throw new Error(`no file ${path}`);
  return found;
};
const commands = config.runcmd.map((command) => (typeof command === "string" ? command : command.join(" ")));

describe("user data", () => {
  test("is cloud-config within DigitalOcean's 64 KiB", () => {
    expect(text).toMatch(/^#cloud-config\n/);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(64 * 1024);
  });

  test("reaches a droplet as it is written, and holds nothing of a release", () => {
    const config = { service: { environment: { GREETING: "planted" }, port: 8123, command: ["planted"] } };
    const droplets = Object.values(synthesized(exampleStack(config)).resource["digitalocean_droplet"] ?? {});
    for (const droplet of droplets) expect(resolveText(String(droplet["user_data"]), String)).toBe(text);
  });

  test("reads the same in YAML 1.1 and 1.2", () => {
    expect(parse(text)).toEqual(config);
  });

  test("changes with user and port of SSH, the range of containers and the droplet's size, and with nothing else", () => {
    expect(cloudInit({ ...usual, user: "ops" })).toContain("name: ops");
    expect(cloudInit({ ...usual, sshPort: 2222 })).toContain("Port 2222");
    expect(cloudInit({ ...usual, containerRange: "10.9.8.0/24" })).toContain("subnet 10.9.8.0/24");
    expect(cloudInit({ ...usual, size: "s-2vcpu-2gb" })).not.toBe(text);
    expect(parse(cloudInit({ ...usual, size: "s-2vcpu-2gb" }))).toEqual(config);
  });
});

const hasCloudInit = spawnSync("cloud-init", ["--version"]).status === 0;
const whereCloudInitIs = hasCloudInit ? describe : describe.skip;

whereCloudInitIs(`cloud-init's own schema${hasCloudInit ? "" : " (skipped: this machine has no cloud-init)"}`, () => {
  /** @see https://cloudinit.readthedocs.io/en/22.4.2/topics/cli.html#schema */
  function checkedBySchema(userData: string): string {
    const folder = mkdtempSync(join(tmpdir(), "evenkeel-cloud-init-"));
    const path = join(folder, "user-data");
    writeFileSync(path, userData);
    const { stdout, stderr } = spawnSync("cloud-init", ["schema", "--config-file", path], { encoding: "utf8" });
    rmSync(folder, { recursive: true });
    return `${stdout}${stderr}`.replaceAll(path, "FILE").trim();
  }

  test("has nothing against what is synthesized, nor does it call anything deprecated", () => {
    const { resource } = synthesized(exampleStack({ ssh: { ...exampleConfig.ssh, user: "ops", port: 2222 } }));
    for (const { user_data: userData } of Object.values(resource["digitalocean_droplet"] ?? {}))
      expect(checkedBySchema(resolveText(String(userData), String))).toBe("Valid cloud-config: FILE");
  });

  test.each([
    ["a password that is no text", { users: [{ name: "deploy", passwd: 7 }] }, "users.0"],
    ["permissions as a number", { write_files: [{ path: "/file", permissions: 644 }] }, "write_files.0.permissions"],
    ["commands that are no list", { runcmd: "true" }, "runcmd"],
  ])("objects to %s", (_what, change, words) => {
    expect(checkedBySchema(`#cloud-config\n${JSON.stringify({ ...config, ...change })}`)).toContain(words);
  });
});

describe("Docker", () => {
  test("is the distribution's, keeps containers while it restarts, and bounds their logs", () => {
    expect(config.packages).toEqual(expect.arrayContaining(["docker.io", "curl"]));
    expect(JSON.parse(file("/etc/docker/daemon.json").content)).toEqual({
      "live-restore": true,
      "log-driver": "json-file",
      "log-opts": { "max-size": "10m", "max-file": "3" },
    });
  });

  test("is not upgraded behind the rollout's back, and nothing reboots", () => {
    const upgrades = file("/etc/apt/apt.conf.d/52evenkeel-unattended-upgrades").content;
    expect(upgrades).toContain('Automatic-Reboot "false";');
    for (const name of ["docker", "containerd", "runc"]) expect(upgrades).toContain(`"${name}";`);
    expect(file("/etc/apt/apt.conf.d/20auto-upgrades").content).toContain('Unattended-Upgrade "1";');
  });
});

describe("SSH", () => {
  test("takes keys only, nobody as root", () => {
    const settings = file("/etc/ssh/sshd_config.d/10-evenkeel.conf").content.split("\n");
    expect(settings).toEqual(
      expect.arrayContaining(["PermitRootLogin no", "PasswordAuthentication no", "KbdInteractiveAuthentication no"]),
    );
    expect(config.ssh_pwauth).toBe(false);
  });

  test("lets the deploy user in with the keys that root was given", () => {
    expect(config.users).toEqual([
      {
        ...{ name: "deploy", groups: ["docker"], shell: "/bin/bash", lock_passwd: true },
        sudo: "ALL=(root) NOPASSWD: /usr/local/sbin/evenkeel-front",
      },
    ]);
    expect(config.groups).toEqual(["docker"]);
    expect(config.disable_root).toBe(false);
    expect(commands).toContain(
      "install -m 0600 -o deploy -g deploy /root/.ssh/authorized_keys /home/deploy/.ssh/authorized_keys",
    );
  });

  test("is restarted last, once the keys are there", () => {
    expect(commands.at(-1)).toBe("systemctl restart ssh.service");
  });
});

describe("first boot", () => {
  test("stops at the first failing command, so that cloud-init reports it", () => {
    expect(commands[0]).toBe("set -e");
  });

  test("blocks the metadata address before Docker is started, now and at every boot", () => {
    const unit = file("/etc/systemd/system/evenkeel-metadata.service").content;
    expect(unit).toContain("Before=docker.service");
    expect(unit).toMatch(/WantedBy=.*docker\.service/);
    const at = (command: string) => commands.indexOf(command);
    expect(at("systemctl enable --now evenkeel-metadata.service")).toBeGreaterThan(at("systemctl daemon-reload"));
    expect(at("systemctl enable --now docker.service")).toBeGreaterThan(
      at("systemctl enable --now evenkeel-metadata.service"),
    );
  });
});

describe("the front", () => {
  test("is loaded before Docker is started, now and at every boot", () => {
    const unit = file("/etc/systemd/system/evenkeel-front.service").content;
    expect(unit).toContain("Before=docker.service");
    expect(unit).toMatch(/WantedBy=.*docker\.service/);
    const at = (command: string) => commands.indexOf(command);
    expect(at("systemctl enable --now evenkeel-front.service")).toBeGreaterThan(at("systemctl daemon-reload"));
    expect(at("systemctl enable --now docker.service")).toBeGreaterThan(
      at("systemctl enable --now evenkeel-front.service"),
    );
    expect(commands).toContain("systemctl enable --now evenkeel-front-watch.service");
  });

  test("has a helper that its units and the one rule of sudo name, and all that it goes by", () => {
    const { path, permissions, content } = file("/usr/local/sbin/evenkeel-front");
    expect(permissions).toBe("0755");
    expect(content).toBe(readFileSync(new URL("../../constructs/front/evenkeel-front", import.meta.url), "utf8"));
    expect(file("/etc/systemd/system/evenkeel-front.service").content).toContain(`ExecStart=${path} restore\n`);
    expect(file("/etc/systemd/system/evenkeel-front-watch.service").content).toContain(`ExecStart=${path} watch\n`);
    expect(file("/etc/evenkeel/front").content).toBe("subnet 172.31.255.240/28\nbridge ek0\nssh 22\nuser deploy\n");
    expect(config.packages).toEqual(expect.arrayContaining(["nftables", "sudo"]));
  });
});

/** Rules are one per line in a file; as the real one, -N fails for a chain that is there and -C for a rule that is not. */
const FAKE_IPTABLES = `#!/bin/sh
shift
verb=$1; shift
case $verb in
  -N) grep -qx "chain $1" rules && exit 1; echo "chain $1" >> rules ;;
  -C) grep -qx "rule $*" rules ;;
  -I) echo "rule $*" >> rules ;;
esac
`;

describe("the metadata block", () => {
  const { path, permissions, content } = file("/usr/local/sbin/evenkeel-block-metadata");

  test("is what the unit runs", () => {
    expect(permissions).toBe("0755");
    expect(file("/etc/systemd/system/evenkeel-metadata.service").content).toContain(`ExecStart=${path}`);
  });

  test.each([
    ["on a fresh boot", ""],
    ["beside Docker's own chain", "chain DOCKER-USER\n"],
  ])("puts one rule %s, also when it runs twice", (_when, rules) => {
    const folder = mkdtempSync(join(tmpdir(), "evenkeel-iptables-"));
    writeFileSync(join(folder, "rules"), rules);
    writeFileSync(join(folder, "iptables"), FAKE_IPTABLES, { mode: 0o755 });
    const env = { PATH: `${folder}:${process.env["PATH"] ?? ""}` };
    for (let run = 0; run < 2; run++) execFileSync("/bin/sh", ["-c", content], { cwd: folder, env });
    expect(readFileSync(join(folder, "rules"), "utf8")).toBe(
      "chain DOCKER-USER\nrule DOCKER-USER -d 169.254.169.254 -j REJECT\n",
    );
    rmSync(folder, { recursive: true });
  });
});
