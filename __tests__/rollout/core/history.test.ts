import { describe, expect, it } from "@jest/globals";
import { LONGEST_HISTORY, type History } from "../../../contract/history.js";
import type { Release } from "../../../contract/release.js";
import {
  afterDeploy,
  afterRollback,
  newestHistory,
  signHistory,
  wayBack,
  withPending,
  type RecordKeys,
} from "../../../scripts/rollout/core/history.js";
import { testManifest, testRelease } from "../../support/fleet.js";

const manifest = testManifest();
const [one, two, three] = [1, 2, 3].map((number) => testRelease(manifest, number)) as [Release, Release, Release];
const [key, other]: readonly [string, string] = ["k".repeat(32), "o".repeat(32)];
const at = (release: Release) => ({ release, servedFrom: "2026-01-15T09:30:00.000Z" });
const of = (releases: readonly Release[], changes: Partial<History> = {}): History => ({
  ...{ fleet: manifest.fleet, stackTag: manifest.stackTag, version: 5 },
  ...{ entries: releases.map(at), pending: null },
  ...changes,
});
const read = (copies: Readonly<Record<string, string | null>>, keys: RecordKeys = [key]) =>
  newestHistory(new Map(Object.entries(copies)), keys, manifest);

describe("the hosts' copies of a history", () => {
  const newest = of([one, two], { version: 6 });

  it("come to the newest that is signed, whoever keeps it; an older one is named", () =>
    expect(
      read({ "api-1": signHistory(of([one]), [key]), "api-2": signHistory(newest, [key]), "api-3": null }),
    ).toEqual({
      history: newest,
      ignored: [{ host: "api-1", why: "it is an older one (version 5; api-2 has version 6)" }],
    }));

  /** A rooted host has a copy, the code and no key. */
  const forged = (change: (history: History) => History): string => {
    const { mac } = JSON.parse(signHistory(newest, [key])) as { mac: string };
    return JSON.stringify({ body: JSON.stringify(change(newest)), mac });
  };
  it.each<[string, string, RegExp]>([
    ["another image in it", forged((history) => ({ ...history, entries: [at(three)] })), /not signed with a key/],
    ["a higher version", forged((history) => ({ ...history, version: 99 })), /not signed with a key/],
    ["a way back in it", forged((history) => withPending(history, { from: two.id, to: one.id })), /not signed/],
    ["a signature with its own key", signHistory({ ...newest, version: 99 }, [other]), /not signed with a key/],
    [
      "the history of another fleet",
      signHistory({ ...newest, version: 99, fleet: "web" }, [key]),
      /another fleet, web/,
    ],
    [
      "the history of a fleet of that name in another stack",
      signHistory({ ...newest, version: 99, stackTag: "evenkeel:staging:api" }, [key]),
      /another fleet/,
    ],
    ["no JSON", "@@end", /not the form/],
    ["a signature that is cut off", signHistory(newest, [key]).replace(/.{10}"}\n$/, '"}'), /not the form/],
  ])("do not count with %s, and that is told", (_name, copy, why) =>
    expect(read({ "api-1": copy, "api-2": signHistory(newest, [key]) })).toEqual({
      history: newest,
      ignored: [{ host: "api-1", why: expect.stringMatching(why) as unknown }],
    }),
  );

  it("count where they are those of another fleet with the same name, tag and key: nothing else tells them apart", () => {
    const byHand = { ...newest, stackTag: "" };
    const staging = { ...byHand, version: byHand.version + 1 };
    const copies = new Map([
      ["api-1", signHistory(staging, [key])],
      ["api-2", signHistory(byHand, [key])],
    ]);
    expect(newestHistory(copies, [key], byHand).history).toEqual(staging);
  });

  it("are read with several keys; what the first one signed outranks what an older key did, however new that says it is", () => {
    const before = signHistory({ ...newest, version: 99 }, [other]);
    expect(read({ "api-1": before }, [key, other]).history?.version).toBe(99);
    const mixed = read({ "api-1": before, "api-2": signHistory(newest, [key]) }, [key, other]);
    expect(mixed.history).toEqual(newest);
    expect(mixed.ignored.map(({ host }) => host)).toEqual(["api-1"]);
  });
});

describe("the way back", () => {
  const today = (release: Release): Release => release;
  const back = (history: History | null, ...releases: (string | null)[]) =>
    wayBack({ history, ignored: [] }, { releases, today }).entry.release.id;
  const pending = { from: two.id, to: one.id };

  it.each<[string, string, History, (string | null)[]]>([
    ["one before, from a fleet on the newest", one.id, of([one, two]), [two.id, two.id]],
    ["newest, from a mixed fleet", two.id, of([one, two]), [three.id, two.id]],
    ["newest, from a release that was never proven", two.id, of([one, two]), [three.id, three.id]],
    ["newest, where a container is nobody's", two.id, of([one, two]), [null, two.id]],
    ["newest, where nothing runs", two.id, of([one, two]), []],
    ["one that was begun, from a mixed fleet", one.id, of([one, two], { pending }), [one.id, two.id]],
    ["one that was begun, before any host changed", one.id, of([one, two], { pending }), [two.id, two.id]],
    ["one that was begun, when only the proof is missing", one.id, of([one, two], { pending }), [one.id, one.id]],
    ["one in between of the same release twice", two.id, of([one, two, one]), [one.id, one.id]],
  ])("leads to the %s", (_name, to, history, releases) => expect(back(history, ...releases)).toBe(to));

  it("is refused where the newest is the first, naming its image and since when it served", () =>
    expect(() => back(of([one]), one.id)).toThrow(
      expect.objectContaining({
        code: "NothingBefore",
        message: expect.stringContaining(`${one.image} (release ${one.id}, served from 2026-01-15T09`) as unknown,
      }),
    ));

  it("is refused without a history, saying which copies count for nothing and what to set", () => {
    const known = { history: null, ignored: [{ host: "api-1", why: "it was not signed with a key here" }] };
    expect(() => wayBack(known, { releases: [], today })).toThrow(/api-1: it was not signed.*EVENKEEL_RECORD_KEY/);
    expect(() => back(null)).toThrow(/no host has a record/);
  });

  it("passes by one that differs in the health path only: that is always today's", () => {
    const renamed = { ...two, id: "f".repeat(16), healthPath: "/up" };
    const asServed = (release: Release): Release => (release.id === two.id ? renamed : release);
    const found = wayBack(
      { history: of([one, two, renamed]), ignored: [] },
      { releases: [renamed.id], today: asServed },
    );
    expect(found.entry.release.id).toBe(one.id);
  });
});

describe("a history", () => {
  it("grows by what was deployed, and not by the same release again", () => {
    const grown = afterDeploy(of([one]), manifest, at(two), null);
    expect(grown).toEqual(of([one, two], { version: 6 }));
    const longer = { ...two, service: { ...two.service, stopTimeoutSeconds: 90 } };
    expect(afterDeploy(grown, manifest, at(longer), null)).toEqual(of([one, longer], { version: 7 }));
  });

  it("begins with what the whole fleet served already", () =>
    expect(afterDeploy(null, manifest, at(two), at(one))).toEqual(of([one, two], { version: 1 })));

  it("forgets what was gone back from, and the way back that has come to its end", () => {
    const begun = withPending(of([one, two, three]), { from: three.id, to: one.id });
    expect(begun).toMatchObject({ version: 6, pending: { to: one.id } });
    expect(afterRollback(begun, one.id, at(one))).toEqual(of([one], { version: 7 }));
    expect(afterDeploy(begun, manifest, at(two), null).pending).toBeNull();
  });

  it("names no more than ten releases, the newest", () => {
    const releases = Array.from({ length: LONGEST_HISTORY + 1 }, (_, index) => testRelease(manifest, index + 1));
    const full = releases.reduce<History | null>(
      (sofar, release) => afterDeploy(sofar, manifest, at(release), null),
      null,
    );
    expect(full?.entries.map(({ release }) => release.id)).toEqual(releases.slice(1).map(({ id }) => id));
  });
});
