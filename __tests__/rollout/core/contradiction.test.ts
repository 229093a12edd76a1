import { describe, expect, it } from "@jest/globals";
import { contradictions, isTakenForDown } from "../../../scripts/rollout/core/contradiction.js";
import { isUnconnected } from "../../../scripts/rollout/core/target.js";
import type { Survey } from "../../../scripts/rollout/ports.js";
import { check, container, probed, says, servingHost } from "../support.js";

const refused = "curl: (7) Failed to connect to 10.110.0.2 port 80 after 0 ms: Connection refused";
const down = (changes: Partial<Survey> = {}): Survey =>
  servingHost("0123456789abcdef", { health: null, healthError: refused, traffic: null, ...changes });
const against = (survey: Survey, answeredByNobody = 0): string[] =>
  contradictions({ survey, check, own: new Set(["10.110.0.2"]), answeredByNobody });
const node = "10.0.0.1";

describe("a host is taken for down", () => {
  it.each<[string, Survey, boolean]>([
    ["when its container runs and nothing answers", down(), true],
    ["when its container runs and its front leads there", down({ traffic: says() }), true],
    ["not without a running container", down({ containers: { current: container({ running: false }) } }), false],
    ["not when it serves", servingHost("0123456789abcdef"), false],
    ["not when its answer is healthy to a balancer", down({ health: 301, healthError: null }), false],
    ["not when it drains: it is drained to the end", down({ traffic: says({ state: "draining" }) }), false],
  ])("%s", (_name, survey, expected) => expect(isTakenForDown(survey)).toBe(expected));
});

describe("that a host is down is contradicted", () => {
  it.each<[string, Survey, RegExp]>([
    [
      "by a node whose last probe passed",
      down({ traffic: says({ probes: [probed(node, { passed: 1 })] }) }),
      /node 10\.0\.0\.1 .* passed 1 /u,
    ],
    [
      "by one of two nodes",
      down({ traffic: says({ probes: [probed("10.0.0.2", { failed: 9 }), probed(node, { passed: 7 })] }) }),
      /node 10\.0\.0\.1 /u,
    ],
    [
      "by a node that has failed fewer of its health checks than it takes to be let go",
      down({ traffic: says({ probes: [probed(node, { failed: 1 }), probed("10.0.0.2", { failed: 2 })] }) }),
      /node 10\.0\.0\.1 .* failed 1 of 2 /u,
    ],
    [
      "by a node that another container answers: it sends requests by the same ports",
      down({ traffic: says({ probes: [{ ...probed(node, {}), outcome: "elsewhere", count: 3 }] }) }),
      /node 10\.0\.0\.1 /u,
    ],
    [
      "by the newest probes of a node that changes over to another port",
      down({
        traffic: says({
          probes: [
            probed(node, { failed: 9, agoMs: 2000 }),
            { ...probed(node, { passed: 2, agoMs: 400 }), port: 8087 },
          ],
        }),
      }),
      /node 10\.0\.0\.1 .* passed 2 .* 0\.4 s ago$/u,
    ],
    [
      "by connections, where the host's own look did not connect",
      down({ connections: 2 }),
      /2 connections are established/u,
    ],
    [
      "by connections, where the answer is none of a host that serves and no node tells more",
      down({ connections: 1, health: 404, healthError: null }),
      /1 connection is established/u,
    ],
    [
      "by connections, where the answer asks for a password",
      down({ connections: 1, health: 401, healthError: null }),
      /1 connection is established/u,
    ],
    [
      "by connections, where what answers speaks no HTTP",
      down({ connections: 1, healthError: "curl: (52) Empty reply from server" }),
      /1 connection is established/u,
    ],
  ])("%s", (_name, survey, expected) => {
    expect(against(survey)).toHaveLength(1);
    expect(against(survey)[0]).toMatch(expected);
  });

  it("by answers through the balancer that no host is seen to give", () =>
    expect(against(down(), 4)).toEqual([
      "4 requests through the balancer were answered, and no host was seen to serve",
    ]));

  it.each<[string, Survey]>([
    ["nothing answers", down()],
    ["its front leads there, and nobody has come: that is no sign of clients", down({ traffic: says() })],
    [
      "only the droplet itself has asked, and was answered",
      down({ traffic: says({ probes: [probed("10.110.0.2", { passed: 9 })] }) }),
    ],
    [
      "the balancer's nodes have failed it",
      down({ health: 503, traffic: says({ probes: [probed(node, { failed: 2 })] }) }),
    ],
    [
      "a passed probe is too old to count",
      down({ traffic: says({ probes: [probed(node, { passed: 9, agoMs: 9_001 })] }) }),
    ],
    [
      "its app hangs, and takes connections",
      down({
        connections: 3,
        healthError: "curl: (28) Operation timed out after 2001 milliseconds with 0 bytes received",
      }),
    ],
    [
      "the balancer's nodes have failed it, and keep connections open",
      down({
        connections: 3,
        health: 503,
        healthError: null,
        traffic: says({ probes: [probed(node, { failed: 2 })] }),
      }),
    ],
    [
      "it answers that it does not serve: the balancer's probes are connected",
      down({ connections: 1, health: 503, healthError: null }),
    ],
    ["any other server error is answered", down({ connections: 1, health: 500, healthError: null })],
    ["its connections could not be counted", down({ connections: null })],
  ])("not when %s", (_name, survey) => expect(against(survey)).toEqual([]));
});

describe("curl could not connect", () => {
  it.each<[string, boolean]>([
    [refused, true],
    ["curl: (5) Could not resolve proxy: proxy", true],
    ["curl: (6) Could not resolve host: api-1.internal", true],
    ["curl: (28) Connection timed out after 2002 milliseconds", true],
    ["curl: (28) Failed to connect to 10.0.0.9 port 80 after 2001 ms: Timeout was reached", true],
    ["curl: (28) Operation timed out after 2001 milliseconds with 0 bytes received", false],
    ["curl: (52) Empty reply from server", false],
    ["curl: (56) Recv failure: Connection reset by peer", false],
  ])("%j: %s", (error, expected) => expect(isUnconnected(error)).toBe(expected));
});
