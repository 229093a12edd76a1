import { describe, expect, it } from "@jest/globals";
import {
  askingInWords,
  balancerOf,
  changeInWords,
  changeOver,
  leavesServicePort,
  roomFor,
  verdictOf,
  wayThere,
} from "../../../scripts/rollout/core/guard.js";
import type { HealthAnswers, ListedBalancer } from "../../../scripts/rollout/ports.js";

const balancer = (change: Partial<ListedBalancer> = {}): ListedBalancer => ({
  name: "sfo3-api",
  sizeUnit: 1,
  check: { path: "/health", port: 8086 },
  targetPorts: [80],
  ...change,
});
const wanted = { balancerName: "sfo3-api" };

describe("the fleet's balancer", () => {
  it("is the one that matches the tag, whatever its name", () => {
    const own = balancer({ name: "other" });
    expect(balancerOf([own], wanted)).toBe(own);
  });

  it("is the one of that name where several match", () => {
    const own = balancer();
    expect(balancerOf([balancer({ name: "staging" }), own], wanted)).toBe(own);
  });

  it("is none before there is one", () => expect(balancerOf([], wanted)).toBeNull());
});

describe("a balancer changes over", () => {
  const declared = { healthPath: "/health", healthPort: 8086, servicePort: 80 };
  const over = (live: Partial<ListedBalancer>, change: Partial<typeof declared>) => {
    const found = changeOver(balancer(live), { ...declared, ...change });
    if (!found) throw new Error("it goes on as it does");
    return found;
  };

  it("not while it asks and sends where it did", () => expect(changeOver(balancer(), declared)).toBeNull());

  it.each<[string, Partial<ListedBalancer>, Partial<typeof declared>, string[], string, string]>([
    [
      "another path",
      {},
      { healthPath: "/up" },
      ["/up on 8086"],
      "ask /up on port 8086 instead of /health on port 8086",
      'healthCheck.nextPath: "/up"',
    ],
    [
      "another health port",
      {},
      { healthPort: 8090 },
      ["/health on 8090"],
      "ask /health on port 8090 instead of /health on port 8086",
      "healthCheck.nextPort: 8090",
    ],
    [
      "another service port",
      {},
      { servicePort: 8080 },
      ["/health on 8080"],
      "send requests to port 8080 instead of port 80",
      "service.nextPort: 8080",
    ],
    [
      "all three",
      {},
      { healthPath: "/up", healthPort: 8090, servicePort: 81 },
      ["/up on 8090", "/up on 81"],
      "ask /up on port 8090 instead of /health on port 8086 and to send requests to port 81 instead of port 80",
      'healthCheck.nextPath: "/up" and healthCheck.nextPort: 8090 and service.nextPort: 81',
    ],
    [
      "requests that go to another port as well",
      { targetPorts: [80, 81] },
      {},
      ["/health on 80"],
      "send requests to port 80 instead of port 80 and 81",
      "service.nextPort: 80",
    ],
    [
      "a port of its own where it asked the service port",
      { check: { path: "/health", port: 80 } },
      {},
      ["/health on 8086"],
      "ask /health on port 8086 instead of /health on port 80",
      "healthCheck.nextPort: 8086",
    ],
  ])("for %s, and asks hosts wherever it asks or sends anew", (_name, live, change, anew, words, first) => {
    const found = over(live, change);
    expect(found.anew.map(({ path, port }) => `${path} on ${port}`)).toEqual(anew);
    expect(changeInWords(found)).toBe(words);
    expect(wayThere(found)).toBe(first);
  });

  it("from all that it does to all that it is to do", () => {
    const { from, to } = over({ targetPorts: [80, 81] }, { healthPath: "/up" });
    expect(askingInWords(from)).toBe("/health on port 8086 and requests on port 80 and 81");
    expect(askingInWords(to)).toBe("/up on port 8086 and requests on port 80");
  });

  it("from an edition without a health port when it asks a service port, and another port now", () => {
    expect(leavesServicePort(over({ check: { path: "/health", port: 80 } }, {}))).toBe(true);
    expect(leavesServicePort(over({}, { healthPort: 8090 }))).toBe(false);
    expect(leavesServicePort(over({ targetPorts: [80, 8086] }, {}))).toBe(false);
  });
});

describe("a host", () => {
  const check = { path: "/up", port: 8090 };
  const requests = { path: "/up", port: 81 };
  const look = (now: number | null, anew: (number | null)[], heldBy: string | null = null): HealthAnswers => ({
    statuses: [now, ...anew],
    heldBy,
  });

  it.each<[string, HealthAnswers[], unknown]>([
    ["that was not looked at", [], "undecided"],
    ["that answers where the balancer is to ask", [look(200, [200])], "answers"],
    ["that answers there at the third look only", [look(200, [null]), look(200, [503]), look(200, [200])], "answers"],
    ["that did not answer there yet", [look(200, [404]), look(200, [404])], "undecided"],
    ["that did not serve yet", [look(null, [null])], "undecided"],
    ["that serves at no look", [look(503, [503]), look(null, [null]), look(404, [404])], "idle"],
  ])("%s", (_name, looks, type) => expect(verdictOf(looks, [check])).toEqual({ type }));

  it("that serves at one look of three, and never there, is silent", () =>
    expect(verdictOf([look(null, [null]), look(200, [404]), look(503, [404])], [check])).toEqual({
      type: "silent",
      at: [{ target: check, status: 404 }],
    }));

  it("that answers in every new place, in whichever look, answers", () =>
    expect(verdictOf([look(200, [200, null]), look(200, [503, 200])], [check, requests])).toEqual({ type: "answers" }));

  it("that answers in one of two new places is silent in the other", () => {
    const looks = [look(200, [200, null]), look(200, [null, null]), look(200, [200, 502])];
    expect(verdictOf(looks.slice(1), [check, requests])).toEqual({ type: "undecided" });
    expect(verdictOf(looks, [check, requests])).toEqual({ type: "silent", at: [{ target: requests, status: 502 }] });
    const none = Array.from({ length: 3 }, () => look(200, [null, null]));
    expect(verdictOf(none, [check, requests])).toEqual({
      type: "silent",
      at: [
        { target: check, status: null },
        { target: requests, status: null },
      ],
    });
  });

  it("that another rollout has in hand may answer elsewhere soon", () =>
    expect(verdictOf([look(200, [200], "9dc3:me@here")], [check])).toEqual({ type: "held", by: "9dc3:me@here" }));
});

describe("an account", () => {
  const room = (total: number, own: number, declared: number) => roomFor({ limit: 10, total, own, declared });

  it.each([
    ["has room for the first droplets and their rebuild", 0, 0, 5, "enough"],
    ["has room for the droplets, not for their rebuild", 0, 0, 6, "tight"],
    ["has room to the last droplet", 7, 0, 3, "tight"],
    ["has no room for one more", 8, 0, 3, "none"],
    ["counts its own once", 10, 5, 5, "tight"],
    ["is not refused what adds nothing, though it is over its limit", 14, 4, 4, "tight"],
    ["has no room to grow when it is over its limit", 14, 4, 5, "none"],
    ["may shrink", 14, 4, 2, "tight"],
  ])("%s", (_name, total, own, declared, expected) => expect(room(total, own, declared)).toBe(expected));
});
