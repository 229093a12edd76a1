import { describe, expect, test } from "@jest/globals";
import { Token } from "cdktf";
import { dropletNames, fleetConfig, stackName, stackTag } from "../../contract/config.js";
import { manifest } from "../../contract/manifest.js";
import { hostCount } from "../../contract/policy.js";
import { InvalidInput, parse, parseJson } from "../../contract/problems.js";
import { fullConfig, fullManifest } from "../support/examples.js";

const configLines = (change: object): readonly string[] =>
  linesOf(() => parse("config", fleetConfig, { ...fullConfig, ...change }));
const manifestLines = (change: object): readonly string[] =>
  linesOf(() => parse("manifest", manifest, { ...fullManifest, ...change }));

function linesOf(run: () => unknown): readonly string[] {
  try {
    run();
    return [];
  } catch (error) {
    if (error instanceof InvalidInput) return error.problems;
    throw error;
  }
}

const { healthCheck, service, ssh, rollout } = fullConfig;

describe("connections that the balancer keeps to droplets", () => {
  const loadBalancer = { ...fullConfig.loadBalancer, backendKeepalive: true };
  const longer = { ...rollout, drainTimeoutSeconds: 61 };

  test("go with a port on which the app can be told to let go of them", () =>
    expect(configLines({ rollout: longer, loadBalancer })).toEqual([]));

  test.each(["drain", "handoff"])("are refused without it (%s)", (strategy) => {
    const line =
      "loadBalancer.backendKeepalive: backendKeepalive (true) has the balancer keep connections to droplets, and service.drainPort is not set: a rollout could not have the container before let go of them; set drainPort where the app takes POST /drain, or backendKeepalive to false";
    const change = { service: { ...service, drainPort: undefined }, rollout: { ...longer, strategy } };
    expect(configLines({ ...change, loadBalancer })).toEqual([line]);
    expect(
      manifestLines({ ...change, loadBalancer: { ...fullManifest.loadBalancer, backendKeepalive: true } }),
    ).toEqual([line]);
  });

  test("may be open without a request for as long as the balancer keeps them, and a drain waits for longer", () =>
    expect(configLines({ loadBalancer })).toEqual([
      "rollout.drainTimeoutSeconds: drainTimeoutSeconds (60 s) is not above loadBalancer.httpIdleTimeoutSeconds (60 s), for which a connection that the balancer keeps (backendKeepalive) may be open without a request; raise it or lower the other",
    ]));
});

describe("rules between fields, in config and manifest alike, quote both values", () => {
  test.each<[string, object, string]>([
    [
      "a probe may not outlast the interval",
      { healthCheck: { ...healthCheck, responseTimeoutSeconds: 11 } },
      "healthCheck.responseTimeoutSeconds: responseTimeoutSeconds (11 s) is above checkIntervalSeconds (10 s); make it at most the interval, or one slow probe delays the next",
    ],
    [
      "the next path is another one",
      { healthCheck: { ...healthCheck, nextPath: "/health" } },
      'healthCheck.nextPath: nextPath ("/health") is the same as path ("/health"); leave it out once path is the new one',
    ],
    [
      "the next port is another one",
      { service: { ...service, nextPort: 80 } },
      "service: nextPort (80) is the same as port (80); give each port its own number",
    ],
    [
      "clients do not get to where the app is told to let go",
      { service: { ...service, drainPort: 80 } },
      "service.drainPort: drainPort (80) is the same as port (80); clients could ask there: give it a number of its own",
    ],
    [
      "the health port is not the service port",
      { healthCheck: { ...healthCheck, port: 80 } },
      "healthCheck: port (80) is the same as service.port (80); give each port its own number",
    ],
    [
      "nor what that is to become",
      { healthCheck: { ...healthCheck, port: 8080 } },
      "healthCheck: port (8080) is the same as service.nextPort (8080); give each port its own number",
    ],
    [
      "the next health port is another one",
      { healthCheck: { ...healthCheck, nextPort: 8086 } },
      "healthCheck: nextPort (8086) is the same as port (8086); give each port its own number",
    ],
    [
      "and not the service port",
      { healthCheck: { ...healthCheck, nextPort: 80 } },
      "healthCheck: nextPort (80) is the same as service.port (80); give each port its own number",
    ],
    [
      "a host must be able to become ready within the deadline",
      { rollout: { ...rollout, minReadySeconds: 600 } },
      "rollout.minReadySeconds: minReadySeconds (600 s) is not below progressDeadlineSeconds (600 s); raise the deadline or lower minReadySeconds",
    ],
    [
      "the balancer needs time for its probes",
      {
        healthCheck: { ...healthCheck, checkIntervalSeconds: 60, unhealthyThreshold: 9 },
        rollout: { ...rollout, leaseSeconds: 600 },
      },
      "rollout.progressDeadlineSeconds: progressDeadlineSeconds (600 s) leaves the balancer no time for 10 probes at checkIntervalSeconds (60 s); needs more than 600 s",
    ],
    [
      "two containers at once are not wished for and forbidden",
      { rollout: { ...rollout, strategy: "handoff", exclusive: true } },
      'rollout.exclusive: exclusive (true) forbids that two containers run at once, as strategy ("handoff") has them; set strategy to "drain" or "auto", or leave exclusive out',
    ],
    [
      "containers are kept warm and never handed over from",
      { rollout: { ...rollout, strategy: "drain", keepWarmSeconds: 60 } },
      'rollout.keepWarmSeconds: keepWarmSeconds (60 s) keeps containers up that were handed over from, and with strategy ("drain") there are none; leave it out, or have hosts handed over',
    ],
    [
      "containers are kept warm and two at once forbidden",
      { rollout: { ...rollout, strategy: "auto", exclusive: true, keepWarmSeconds: 60 } },
      "rollout.keepWarmSeconds: keepWarmSeconds (60 s) keeps containers up that were handed over from, and with exclusive (true) there are none; leave it out, or have hosts handed over",
    ],
    [
      "whether two containers may write to one mount is said",
      {
        service: { ...service, mounts: [{ source: "/srv/a", target: "/data", readOnly: false }] },
        rollout: { ...rollout, strategy: "auto", exclusive: undefined },
      },
      "rollout.exclusive: exclusive is not set, and two containers may write to the mount /data at once while a host is handed over; set exclusive to true if they must not, or to false if they may",
    ],
    [
      "a host must remember its first probe when the last one comes",
      {
        healthCheck: { ...healthCheck, checkIntervalSeconds: 91, healthyThreshold: 9 },
        rollout: { ...rollout, leaseSeconds: 1000, progressDeadlineSeconds: 1000 },
      },
      "healthCheck.checkIntervalSeconds: 10 probes at checkIntervalSeconds (91 s) take 910 s, and a host remembers them for 900 s; lower checkIntervalSeconds or the threshold",
    ],
    [
      "a host's steward waits for as long as the balancer needs to let the host go",
      { rollout: { ...rollout, leaseSeconds: 29 } },
      "rollout.leaseSeconds: leaseSeconds (29 s) is below the 30 s that the balancer needs to let a host go, (unhealthyThreshold (2) + 1) x checkIntervalSeconds (10 s); make it at least 30 s",
    ],
    [
      "the whole takes no less time than a part of it",
      { rollout: { ...rollout, timeoutSeconds: 599 } },
      "rollout.timeoutSeconds: timeoutSeconds (599 s) is below progressDeadlineSeconds (600 s); raise it or lower the deadline",
    ],
    [
      "a container must be able to become ready within the deadline",
      { rollout: { ...rollout, readyTimeoutSeconds: 601 } },
      "rollout.readyTimeoutSeconds: readyTimeoutSeconds (601 s) is above progressDeadlineSeconds (600 s); lower it or raise the deadline",
    ],
    [
      "requests must be able to end within the deadline",
      { rollout: { ...rollout, drainTimeoutSeconds: 601 } },
      "rollout.drainTimeoutSeconds: drainTimeoutSeconds (601 s) is above progressDeadlineSeconds (600 s); lower it or raise the deadline",
    ],
    [
      "one host must stay in rotation",
      { rollout: { ...rollout, maxUnavailable: 3 } },
      "rollout.maxUnavailable: maxUnavailable (3) takes out all 3 hosts; needs at most 2",
    ],
    [
      "what Evenkeel sets is not set twice",
      { service: { ...service, environment: { PORT: "80" } } },
      "service.environment.PORT: PORT is set by Evenkeel itself; take it out of the environment",
    ],
    [
      "a secret is named once",
      { service: { ...service, secrets: ["KEY", "KEY"] } },
      "service.secrets: KEY is named twice; name it once",
    ],
    [
      "a secret is none of what Evenkeel sets",
      { service: { ...service, secrets: ["PORT"] } },
      "service.secrets: PORT is set by Evenkeel itself; give the secret another name",
    ],
    [
      "the rollout's own secrets are not the app's",
      { service: { ...service, secrets: ["DIGITALOCEAN_TOKEN"] } },
      "service.secrets: DIGITALOCEAN_TOKEN belongs to the rollout, not to the app; give the secret another name",
    ],
    [
      "a secret is not public at the same time",
      { service: { ...service, secrets: ["NODE_ENV"] } },
      "service.secrets: NODE_ENV is given twice: in the environment too; take the other one out",
    ],
    [
      "nor is the place of its file told twice",
      { service: { ...service, secrets: ["KEY", "KEY_FILE"] } },
      "service.secrets: KEY is given twice: KEY_FILE is where its file is told; take the other one out",
    ],
    [
      "two mounts have two places",
      { service: { ...service, mounts: [{ source: "/srv/a", target: "/tmp" }] } },
      "service.mounts: /tmp is the place of two of mounts and isolation.tmpfs; give each its own",
    ],
    [
      "nor is one of them written in two ways",
      { service: { ...service, mounts: [{ source: "/srv/a", target: "/tmp/" }] } },
      'service.mounts: /tmp/ is not the plain path of a folder below /; write it without "//", "/./" and "/../", and without "/" at its end',
    ],
    [
      "nothing hides the secrets",
      { service: { ...service, isolation: { ...service.isolation, tmpfs: { "/run/secrets": 1 } } } },
      'service.isolation.tmpfs: /run/secrets is in the way of /run/secrets, where the app finds its secrets; choose another place, or secretsAs: "environment"',
    ],
  ])("%s", (_rule, change, line) => {
    expect(configLines(change)).toEqual([line]);
    expect(manifestLines({ ...change, ...("ssh" in change ? {} : { ssh: fullManifest.ssh }) })).toEqual([line]);
  });

  test("SSH has a port of its own", () =>
    expect(configLines({ ssh: { ...ssh, port: 8080 } })).toEqual([
      "ssh: port (8080) is the same as service.nextPort (8080); give each port its own number",
    ]));

  test.each(["PORT", "HEALTH_PATH", "NEXT_HEALTH_PATH", "DRAIN_PORT", "RELEASE"])("%s is Evenkeel's own", (name) => {
    expect(configLines({ service: { ...service, environment: { [name]: "x" } } })).toHaveLength(1);
  });
});

test("a lease may be just as long as the balancer needs to let a host go", () =>
  expect(configLines({ rollout: { ...rollout, leaseSeconds: 30 } })).toEqual([]));

test("a secret in the environment may have another one's name with _FILE", () =>
  expect(configLines({ service: { ...service, secrets: ["KEY", "KEY_FILE"], secretsAs: "environment" } })).toEqual([]));

test.each([["/srv/a,b"], ["srv"], ["/srv/a b"], ["/srv:/x"]])(
  "a mount is no way to another flag of Docker: %s",
  (source) => expect(configLines({ service: { ...service, mounts: [{ source, target: "/data" }] } })).toHaveLength(1),
);

describe("places in the container", () => {
  const mountedAt = (target: string, change: object = {}) =>
    configLines({ service: { ...service, mounts: [{ source: "/srv/a", target }], ...change } });
  const inMemoryAt = (target: string, change: object = {}) =>
    configLines({ service: { ...service, isolation: { ...service.isolation, tmpfs: { [target]: 1 } }, ...change } });

  test.each(["/", "/data/", "/data//a", "/data/./a", "/data/.", "/data/../run/secrets", "/.."])(
    "are written plainly: not %s",
    (target) => {
      for (const lines of [mountedAt(target), inMemoryAt(target)])
        expect(lines).toEqual([expect.stringContaining(`${target} is not the plain path of a folder below /; `)]);
    },
  );
  test.each(["/srv", "/a/b.c/d", "/.cache", "/..a"])("may be %s", (target) => {
    expect([mountedAt(target), inMemoryAt(target)]).toEqual([[], []]);
  });

  const inTheWay = ["/run/secrets", "/run/secrets/more", "/var/run", "/var/run/secrets"];
  test.each(inTheWay)("are not where Docker would refuse the secrets' files, or hide them: %s", (target) => {
    for (const lines of [mountedAt(target), inMemoryAt(target)])
      expect(lines).toEqual([expect.stringContaining(`${target} is in the way of /run/secrets`)]);
  });
  test.each(["/run", ...inTheWay])("may be %s when no secret is a file", (target) => {
    for (const change of [{ secrets: [] }, { secretsAs: "environment" }])
      expect([mountedAt(target, change), inMemoryAt(target, change)]).toEqual([[], []]);
  });
  test("may be /run beside secrets in memory only: Docker mounts those within", () => {
    expect(inMemoryAt("/run")).toEqual([]);
    expect(mountedAt("/run")).toHaveLength(1);
    for (const target of ["/run/app", "/run/secrets-of-others", "/var/run/app", "/var/running"])
      expect([mountedAt(target), inMemoryAt(target)]).toEqual([[], []]);
  });
});

describe("rules of the config", () => {
  test("droplets without the agent that measures them raise no alert", () => {
    const droplet = { ...fullConfig.droplet, monitoring: false };
    expect(configLines({ droplet, alerts: { email: ["a@example.com", "b@example.com"] } })).toEqual([
      'alerts.email: email ("a@example.com", "b@example.com") is set and droplet.monitoring (false) leaves out the agent that measures the droplets; set monitoring to true, or leave email out',
    ]);
    expect(configLines({ droplet, alerts: {} })).toEqual([]);
  });

  test("somebody must be able to reach the droplets", () => {
    const without = { ...ssh, publicKey: undefined };
    expect(configLines({ ssh: { ...without, keyFingerprints: [] } })).toEqual([
      "ssh: publicKey is not set and keyFingerprints is empty (0 keys); set one of them, or nobody can reach the droplets (fleet.config.ts takes publicKey from EVENKEEL_SSH_PUBLIC_KEY)",
    ]);
    expect(configLines({ ssh: { ...without, keyFingerprints: ["12"] } })).toEqual([]);
    expect(configLines({ ssh: { ...ssh, keyFingerprints: [] } })).toEqual([]);
  });

  test("the balancer's tag is not the stack's own", () => {
    expect(configLines({ fleetTag: "evenkeel:production:api" })).toEqual([
      'fleetTag: fleetTag ("evenkeel:production:api") is the stack\'s own tag ("evenkeel:production:api"); choose another name',
    ]);
  });

  test("a fault of a field is not followed by rules that it breaks", () => {
    expect(configLines({ dropletCount: 0, rollout: { ...rollout, maxUnavailable: 3 } })).toEqual([
      "dropletCount: got 0; needs a whole number of droplets from 1 to 100",
    ]);
  });
});

describe("rules of the manifest", () => {
  const [first, second] = fullManifest.hosts;

  test("each host is listed once, by name and by id", () => {
    expect(manifestLines({ hosts: [first, { ...second, name: first?.name }] })).toEqual([
      'hosts: hosts[1].name ("api-1") is the same as hosts[0].name ("api-1"); each host is listed once',
    ]);
    expect(manifestLines({ hosts: [first, { ...second, id: first?.id }] })).toEqual([
      'hosts: hosts[1].id ("100") is the same as hosts[0].id ("100"); each host is listed once',
    ]);
  });

  test("a balancer of DigitalOcean's has both tags, any other needs none", () => {
    const lines = (id: string) =>
      manifestLines({ fleetTag: undefined, stackTag: undefined, loadBalancer: { ...fullManifest.loadBalancer, id } });
    expect(lines("")).toEqual([]);
    expect(lines("lb-1")).toEqual(
      ["fleetTag", "stackTag"].map(
        (tag) =>
          `${tag}: loadBalancer.id ("lb-1") is set and ${tag} is not (""); name the tag, or leave the id empty for a balancer that is not DigitalOcean's`,
      ),
    );
  });

  test("there is at least one host", () => {
    expect(manifestLines({ hosts: [] })).toEqual(["hosts: got []; needs a list of at least one host"]);
  });

  test("another version is refused", () => {
    expect(manifestLines({ version: 2 })).toEqual(["version: got 2; needs 1, the version that this rollout reads"]);
  });

  test("a reference that Terraform has not resolved is refused", () => {
    const [line] = manifestLines({
      hosts: [{ ...first, address: "${digitalocean_droplet.fleet_api-1.ipv4_address}" }],
    });
    expect(line).toMatch(/^hosts\[0\]\.address: got a Terraform token/);
  });

  test("text that is no JSON is refused", () => {
    expect(linesOf(() => parseJson("manifest", manifest, "{version:"))).toEqual(['got "{version:"; needs JSON']);
  });
});

describe("hosts that are containers on one machine", () => {
  const [first, second, third] = fullManifest.hosts;
  const address = first?.address;
  const own = { container: "api-b", port: 8002, checkPort: 8102 };
  const beside = { ...second, address, ...own };
  const on = '"192.0.2.1"';

  test("may be any number, each with a container and ports of its own", () => {
    const more = {
      ...third,
      address,
      container: "api-c",
      port: 8003,
      checkPort: 8103,
    };
    expect(manifestLines({ hosts: [first, beside, more] })).toEqual([]);
  });

  test("have a container each", () => {
    expect(manifestLines({ hosts: [first, { ...beside, container: undefined }] })).toEqual([
      `hosts: hosts[1].container ("api") and hosts[0].container ("api") would both name a container "api" on one machine (${on}); give each host a container of its own`,
    ]);
  });

  test("do not have the name that a rollout gives to the container before", () => {
    expect(manifestLines({ hosts: [first, { ...beside, container: "api-previous" }] })).toEqual([
      `hosts: hosts[1].container ("api-previous") and hosts[0].container ("api") would both name a container "api-previous" on one machine (${on}); give each host a container of its own`,
    ]);
    expect(manifestLines({ hosts: [beside, { ...first, container: "api-b-failed" }] })).toHaveLength(1);
  });

  test.each<[string, object, string]>([
    ["the service", { port: undefined }, "port (80) is the same as hosts[0].port (80)"],
    ["the health check", { checkPort: undefined }, "checkPort (8086) is the same as hosts[0].checkPort (8086)"],
    ["the other's service", { checkPort: 80 }, "checkPort (80) is the same as hosts[0].port (80)"],
    ["the other's health check", { port: 8086 }, "port (8086) is the same as hosts[0].checkPort (8086)"],
    ["their own other ports", { port: 8102 }, "checkPort (8102) is the same as hosts[1].port (8102)"],
    ["SSH", { port: 22 }, "port (22) is the same as ssh.port (22)"],
  ])("share no port of %s", (_name, changed, words) => {
    expect(manifestLines({ hosts: [first, { ...beside, ...changed }] })).toEqual([
      `hosts: hosts[1].${words} on one machine (${on}); give each port its own number`,
    ]);
  });

  test("share no port with themselves when they are the only one there", () => {
    expect(manifestLines({ hosts: [first, { ...second, port: 8086 }] })).toEqual([
      'hosts: hosts[1].checkPort (8086) is the same as hosts[1].port (8086) on one machine ("192.0.2.2"); give each port its own number',
    ]);
  });

  test.each(["api-1.internal", "fd00::2", "10.110.0", "010.110.0.2", "10.110.0.2:80", "0.0.0.0", "224.0.0.1", ""])(
    "a host's privateAddress is an IPv4 address, not %j",
    (privateAddress) => {
      const [host] = fullManifest.hosts;
      expect(manifestLines({ hosts: [{ ...host, privateAddress }] })).toEqual([
        expect.stringMatching(/^hosts\[0\]\.privateAddress: .*an IPv4 address such as 10\.110\.0\.2/u),
      ]);
      expect(manifestLines({ hosts: [{ ...host, address: "api-1.example.com" }] })).toEqual([]);
    },
  );

  test("are not one host under two addresses", () => {
    expect(manifestLines({ hosts: [first, { ...second, privateAddress: first?.privateAddress }] })).toEqual([
      'hosts: hosts[1].privateAddress and port (10.110.0.1:80) are those of hosts[0] (10.110.0.1:80), at another address ("192.0.2.2", "192.0.2.1"); list each host once, or give the second a port of its own and the same address',
    ]);
  });

  const { service: app, healthCheck: check } = fullManifest;
  const without = { service: { ...app, nextPort: undefined }, healthCheck: { ...check, nextPort: undefined } };
  const elsewhere = { ...second, privateAddress: first?.privateAddress, port: 8002 };

  test("are not one host to the health check either", () => {
    expect(manifestLines({ ...without, hosts: [first, elsewhere] })).toEqual([
      'hosts: hosts[1].privateAddress and checkPort (10.110.0.1:8086) are those of hosts[0] (10.110.0.1:8086), at another address ("192.0.2.2", "192.0.2.1"); list each host once, or give the second a port of its own and the same address',
    ]);
    expect(manifestLines({ ...without, hosts: [first, { ...elsewhere, checkPort: 80 }] })).toEqual([
      "hosts: checkPort of hosts[1] (10.110.0.1:80) is the same as port of hosts[0] (10.110.0.1:80); give each port of a privateAddress its own number",
    ]);
    expect(manifestLines({ ...without, hosts: [first, { ...elsewhere, checkPort: 8102 }] })).toEqual([]);
  });

  test("do not all have the next port of one address", () => {
    const sharing = { ...beside, privateAddress: first?.privateAddress };
    expect(manifestLines({ ...without, hosts: [first, sharing] })).toEqual([]);
    expect(manifestLines({ ...without, service: app, hosts: [first, sharing] })).toEqual([
      "hosts: service.nextPort of hosts[1] (10.110.0.1:8080) is the same as service.nextPort of hosts[0] (10.110.0.1:8080); give each port of a privateAddress its own number",
    ]);
    expect(manifestLines({ ...without, healthCheck: check, hosts: [first, { ...sharing, port: 8087 }] })).toEqual([
      "hosts: port of hosts[1] (10.110.0.1:8087) is the same as healthCheck.nextPort of hosts[0] (10.110.0.1:8087); give each port of a privateAddress its own number",
    ]);
  });

  test("may have the next port as their own already", () => {
    expect(manifestLines({ hosts: [{ ...first, port: 8080, checkPort: 8087 }] })).toEqual([]);
  });
});

describe("a balancer that asks no health port of its own", () => {
  const { healthCheck: check } = fullManifest;
  const hosts = fullManifest.hosts.map((host) => ({ ...host, checkPort: undefined }));

  const unasked = { ...check, port: undefined, nextPort: undefined };
  const handoff = { rollout: { ...rollout, strategy: "handoff" } };

  test("needs none in a manifest to hand over", () => {
    expect(manifestLines({ ...handoff, hosts, healthCheck: unasked })).toEqual([]);
  });

  test("leaves nothing that a drain could refuse", () => {
    const line = (index: number): string =>
      `rollout.strategy: strategy ("drain") takes a host out of rotation by its health port, and hosts[${index}] has none (healthCheck.port and checkPort are not set); let the balancer's check ask a port of its own, or set strategy to "handoff"`;
    const [first, ...others] = hosts;
    expect(manifestLines({ hosts, healthCheck: unasked })).toEqual([line(0)]);
    expect(manifestLines({ hosts: [{ ...first, checkPort: 8086 }, ...others], healthCheck: unasked })).toEqual([
      line(1),
    ]);
    expect(manifestLines({ hosts: fullManifest.hosts, healthCheck: unasked })).toEqual([]);
  });

  test("has none that another one could follow", () => {
    const [first, ...others] = hosts;
    const healthCheck = { ...check, port: undefined };
    expect(manifestLines({ ...handoff, hosts: [{ ...first, checkPort: 8086 }, ...others], healthCheck })).toEqual([
      "healthCheck.nextPort: nextPort (8087) is set and hosts[1] has no health port that it could follow (port and checkPort are not set); set port, or leave nextPort out",
    ]);
    expect(manifestLines({ ...handoff, hosts: fullManifest.hosts, healthCheck })).toEqual([]);
  });
});

describe("texts that Terraform would evaluate are refused", () => {
  test.each(["${HOME}", "%{ if true }", Token.asString("${var.image}")])("%j in environment and command", (value) => {
    expect(configLines({ service: { ...service, environment: { A: value } } })).toHaveLength(1);
    expect(configLines({ service: { ...service, command: [value] } })).toHaveLength(1);
  });

  test.each(["$HOME", "100%", "#{x}", 'a "b"', "a\\b"])("%j is plain text", (value) => {
    expect(configLines({ service: { ...service, environment: { A: value } } })).toEqual([]);
  });

  test("a list that is known only during apply is named as a token", () => {
    const [line] = configLines({ ssh: { ...ssh, keyFingerprints: Token.asList("${data.keys}") } });
    expect(line).toMatch(/^ssh\.keyFingerprints\[0\]: got a Terraform token/);
  });
});

describe("forms", () => {
  test.each<[string, number[]]>([
    ["a port twice", [5432, 5432]],
    ["more rules than a firewall has", Array.from({ length: 41 }, (_, index) => 5000 + index)],
  ])("outbound ports: %s", (_name, outboundPorts) => {
    const [line, ...more] = configLines({ outboundPorts });
    expect(more).toEqual([]);
    expect(line).toMatch(/^outboundPorts: got \[5.*; needs a list of at most 40 ports, each named once$/);
    expect(configLines({ outboundPorts: outboundPorts.slice(1) })).toEqual([]);
  });

  const accepts = (change: object) => configLines(change).length === 0;

  test.each(["10.0.0.0/16", "172.16.0.0/20", "172.31.255.0/28", "192.168.1.0/24"])("%s is a private range", (range) => {
    expect(accepts({ vpcIpRange: range })).toBe(true);
  });
  test.each(["172.32.0.0/20", "192.0.2.0/24", "10.0.0.0/15", "10.0.0.0/29", "10.0.0.256/24", "11.0.0.0/20"])(
    "%s is none",
    (range) => {
      expect(accepts({ vpcIpRange: range })).toBe(false);
    },
  );
  test.each(["10.9.8.0/24", "172.31.255.240/28", "192.168.200.64/26"])("%s may be the range of containers", (range) => {
    expect(accepts({ droplet: { containerRange: range } })).toBe(true);
  });
  test.each(["10.9.0.0/23", "172.31.255.240/29", "100.64.0.0/24", "10.9.8.7"])("%s may not", (range) => {
    expect(accepts({ droplet: { containerRange: range } })).toBe(false);
  });
  test.each([
    ["of the private network", { vpcIpRange: "10.110.0.0/20" }, "10.110.15.0/24", "vpcIpRange", "10.110.0.0/20"],
    ["of Docker's own network", {}, "172.17.3.0/24", "Docker's own network", "172.17.0.0/16"],
  ])("nor may one that has addresses %s", (_whose, change, containerRange, what, range) => {
    expect(configLines({ ...change, droplet: { containerRange } })).toEqual([
      `droplet.containerRange: containerRange ("${containerRange}") has addresses of ${what} ("${range}"); choose a range that nothing else on a droplet uses`,
    ]);
  });
  test.each(["203.0.113.7/32", "0.0.0.0/0", "2001:db8::/32", "::/0"])("%s may be allowed", (range) => {
    expect(accepts({ ssh: { ...ssh, allowedCidrs: [range] } })).toBe(true);
  });
  test.each(["203.0.113.7", "203.0.113.7/33", "300.0.0.0/8", "x/8", "::/129"])("%s may not", (range) => {
    expect(accepts({ ssh: { ...ssh, allowedCidrs: [range] } })).toBe(false);
  });
  const key = "AAAAC3NzaC1lZDI1NTE5AAAAIEvenkeelTestsOnlyNoSuchKeyExistsAnywhere0";
  test.each([`ssh-ed25519 ${key}`, `ssh-rsa ${key} me@here, since 2027`, `sk-ssh-ed25519@openssh.com ${key} a`])(
    "%s is a public key, whose comment does not count",
    (publicKey) => {
      const { ssh: read } = parse("config", fleetConfig, { ...fullConfig, ssh: { ...ssh, publicKey } });
      expect(read.publicKey).toBe(publicKey.split(" ").slice(0, 2).join(" "));
    },
  );
  test.each(["", key, "ssh-ed25519", `no-pty ssh-ed25519 ${key}`, `ssh-ed25519 ${key}\nssh-ed25519 ${key}`])(
    "%j is none",
    (publicKey) => expect(accepts({ ssh: { ...ssh, publicKey } })).toBe(false),
  );
  test.each([1, 99, "1%", "25%", "99%"])("maxUnavailable %j", (maxUnavailable) => {
    expect(accepts({ dropletCount: 100, rollout: { ...rollout, maxUnavailable } })).toBe(true);
  });
  test.each([0, 100, 1.5, "0%", "100%", "25", "2.5%", "-1%"])("not maxUnavailable %j", (maxUnavailable) => {
    expect(accepts({ dropletCount: 100, rollout: { ...rollout, maxUnavailable } })).toBe(false);
  });
});

describe("maxUnavailable as a share is rounded down, at least 1", () => {
  test.each<[string, number, number]>([
    ["25%", 10, 2],
    ["25%", 3, 1],
    ["1%", 2, 1],
    ["99%", 2, 1],
    ["99%", 100, 99],
  ])("%s of %i hosts is %i", (share, hosts, most) => {
    expect(hostCount(share, hosts)).toBe(most);
  });
});

test("names follow from name and environment", () => {
  const config = { name: "api", environment: "staging", dropletCount: 3 };
  expect(dropletNames(config)).toEqual(["api-1", "api-2", "api-3"]);
  expect(stackTag(config)).toBe("evenkeel:staging:api");
  expect(stackName(config)).toBe("api-staging");
});

describe("bastions", () => {
  const linesFor = (proxyJump: string) => configLines({ ssh: { ...ssh, proxyJump } });
  test.each(["bastion", "ops@bastion:22", "a,b,c", "my_bastion", "o.p-s@[2001:db8::1]:2222", "[::1]", "a:65535"])(
    "may be %s",
    (proxyJump) => expect(linesFor(proxyJump)).toEqual([]),
  );

  test.each([
    ...["a,-v", "-v", "a,,b", ",a", "a,", "", "a, b", "a:", "a:0", "a:65536", "a:b", "ops@-v", "-l@a", "@a", "a@b@c"],
    ...["2001:db8::1", "[a]b", "[]", "a;b", "a$(b)", "a%h", "ssh://a", "a\nb"],
  ])("may not be %j: ssh would take it for something else", (proxyJump) => {
    const [line = "", ...more] = linesFor(proxyJump);
    expect(more).toEqual([]);
    expect(line).toMatch(/^ssh\.proxyJump: got ".*"; needs bastions such as /);
  });
});
