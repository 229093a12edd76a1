import { describe, expect, it } from "@jest/globals";
import { balancerOf, changeOver, roomFor, verdictOf, wayThere } from "../../../scripts/rollout/core/guard.js";
import type { HealthAnswers, ListedBalancer } from "../../../scripts/rollout/ports.js";

const balancer = (change: Partial<ListedBalancer> = {}): ListedBalancer => ({
  name: "sfo3-api",
  sizeUnit: 1,
  check: { path: "/health", port: 80 },
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
  const declared = { healthPath: "/health", servicePort: 80 };

  it("not while it asks and sends where it did", () => expect(changeOver(balancer(), declared)).toBeNull());

  it.each<[string, Partial<ListedBalancer>, object, string]>([
    ["another path", {}, { healthPath: "/up" }, 'healthCheck.nextPath: "/up"'],
    ["another port", {}, { servicePort: 8080 }, "service.nextPort: 8080"],
    ["both", {}, { healthPath: "/up", servicePort: 81 }, 'healthCheck.nextPath: "/up" and service.nextPort: 81'],
    ["requests that go to another port than the probes", { targetPorts: [80, 81] }, {}, "service.nextPort: 80"],
  ])("for %s", (_name, live, change, first) => {
    const to = { ...declared, ...change };
    const over = changeOver(balancer(live), to);
    expect(over).toEqual({
      from: { path: "/health", port: 80 },
      to: { path: to.healthPath, port: to.servicePort },
    });
    expect(over && wayThere(over)).toBe(first);
  });
});

describe("a host", () => {
  const look = (now: number | null, next: number | null, heldBy: string | null = null): HealthAnswers => ({
    statuses: [now, next],
    heldBy,
  });

  it.each<[string, HealthAnswers[], unknown]>([
    ["that was not looked at", [], "undecided"],
    ["that answers where the balancer is to ask", [look(200, 200)], "answers"],
    ["that answers there at the third look only", [look(200, null), look(200, 503), look(200, 200)], "answers"],
    ["that did not answer there yet", [look(200, 404), look(200, 404)], "undecided"],
    ["that did not serve yet", [look(null, null)], "undecided"],
    ["that serves at no look", [look(503, 503), look(null, null), look(404, 404)], "idle"],
  ])("%s", (_name, looks, type) => expect(verdictOf(looks)).toEqual({ type }));

  it("that serves at one look of three, and never there, is silent", () =>
    expect(verdictOf([look(null, null), look(200, 404), look(503, 404)])).toEqual({ type: "silent", status: 404 }));

  it("that another rollout has in hand may answer elsewhere soon", () =>
    expect(verdictOf([look(200, 200, "9dc3:me@here")])).toEqual({ type: "held", by: "9dc3:me@here" }));
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
