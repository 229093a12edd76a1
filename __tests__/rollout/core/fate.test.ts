import { describe, expect, it } from "@jest/globals";
import { parseJournal } from "../../../contract/host.js";
import { RolloutError } from "../../../scripts/rollout/core/errors.js";
import { actionOf, fateOf, type Deed, type Fate, type Work } from "../../../scripts/rollout/core/fate.js";
import { failureCode, type HostReceipt } from "../../../scripts/rollout/core/receipt.js";

/** Lines as a steward writes them, without their numbers. */
const journal = (...lines: string[]) => parseJournal(lines.map((line) => `1\t${line.replace(" ", "\t")}\n`).join(""));

const drained = ["step restart-off", "step drain", "done drain"];
const replaced = [
  "step expect-drained",
  "step old-stop",
  "step old-keep",
  "step name-free",
  "step new-run",
  "step new-ready",
  "done replace",
];
const committed = ["step restart-on", "step older-remove", "done commit"];
const unmade = ["back new-ready", "back new-run", "back old-keep", "back old-stop"];
const back = ["back drain", "back restart-off", "undone all"];

describe("what a journal says of the work on a host", () => {
  it.each<[string, readonly string[], Fate]>([
    ["nothing before a step", ["held me"], "nothing"],
    [
      "nothing of a step that only looks",
      ["step expect-down", "back expect-down", "undone all", "failed it serves"],
      "nothing",
    ],
    ["nothing of a container that was there and is committed again", committed, "nothing"],
    ["open while it drains", drained, "open"],
    ["open once the new container is ready, and nobody has committed it", [...drained, ...replaced], "open"],
    ["done at the commit", [...drained, ...replaced, ...committed], "done"],
    [
      "done when the steward committed by itself",
      [...drained, ...replaced, "lapsed no heartbeat", ...committed, "left run"],
      "done",
    ],
    ["taken back", [...drained, ...back], "taken-back"],
    [
      "taken back when the steward did so by itself",
      [...drained, "lapsed no heartbeat", ...back, "left run"],
      "taken-back",
    ],
    [
      "open where a step could not be taken back",
      [...drained, "back drain", "undone except for restart-off: full disk"],
      "open",
    ],
    ["done when a container was stopped for good", ["step retired-stop", "step retire", "done stop"], "done"],
  ])("is %s", (_name, lines, expected) => expect(fateOf(journal(...lines))).toBe(expected));
});

describe("the receipt says of a host", () => {
  const seen: Omit<Work, "from" | "intent"> = { asBefore: true, readToEnd: true };
  const work = (changes: Partial<Work> = {}): Deed => ({
    do: "work",
    work: { intent: "replaced", from: 0, ...seen, ...changes },
  });
  const moved = [...drained, ...replaced, ...committed];

  it.each<[string, Deed[], readonly string[], HostReceipt["action"]]>([
    ["untouched, when nothing was begun", [], ["held me"], "untouched"],
    ["untouched, when no step was begun", [work()], ["held me"], "untouched"],
    ["kept, when it was on the release", [{ do: "keep" }], committed, "kept"],
    ["skipped, when it lost its tag", [{ do: "untag", isDone: true }], [], "skipped"],
    ["unknown, when nobody knows whether it did", [{ do: "untag", isDone: false }], [], "unknown"],
    ["what was wanted, when that was done", [work({ intent: "deployed" })], moved, "deployed"],
    ["that too when nobody saw how it went on", [work({ readToEnd: false })], moved, "replaced"],
    ["restored, when it was put back and seen to be as before", [work()], [...drained, ...back], "restored"],
    [
      "unknown, when it was put back and not seen to serve",
      [work({ asBefore: false })],
      [...drained, ...back],
      "unknown",
    ],
    [
      "restored, when its new container was made to retreat before it was taken back",
      [work()],
      [...drained, ...replaced, "step retreat", "done retreat", ...unmade, ...back],
      "restored",
    ],
    ["unknown, when it was lost while it drained", [work({ readToEnd: false })], drained, "unknown"],
    ["unknown, when it was lost before anything was seen", [work({ readToEnd: false })], [], "unknown"],
    ["unknown, when a step could not be taken back", [work()], drained, "unknown"],
    [
      "rolled-back, when it was replaced and then went back",
      [work(), work({ intent: "rolled-back", from: moved.length })],
      [...moved, ...moved],
      "rolled-back",
    ],
    [
      "replaced, when it could not go back",
      [work(), work({ intent: "rolled-back", from: moved.length })],
      [...moved, ...drained, ...back],
      "replaced",
    ],
  ])("%s", (_name, deeds, lines, expected) => expect(actionOf(deeds, journal(...lines))).toBe(expected));
});

describe("the exit code of a failure", () => {
  const failure = new RolloutError("StepFailed", "no");
  const code = (...actions: HostReceipt["action"][]) =>
    failureCode(
      failure,
      actions.map((action) => ({ action })),
    );

  it.each<[number, string, HostReceipt["action"][]]>([
    [3, "no host was changed", ["untouched", "kept"]],
    [
      5,
      "each that was changed is as before, or on the release that served before",
      ["untouched", "restored", "rolled-back", "kept"],
    ],
    [6, "one is on the new release", ["restored", "replaced"]],
    [6, "one was brought onto it", ["deployed", "untouched"]],
    [6, "one was taken out for good", ["kept", "retired"]],
    [6, "one lost its tag", ["kept", "skipped"]],
    [6, "nobody knows of one", ["untouched", "unknown"]],
  ])("is %d when %s", (expected, _name, actions) => expect(code(...actions)).toBe(expected));

  it("is 130 when it was told to stop, and 1 for a bug, whatever became of the hosts", () => {
    expect(failureCode(new RolloutError("Interrupted", "stop"), [{ action: "replaced" }])).toBe(130);
    expect(failureCode(new Error("bug"), [{ action: "unknown" }])).toBe(1);
  });
});
