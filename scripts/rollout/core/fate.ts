/** What became of a host, derived from what its steward's journal says was done. */
import type { JournalEntry } from "../../../contract/host.js";
import type { HostReceipt } from "./receipt.js";

/** What work on a host is to lead to. */
export type Intent = "deployed" | "replaced" | "retired" | "rolled-back";

/** One piece of work on a host, from its first order on. */
export interface Work {
  readonly intent: Intent;
  /** Journal lines that were there when it began. */
  readonly from: number;
  /** Whether the host was seen, after the work had failed, to serve as before. */
  asBefore: boolean;
  /** Whether the journal was read after the last of what the steward did. */
  readToEnd: boolean;
}

/** Something that was done to a host, or decided about it. */
export type Deed =
  | { readonly do: "work"; readonly work: Work }
  /** It was found on the release, and serves. */
  | { readonly do: "keep" }
  /** It could not be asked, and was to lose the balancer's tag. */
  | { readonly do: "untag"; isDone: boolean };

/** nothing: no step was begun that changes a host · done: to its end · taken-back: all of it · open: neither */
export type Fate = "nothing" | "done" | "taken-back" | "open";

/** Steps that only look, that end a replacement which has been made, or that are undone together with it. */
const CHANGES_NOTHING =
  /^(?:retreat|(?:retired-)?expect-.*|(?:old|failed)-dismiss|name-free|restart-on|older-remove|previous-aside|warm-off|dismissal-ended)$/;

/** @param journal the lines since the work began */
export function fateOf(journal: readonly JournalEntry[]): Fate {
  let [fate, swapped]: [Fate, boolean] = ["nothing", false];
  const open = new Set<string>();
  for (const { state, detail } of journal) {
    if (state === "step" && !CHANGES_NOTHING.test(detail)) open.add(detail);
    if (state === "back") open.delete(detail);
    if (state === "done" && detail === "replace") swapped = true;
    if (state === "back") swapped = false;
    const isEnd = state === "done" && ((detail === "commit" && swapped) || detail === "stop");
    if (isEnd || (state === "step" && detail === "retire")) {
      fate = "done";
      open.clear();
    } else if (fate !== "done") {
      fate = open.size > 0 ? "open" : fate === "open" ? "taken-back" : fate;
    }
  }
  return fate;
}

/** What the receipt says of a host. @param journal of this run's steward there, as it was read last */
export function actionOf(deeds: readonly Deed[], journal: readonly JournalEntry[]): HostReceipt["action"] {
  let action: HostReceipt["action"] = "untouched";
  deeds.forEach((deed, index) => {
    if (deed.do === "keep") action = "kept";
    else if (deed.do === "untag") action = deed.isDone ? "skipped" : "unknown";
    else action = afterWork(action, deed.work, journal.slice(deed.work.from, nextFrom(deeds, index)));
  });
  return action;
}

/** Where the next work began. */
function nextFrom(deeds: readonly Deed[], index: number): number | undefined {
  const next = deeds.slice(index + 1).find((deed) => deed.do === "work");
  return next?.work.from;
}

function afterWork(
  before: HostReceipt["action"],
  { intent, asBefore, readToEnd }: Work,
  journal: readonly JournalEntry[],
): HostReceipt["action"] {
  const fate = fateOf(journal);
  if (fate === "done") return intent;
  if (fate === "open" || !readToEnd) return "unknown";
  if (fate === "nothing") return before;
  if (!asBefore) return "unknown";
  return before === "untouched" ? "restored" : before;
}
