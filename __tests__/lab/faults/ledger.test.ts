import { describe, expect, it } from "@jest/globals";
import type { Fault } from "../../../lab/faults/fault.js";
import type { FaultRow } from "../../../lab/faults/figures.js";
import { Ledger } from "../../../lab/faults/ledger.js";
import type { Phase } from "../../../lab/faults/phase.js";
import type { SiteName } from "../../../lab/site-names.js";

const everywhere: Fault = { name: "killed", phases: ["draining", "starting"], exitCodes: [null] };
const once: Fault = { name: "gone", phases: ["before"], exitCodes: [3] };
const elsewhere: Fault = { name: "local", phases: ["before"], sites: ["embedded"], exitCodes: [3] };
const all = [everywhere, once, elsewhere];

const row = (site: SiteName, fault: string, phase: Phase, problems: readonly string[] = []): FaultRow => ({
  ...{
    site,
    strategy: "drain",
    commit: "abc",
    fault,
    phase,
    sent: 1,
    failed: 0,
    notMeasured: 0,
    allowedFailed: 0,
    hosts: [],
    restedSeconds: 1,
  },
  ...{ exitCode: 0, rerunExitCode: 0, onTarget: true, problems: [...problems] },
});
const ledgerOf = (site: SiteName, kept: readonly FaultRow[] = [], chosen = all): Ledger =>
  new Ledger({ chosen, site, strategy: "drain", kept }, all);
const named = ({ todo }: Ledger): string[] => todo.map(({ site, fault, phase }) => `${site}: ${fault.name}, ${phase}`);

describe("the ledger", () => {
  it("has each fault tried once before any a second time, where a site stands for it", () => {
    expect(named(ledgerOf("embedded"))).toEqual([
      "embedded: killed, draining",
      "embedded: gone, before",
      "embedded: local, before",
      "embedded: killed, starting",
    ]);
    expect(named(ledgerOf("real"))).toEqual(["real: killed, draining", "real: gone, before", "real: killed, starting"]);
  });

  it("goes on with lines that hold, and keeps another site's", () => {
    const kept = [
      row("embedded", "gone", "before"),
      row("real", "killed", "draining"),
      row("real", "gone", "before", ["lost 3"]),
    ];
    const ledger = ledgerOf("real", kept);
    expect(named(ledger)).toEqual(["real: gone, before", "real: killed, starting"]);
    expect(ledger.due).toBe(7);
    expect(ledger.rows.map(({ site, fault }) => `${site} ${fault}`)).toEqual(["real killed", "embedded gone"]);
  });

  it("keeps lines of faults that are not chosen this time", () => {
    const ledger = ledgerOf("embedded", [row("embedded", "killed", "draining")], [once]);
    expect(named(ledger)).toEqual(["embedded: gone, before"]);
    expect(ledger.due).toBe(2);
    expect(ledger.rows).toHaveLength(1);
  });

  it("forgets lines of faults that are no more", () =>
    expect(ledgerOf("real", [row("real", "killed", "last")]).rows).toEqual([]));

  it("strikes while the new container starts where hosts are handed over, keeps what drains showed, and leaves out what means nothing", () => {
    const drained: Fault = { ...elsewhere, strategies: ["drain"] };
    const every = [everywhere, once, drained];
    const kept = [row("embedded", "killed", "draining")];
    const ledger = new Ledger({ chosen: every, site: "embedded", strategy: "handoff", kept }, every);
    expect(named(ledger)).toEqual(["embedded: killed, starting", "embedded: gone, before"]);
    expect(ledger.rows.map(({ strategy, phase }) => `${strategy}, ${phase}`)).toEqual(["drain, draining"]);
  });

  it("puts what comes in where it belongs on the page", () => {
    const ledger = ledgerOf("real");
    ledger.note(row("real", "gone", "before"));
    ledger.note(row("real", "killed", "starting"));
    expect(ledger.rows.map(({ fault }) => fault)).toEqual(["killed", "gone"]);
  });
});
