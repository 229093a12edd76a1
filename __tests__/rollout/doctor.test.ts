import { describe, expect, it } from "@jest/globals";
import type { ManifestHost } from "../../contract/manifest.js";
import { RolloutError } from "../../scripts/rollout/core/errors.js";
import { doctor } from "../../scripts/rollout/doctor.js";
import { doctorText } from "../../scripts/rollout/output/doctor-text.js";
import type { Host, Hosts } from "../../scripts/rollout/ports.js";
import { testManifest } from "../support/fleet.js";
import { probed, says, servingHost } from "./support.js";

const manifest = testManifest({ hosts: 2 });
const node = { port: 8086, node: "10.110.0.9", count: 21, oldestMs: 60_100, newestMs: 100 };

/** A fleet behind a balancer that makes a connection for each request, or one to each host for all of them. */
class Fleet implements Hosts {
  ms = 0;
  readonly closed: string[] = [];
  readonly #opened = new Map<string, number>();
  #sent = 0;

  constructor(
    private readonly keeps: boolean,
    private readonly gone: readonly string[] = [],
  ) {}

  readonly clock = {
    now: () => this.ms,
    date: () => new Date(0),
    sleep: async (milliseconds: number) => Promise.resolve(void (this.ms += milliseconds)),
  };

  readonly browser = {
    send: async (count: number) => {
      const name = manifest.hosts[this.#sent % manifest.hosts.length]?.name ?? "";
      this.#sent += count;
      if (!this.keeps || !this.#opened.has(name)) this.#opened.set(name, (this.#opened.get(name) ?? 0) + 1);
      return Promise.resolve({ sent: count, answered: count, failures: [], slowestMs: 5 });
    },
  };

  open({ name }: ManifestHost): Host {
    const only: Partial<Host> = {
      name,
      survey: async () => {
        if (this.gone.includes(name)) throw new RolloutError("HostUnreachable", `${name} cannot be reached`);
        const traffic = says({ probes: [probed("10.110.0.9", { passed: 4 })] });
        return Promise.resolve(servingHost("1111111111111111", { usedMemoryMb: 61, traffic }));
      },
      evidence: async () => {
        const count = this.#opened.get(name);
        const opened = count === undefined ? [] : [{ port: 80, count, newestMs: 10 }];
        return Promise.resolve({ asked: [node], refused: [], answered: [], opened });
      },
      examine: async () => {
        const well = { code: 0, words: "" };
        return Promise.resolve({ network: well, show: well, cgroups: 2, privateRange: "10.110.0.0/20" });
      },
      close: async () => Promise.resolve(void this.closed.push(name)),
    };
    return new Proxy(only as Host, {
      get(target, key) {
        if (key in target) return Reflect.get(target, key) as unknown;
        throw new Error(`${String(key)} was not expected: it might change something`);
      },
    });
  }
}

const ask = (fleet: Fleet) => doctor(manifest, { hosts: fleet, browser: fleet.browser, clock: fleet.clock });

describe("the doctor", () => {
  it("finds nothing on a fleet that is as assumed, changes nothing and closes every connection", async () => {
    const fleet = new Fleet(false);
    const findings = await ask(fleet);
    expect(findings.filter(({ answer }) => answer !== "ok").map(({ question }) => question)).toEqual([
      "ejection",
      "port",
    ]);
    expect(fleet.closed.sort()).toEqual(["api-1", "api-2"]);
  });

  it("sees that the balancer keeps connections", async () => {
    const finding = (await ask(new Fleet(true))).find(({ question }) => question === "keepalive");
    expect(finding).toMatchObject({
      answer: "not as assumed",
      found: "20 requests were answered, and 2 new connections came to the hosts",
    });
  });

  it("tells of a host that cannot be asked, and says nothing of connections that nobody counts there", async () => {
    const fleet = new Fleet(false, ["api-2"]);
    const findings = await ask(fleet);
    expect(findings.filter(({ host }) => host === "api-2").map(({ found }) => found)).toEqual([
      "HostUnreachable: api-2 cannot be reached",
    ]);
    expect(findings.find(({ question }) => question === "keepalive")?.answer).toBe("unknown");
    expect(fleet.closed.sort()).toEqual(["api-1", "api-2"]);
  });
});

describe("its text", () => {
  it("has a row for each finding, what was asked, and what to do where it is not as assumed", () =>
    expect(
      doctorText([
        {
          question: "sudo",
          host: "api-1",
          answer: "not as assumed",
          found: "a\u001b[31m\npassword",
          advice: "ask\nroot",
        },
        { question: "keepalive", host: null, answer: "ok", found: "20 of 20" },
      ]),
    ).toBe(
      [
        "question   host   answer          found",
        "sudo       api-1  not as assumed  a password",
        "keepalive  -      ok              20 of 20",
        "",
        "sudo asks: may the user call the front's helper without a password?",
        "keepalive asks: does the balancer keep connections to hosts only where that is declared?",
        "",
        "sudo, api-1: ask root",
        "",
      ].join("\n"),
    ));
});
