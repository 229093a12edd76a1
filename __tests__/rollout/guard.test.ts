/** The guard over fakes that throw on what they do not know. */
import { describe, expect, it } from "@jest/globals";
import type { GuardInput } from "../../contract/guard.js";
import { Forbidden, RolloutError } from "../../scripts/rollout/core/errors.js";
import type { RolloutEvent } from "../../scripts/rollout/core/events.js";
import { guard } from "../../scripts/rollout/guard.js";
import type { CloudDroplet, GuardPorts, HealthAnswers, ListedBalancer } from "../../scripts/rollout/ports.js";

const input: GuardInput = {
  fleet: "api",
  fleetTag: "http-api",
  stackTag: "evenkeel:test:api",
  dropletCount: 2,
  balancerName: "sfo3-api",
  sizeUnit: 1,
  healthPath: "/health",
  healthPort: 8086,
  servicePort: 80,
  ssh: { user: "deploy", port: 22 },
  bootTimeoutSeconds: 10,
};
const droplet = (number: number, change: Partial<CloudDroplet> = {}): CloudDroplet => ({
  id: String(number),
  name: `api-${number}`,
  address: `203.0.113.${number}`,
  privateAddress: `10.110.0.${number}`,
  tags: [input.fleetTag, input.stackTag],
  active: true,
  ...change,
});
const live: ListedBalancer = {
  name: "sfo3-api",
  sizeUnit: 1,
  check: { path: "/health", port: 8086 },
  targetPorts: [80],
};

interface World {
  readonly balancers: ListedBalancer[];
  readonly droplets: CloudDroplet[];
  /** Others that the account has. */
  readonly others: number;
  readonly limit: number;
  /** Calls that the token may not make. */
  readonly forbidden: string[];
  /** What each host answers, by its name, in turn; the last one for ever. An error is thrown. */
  readonly hosts: Readonly<
    Record<string, readonly (readonly [now: number | null, ...anew: (number | null)[]] | RolloutError)[]>
  >;
  readonly heldBy: string | null;
}

interface Ended {
  readonly code: number;
  readonly events: RolloutEvent[];
  readonly asked: string[];
  /** Seconds that it waited. */
  readonly waited: number;
}

async function run(
  declared: Partial<GuardInput>,
  world: Partial<World> = {},
  signal = new AbortController().signal,
): Promise<Ended> {
  const { balancers = [live], droplets = [droplet(1), droplet(2)], others = 0, limit = 25, forbidden = [] } = world;
  const { hosts = {}, heldBy = null } = world;
  const events: RolloutEvent[] = [];
  const asked: string[] = [];
  let nowMs = 0;
  const may = (call: string): void => {
    if (forbidden.includes(call)) throw new Forbidden(`DigitalOcean's API refuses ${call}: 403`);
  };
  const ports: GuardPorts = {
    cloud: {
      insistOn: async (what) => may(what),
      balancersWithTag: async (tag) => (may("balancers"), tag === input.fleetTag ? balancers : []),
      dropletsWithTag: async (tag) => (
        may("droplets"),
        droplets.filter(({ tags }) => tags.some((one) => one.toLowerCase() === tag.toLowerCase()))
      ),
      dropletTotal: async () => droplets.length + others,
      dropletLimit: async () => (may("account"), limit),
    },
    health: {
      async ask({ name }, targets): Promise<HealthAnswers> {
        asked.push(`${name}: ${targets.map(({ path, port }) => `${port}${path}`).join(" ")}`);
        const answers = hosts[name];
        if (!answers) throw new Error(`nobody may ask ${name}`);
        const turn = asked.filter((one) => one.startsWith(`${name}:`)).length;
        const answer = answers[Math.min(turn, answers.length) - 1] ?? [null, null];
        if (answer instanceof RolloutError) throw answer;
        return { statuses: answer, heldBy };
      },
    },
    clock: {
      now: () => nowMs,
      date: () => new Date(0),
      sleep: async (milliseconds) => void (nowMs += milliseconds),
    },
    events: { emit: (event) => void events.push(event) },
  };
  const code = await guard({ ...input, ...declared }, ports, signal);
  return { code, events, asked, waited: nowMs / 1000 };
}

const names = ({ events }: Ended): string[] => events.map(({ name }) => name);
const failure = ({ events }: Ended): string => {
  const last = events.at(-1);
  return last?.name === "failed" ? `${last.data.code}: ${last.data.message}` : "none";
};
const unreachable = new RolloutError("HostUnreachable", "api-2 cannot be reached over SSH: refused");

describe("the guard", () => {
  it("asks no host while the balancer goes on as it does", async () => {
    const ended = await run({ dropletCount: 3 });
    expect([ended.code, names(ended), ended.asked]).toEqual([0, ["guarded"], []]);
  });

  it("has nothing to guard before there is a balancer", async () => {
    const ended = await run({ healthPath: "/up" }, { balancers: [], droplets: [] });
    expect([ended.code, names(ended), ended.asked]).toEqual([0, ["guarded"], []]);
  });

  it("lets the balancer change over when every host that serves answers there", async () => {
    const ended = await run(
      { healthPath: "/up", healthPort: 8090, servicePort: 8080 },
      { hosts: { "api-1": [[200, 200, 200]], "api-2": [[200, 200, 200]] } },
    );
    expect(ended.code).toBe(0);
    expect(ended.asked.sort()).toEqual(["api-1: 8086/health 8090/up 8080/up", "api-2: 8086/health 8090/up 8080/up"]);
    expect(ended.events[0]).toMatchObject({
      name: "changesOver",
      data: {
        from: "/health on port 8086 and requests on port 80",
        to: "/up on port 8090 and requests on port 8080",
        hosts: ["api-1", "api-2"],
      },
    });
  });

  it.each<[string, Partial<GuardInput>, string]>([
    ["health port", { healthPort: 8090 }, "8086/health 8090/health"],
    ["service port", { servicePort: 8080 }, "8086/health 8080/health"],
  ])("asks hosts on another %s alone where nothing else changes", async (_name, change, targets) => {
    const ended = await run(change, { hosts: { "api-1": [[200, 200]], "api-2": [[200, 200]] } });
    expect([ended.code, ended.asked.sort()]).toEqual([0, [`api-1: ${targets}`, `api-2: ${targets}`]]);
  });

  it("refuses when a host answers the health check anew and would get requests where nobody listens", async () => {
    const ended = await run(
      { healthPort: 8090, servicePort: 8080 },
      { hosts: { "api-1": [[200, 200, null]], "api-2": [[200, 200, 200]] } },
    );
    expect(ended.code).toBe(3);
    expect(failure(ended)).toMatch(
      /^NotAnsweredYet: .*ask \/health on port 8090 .* and to send requests to port 8080 instead of port 80, and api-1 \(1\) answers nothing at \/health on port 8080: .*deploy healthCheck\.nextPort: 8090 and service\.nextPort: 8080 first, with the path and ports of before/,
    );
  });

  it("refuses a health port of its own to a fleet of an edition without one, and says the way out", async () => {
    const first = { ...live, check: { path: "/health", port: 80 } };
    const ended = await run({}, { balancers: [first], hosts: { "api-1": [[200, null]], "api-2": [[200, null]] } });
    expect(ended.code).toBe(3);
    expect(ended.asked).toContain("api-1: 80/health 8086/health");
    expect(failure(ended)).toBe(
      "NotAnsweredYet: the balancer is to ask /health on port 8086 instead of /health on port 80, and api-1 (1) answers nothing at /health on port 8086, api-2 (2) answers nothing at /health on port 8086: it would take out every host that does not answer 200; this fleet is of an earlier edition and cannot change over; deploy another stack with a name, a fleetTag and a balancer of its own, lead clients there, and destroy this one",
    );
    const answering = { "api-1": [[200, 200] as const], "api-2": [[200, 200] as const] };
    expect((await run({}, { balancers: [first], hosts: answering })).code).toBe(0);
  });

  it("refuses when one host that serves does not, and names it, its answer and the way there", async () => {
    const ended = await run({ healthPath: "/up" }, { hosts: { "api-1": [[200, 200]], "api-2": [[200, 404]] } });
    expect(ended.code).toBe(3);
    expect(failure(ended)).toMatch(
      /^NotAnsweredYet: .*ask \/up on port 8086 instead of \/health on port 8086, and api-2 \(2\) answers 404 at \/up on port 8086: .*healthCheck\.nextPath: "\/up" first, with/,
    );
  });

  it("refuses a tag that another stack's droplets carry: each would get the other's requests", async () => {
    const other = droplet(9, { name: "api-1", tags: [input.fleetTag, "evenkeel:staging:api"] });
    const ended = await run({}, { droplets: [droplet(1), other] });
    expect(ended.code).toBe(3);
    expect(failure(ended)).toMatch(
      /^TagShared: .*carry the tag http-api: api-1 of evenkeel:staging:api; .*Give this stack a fleetTag of its own$/,
    );
  });

  it("knows its own droplets by tags in another case, which DigitalOcean takes for the same", async () => {
    const own = droplet(1, { tags: [input.fleetTag.toUpperCase(), input.stackTag.toUpperCase()] });
    const ended = await run({}, { droplets: [own] });
    expect([ended.code, names(ended)]).toEqual([0, ["guarded"]]);
  });

  it("looks again before it refuses", async () => {
    const ended = await run(
      { servicePort: 81 },
      {
        hosts: {
          "api-1": [
            [200, null],
            [200, null],
            [200, 200],
          ],
          "api-2": [[200, 200]],
        },
      },
    );
    expect(ended.code).toBe(0);
  });

  it("does not wait for hosts that do not serve, are off, or are not asked by the balancer", async () => {
    const droplets = [droplet(1), droplet(2), droplet(3, { active: false }), droplet(4, { tags: [input.stackTag] })];
    const ended = await run(
      { healthPath: "/up" },
      { droplets, hosts: { "api-1": [[200, 200]], "api-2": [[503, 503]] } },
    );
    expect(ended.code).toBe(0);
    expect(ended.asked.filter((one) => /api-[34]/.test(one))).toEqual([]);
    expect(ended.events[0]?.data).toMatchObject({ hosts: ["api-1"] });
  });

  it("waits for a host that boots, and refuses one that cannot be asked", async () => {
    const booting = await run(
      { healthPath: "/up" },
      { hosts: { "api-1": [[200, 200]], "api-2": [unreachable, unreachable, [200, 200]] } },
    );
    expect([booting.code, booting.waited]).toEqual([0, 2]);
    const gone = await run({ healthPath: "/up" }, { hosts: { "api-1": [[200, 200]], "api-2": [unreachable] } });
    expect([gone.code, gone.waited]).toEqual([3, 10]);
    expect(failure(gone)).toMatch(/^HostUnreachable: api-2 cannot be reached .*tried for 10 s, bootTimeoutSeconds/);
  });

  it("says why it refuses, and not that it waited no longer for others", async () => {
    const changed = new RolloutError("HostKeyChanged", "api-2 shows another host key");
    const ended = await run({ healthPath: "/up" }, { hosts: { "api-1": [[200, 404]], "api-2": [changed] } });
    expect(failure(ended)).toBe("HostKeyChanged: api-2 shows another host key");
  });

  it("refuses while another rollout has a host in hand", async () => {
    const ended = await run(
      { healthPath: "/up" },
      { heldBy: "a1:ci@runner", hosts: { "api-1": [[200, 200]], "api-2": [[200, 200]] } },
    );
    expect(ended.code).toBe(4);
    expect(failure(ended)).toContain("a1:ci@runner");
  });

  it("stops when it is told to", async () => {
    const ended = await run({ healthPath: "/up" }, {}, AbortSignal.abort());
    expect([ended.code, failure(ended)]).toEqual([130, "Interrupted: the guard was told to stop"]);
  });

  it("refuses more droplets than the account may have, and warns of a rebuild that would need more", async () => {
    const full = await run({ dropletCount: 4 }, { others: 7, limit: 10 });
    expect([full.code, full.asked]).toEqual([3, []]);
    expect(failure(full)).toMatch(
      /^DropletLimit: api is to have 4 droplets beside 7 others, and the account may have 10/,
    );
    const tight = await run({ dropletCount: 3 }, { others: 7, limit: 10 });
    expect([tight.code, names(tight)]).toEqual([0, ["rebuildTooLarge", "guarded"]]);
  });

  it.each([
    ["vpcs", "vpc:read"],
    ["tags", "tag:read"],
    ["droplets", "droplet:read"],
    ["balancers", "load_balancer:read"],
  ])("refuses a token that may not read %s, and names the scope", async (call, scope) => {
    const ended = await run({}, { forbidden: [call] });
    expect(ended.code).toBe(3);
    expect(failure(ended)).toMatch(new RegExp(`^TokenScope: the token lacks the scope ${scope} `));
  });

  it("goes on with a warning when the token may not read the account", async () => {
    const ended = await run({}, { forbidden: ["account"] });
    expect([ended.code, names(ended)]).toEqual([0, ["limitUnknown", "guarded"]]);
  });

  it("warns of connections that a resize of the balancer drops", async () => {
    const ended = await run({ sizeUnit: 3 });
    expect(ended.code).toBe(0);
    expect(ended.events[0]).toMatchObject({ name: "connectionsDrop", data: { live: 1, declared: 3 } });
  });

  it("warns of droplets behind the balancer that the stack has not created", async () => {
    const legacy = droplet(9, { name: "legacy", tags: ["http-api"] });
    const ended = await run({}, { droplets: [droplet(1), legacy] });
    expect(ended.code).toBe(0);
    expect(ended.events[0]).toMatchObject({ name: "strangers", data: { tag: "http-api", droplets: ["legacy (9)"] } });
  });

  it("takes what it did not expect for a bug", async () => {
    const ended = await run({ healthPath: "/up" }, { hosts: { "api-1": [[200, 200]] } });
    expect([ended.code, failure(ended)]).toEqual([1, "Bug: nobody may ask api-2"]);
  });
});
