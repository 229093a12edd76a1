/** Commands that only look at a host, and how their output reads. */
import {
  containerName,
  frontEvidence,
  frontLine,
  parseJournal,
  trafficTold,
  shownContainer,
  UnreadableJournal,
  type Front,
  type FrontEvidence,
  type Traffic,
  type ShownContainer,
  type Slot,
} from "../../../contract/host.js";
import { release, type Release } from "../../../contract/release.js";
import { endedBeforeBoot } from "../core/pre-deploy.js";
import { isPortTaken } from "../core/target.js";
import type { ContainerState, Followed, HealthAnswers, HealthTarget, Observation, Survey } from "../ports.js";
import * as docker from "./docker.js";
import { HISTORY_FILE } from "./host.js";
import { capped, CURL, fleetFolder, line, parsed, parts, quote } from "./shell.js";
import { missingTools } from "./tools.js";
import type { Parts } from "./frame.js";
import {
  askRun,
  askTrafficOf,
  countConnections,
  frontFunctions,
  frontWords,
  healthUrl,
  lookAtServing,
  processFunctions,
  stewardLives,
  type Place,
} from "./steward.js";

const SLOTS: readonly Slot[] = ["current", "previous", "failed", "pre-deploy"];
const ANSWER_SECONDS = 2;
/** Most bytes of what lies on a host: of its containers' states, its releases, its copy of the history, and a run's journal. */
const CONTAINERS_BYTES = 65_536;
const RELEASES_BYTES = 1_000_000;
/** Ten releases with long environments are far below that. */
const HISTORY_BYTES = 1_000_000;
const JOURNAL_BYTES = 1_000_000;
/** Of some hundred fronts; a machine has one for each of its hosts. */
const FRONT_BYTES = 16_384;
/** Some 2,000 addresses that ask: of more, nobody can tell which are the balancer's nodes. */
const EVIDENCE_BYTES = 131_072;
/** Ports that a front may have: two for requests, two for the health check. */
const MOST_PORTS = 4;
/** Most bytes that are shown of a run in hand, and of what a small tool prints. */
const WORDS_BYTES = 4_096;

/** Hears what comes to the host, into `came`; its last word is missing where the front does not tell. After {@link lookAtServing}. */
const hearTraffic = (place: Place): string =>
  `came=$(${capped(`${askTrafficOf(place)} && echo whole`, EVIDENCE_BYTES)})`;
const tellTraffic = `printf '%s\\n' "$came"`;
/**
 * Sets `fronts` to what the helper's `show` would print of this one, where what came tells it: each call of the helper takes as long as a look at Docker.
 * After {@link hearTraffic}.
 */
const readFront = ({ fleet }: Place): string =>
  `led=$(printf '%s\\n' "$came" | awk -v name=${quote(fleet)} '$1 == "led" && NF == 7 { print name, $5, $6, $7, $2, $3, $4 }')
if [ -n "$led" ]; then fronts=$led; fi`;
/** Prints the status on a line of its own, and what curl says where there is none. @param word of shell */
const askAt = (word: string): string =>
  `${CURL} --max-time ${ANSWER_SECONDS} -o /dev/null -w '%{http_code}\\n' ${word} 2>&1 || :`;
const askStatus = (url: string): string => askAt(quote(url));
const askHealth = (place: Place): string => askAt(healthUrl(place));
/**
 * Shows this front, or all of them where what came does not tell it, into `fronts`: `unknown` where the helper does not tell, as while another fleet on the
 * machine has its lock for long. After {@link readFront}.
 */
const showFronts = `if [ -z "$led" ]; then fronts=$(front show 2>/dev/null) || { sleep 1 && fronts=$(front show 2>/dev/null); } || fronts=unknown; fi
printf '%s\\n' "$fronts" | head -c ${FRONT_BYTES}`;

/** What the helper says against these words; not asked where they are in force. After {@link showFronts}. */
function askFit(place: Place): string {
  const words = line(frontWords(place));
  return `case "
$fronts" in
  *'
${frontWords(place).join(" ")} '*) ;;
  *) ${capped(`front fits ${words} 2>&1 >/dev/null || :`, WORDS_BYTES)} ;;
esac`;
}

/**
 * Each port that the front is to have and has not, and what is answered there: `80 200`. Nothing where the fronts are unknown: what one has would seem to
 * be somebody else's. After {@link showFronts}.
 */
function askPorts({ fleet, privateAddress, services, checks, healthPath }: Place): string {
  const asks = [...services, ...checks].map((port) => {
    const ask = capped(askStatus(`http://${privateAddress}:${port}${healthPath}`), WORDS_BYTES);
    return `case $led in *,${port},*) ;; *)\nprintf '${port} '\n${ask} ;; esac`;
  });
  return `led=,$(front_of ${quote(fleet)} | awk '{ print $3 "," $4 }'),
if [ "$fronts" != unknown ]; then
${asks.join("\n")}
fi`;
}

/**
 * Prints the whole megabytes that the container uses, without what the kernel may take back; nothing where that is not told. Cgroups of the first and of the
 * second version have other names for the same. After {@link lookAtServing}.
 * @see https://docs.kernel.org/admin-guide/cgroup-v2.html memory.current, inactive_file
 */
const askUsed = `group=/nowhere
# No path of a cgroup of Docker's has a blank.
# shellcheck disable=SC2013
for group in $(sed -n -e 's#^[0-9]*:memory:#/sys/fs/cgroup/memory#p' -e 's#^0::#/sys/fs/cgroup#p' "/proc/\${process:-0}/cgroup" 2>/dev/null); do
  if [ -r "$group/memory.stat" ]; then break; fi
done
{ cat "$group/memory.current" "$group/memory.usage_in_bytes" 2>/dev/null; sed -n 's/^\\(total_\\)*inactive_file //p' "$group/memory.stat" 2>/dev/null; } |
  awk 'NR == 1 { used = $1 } { cache = (NR > 1 ? $1 : 0) } END { if (NR > 0) print int((used - cache + 1048575) / 1048576) }'`;

/**
 * Prints cloud-init's own word, unless it is not there, or has left what it leaves when it has ended well: its program takes a second of a processor that
 * an app on the host would have had.
 * @see https://docs.cloud-init.io/en/latest/explanation/return_codes.html result.json, which each boot writes anew
 */
const askBoot = `program=$(command -v cloud-init)
if [ -z "$program" ] || { [ "$program" = /usr/bin/cloud-init ] && grep -qs '"errors": \\[\\]' /run/cloud-init/result.json; }; then
  echo 'status: done'
else
  cloud-init status 2>/dev/null | head -n 1
fi`;

/** Everything that a rollout wants to know of a host before it touches it. @param booted need not be asked again: it takes a second */
export const survey = (place: Place, booted = false): string =>
  `mkdir -p "${fleetFolder(place.fleet)}" && cd "${fleetFolder(place.fleet)}" || exit 1\n${frontFunctions}\n` +
  parts({
    boot: booted ? "echo 'status: done'" : askBoot,
    // Not capped: a head that knows no -c would swallow the line that tells of it. These lines are our own.
    tools: booted ? ":" : missingTools,
    architecture: "uname -m",
    // What shows a container need not be asked whether it answers.
    docker: `${lookAtServing(place)}
if [ -n "$id" ]; then echo answers; else ${line(docker.serverVersion())} 2>/dev/null || :; fi`,
    path: docker.SEARCHED_IN_VAIN,
    clock: "{ date +%s; cat /proc/uptime; } 2>/dev/null || :",
    disk: docker.FREE_DISK,
    memory: "awk '$1 == \"MemAvailable:\" { print int($2 / 1024) }' /proc/meminfo 2>/dev/null || :",
    used: askUsed,
    containers: capped(
      `${line(docker.inspect([...slotsOf(place.fleet).keys()], docker.CONTAINER_FORMAT))} 2>/dev/null || :`,
      CONTAINERS_BYTES,
    ),
    front: `${hearTraffic(place)}\n${readFront(place)}\n${showFronts}`,
    fits: askFit(place),
    traffic: tellTraffic,
    health: `health=$(${capped(askHealth(place), WORDS_BYTES)})\nprintf '%s\\n' "$health"`,
    connections: `case $health in 200*) ;; *) ${countConnections(place)} ;; esac`,
    ports: askPorts(place),
    releases: capped("cat releases/*.json 2>/dev/null || :", RELEASES_BYTES),
    history: capped(`cat ${HISTORY_FILE} 2>/dev/null || :`, HISTORY_BYTES),
    retired: "if [ -e retired ]; then echo yes; fi",
    run: capped(askRun, WORDS_BYTES),
  });

/** @param fleet whose host was asked. @throws RolloutError HostUnreadable */
export function parseSurvey(answer: Parts, fleet: string): Survey {
  const part = (name: string, maxBytes = WORDS_BYTES): string => answer.text(name, maxBytes).trim();
  const missing = part("tools")
    .split("\n")
    .filter((line) => line !== "");
  return {
    boot: bootOf(part("boot")),
    missing,
    architecture: part("architecture"),
    dockerAnswers: part("docker") !== "",
    dockerNotIn: answer.start("path", WORDS_BYTES).text.trim() || null,
    // What a tool that is missing would have told is not asked for.
    freeDiskMb: missing.length > 0 ? 0 : megabytes(answer, "disk"),
    // A host that does not tell (not Linux) is not held back.
    freeMemoryMb: part("memory") ? megabytes(answer, "memory") : Number.MAX_SAFE_INTEGER,
    usedMemoryMb: countOf(part("used")),
    containers: containersOf(answer, fleet),
    front: frontOf(part("front", FRONT_BYTES), fleet),
    frontRefuses: /^evenkeel-front: (.*)/m.exec(answer.start("fits", WORDS_BYTES).text)?.[1] ?? null,
    traffic: trafficOf(answer),
    health: healthOf(part("health")),
    healthError: healthErrorOf(part("health")),
    connections: countOf(part("connections")),
    answered: answeredOf(part("ports", (MOST_PORTS + 1) * WORDS_BYTES)),
    releases: releasesOf(part("releases", RELEASES_BYTES)),
    // One that is cut off has no signature that fits.
    history: answer.start("history", HISTORY_BYTES).text.trim() || null,
    retired: part("retired") === "yes",
    run: runInHandOf(answer.start("run", WORDS_BYTES).text.trim()),
  };
}

function megabytes(answer: Parts, name: string): number {
  const text = answer.text(name, WORDS_BYTES).trim();
  if (/^\d+$/.test(text)) return Number(text);
  throw answer.unreadable(`"${name}" is not a number of megabytes: ${JSON.stringify(text.slice(0, 120))}`);
}

/** @see https://docs.cloud-init.io/en/latest/explanation/status.html */
function bootOf(status: string): Survey["boot"] {
  if (/^status: (done|disabled)/.test(status)) return "done";
  return /^status: (error|degraded)/.test(status) ? "failed" : "running";
}

/** Slots by the name of their container. */
const slotsOf = (fleet: string): Map<string, Slot> => new Map(SLOTS.map((slot) => [containerName(fleet, slot), slot]));

/** One line for each container that is there. Docker puts a slash before its name. */
function containersOf(answer: Parts, fleet: string): Survey["containers"] {
  const slots = slotsOf(fleet);
  const clock = clockOf(answer.text("clock", WORDS_BYTES));
  const rows = answer.text("containers", CONTAINERS_BYTES).split("\n");
  return Object.fromEntries(
    rows
      .filter((row) => row.trim() !== "")
      .flatMap((row) => {
        const { data } = shownContainer.safeParse(parsed(row));
        if (!data) throw answer.unreadable(`Docker shows no container like this: ${JSON.stringify(row.slice(0, 120))}`);
        const slot = slots.get(data[0].replace(/^\//, ""));
        return slot ? [[slot, containerOf(data, clock)]] : [];
      }),
  );
}

function containerOf(shown: ShownContainer, clock: HostClock | null): ContainerState {
  const [, id, image, releaseId, running, restarting, restartCount, exitCode, status, finishedAt] = shown;
  return {
    id,
    image,
    // Docker shows an empty text for a label that is not there.
    release: releaseId === "" ? null : releaseId,
    created: status === "created",
    running,
    restarting,
    restartCount,
    exitCode,
    endedBeforeBoot:
      status === "exited" && clock !== null && endedBeforeBoot(clock.nowMs - Date.parse(finishedAt), clock.upMs),
  };
}

/** A host's own clock, and for how long it has been up. */
interface HostClock {
  readonly nowMs: number;
  readonly upMs: number;
}

/** Null where the host does not tell (not Linux). */
function clockOf(text: string): HostClock | null {
  const [, now, up] = /^(\d+)\n(\d+\.\d+) /.exec(text) ?? [];
  return now === undefined || up === undefined ? null : { nowMs: Number(now) * 1000, upMs: Number(up) * 1000 };
}

/** The first line tells whose it is, the second what its journal says last. */
function runInHandOf(text: string): Survey["run"] {
  const [holder = "", last = ""] = text.split("\n");
  if (!holder) return null;
  const [, state = "", ...detail] = last.split("\t");
  return { holder, last: [state, ...detail].join(" ").trim() };
}

/** Rows of {@link hearTraffic} by their first word, and how many of each there may be. */
const TRAFFIC_ROWS: ReadonlyMap<string, number> = new Map([
  ["container", 1],
  ["open", 1],
  ["led", 1],
  ["probed", Infinity],
  ["opened", 2],
]);

/**
 * Null where the front leads to another container, or to one that does not run; and where it did not tell all, or not in this form: a row that is left
 * out would be a node that nobody knows of.
 */
function trafficOf(answer: Parts): Traffic | null {
  const { text, whole } = answer.start("traffic", EVIDENCE_BYTES);
  const rows = text.trimEnd().split("\n");
  if (!whole || rows.pop() !== "whole") return null;
  const words = rows.map((row) => row.split(" "));
  const of = (kind: string): string[][] => words.flatMap(([own, ...rest]) => (own === kind ? [rest] : []));
  const isKnown = ([kind = ""]: readonly string[]): boolean => of(kind).length <= (TRAFFIC_ROWS.get(kind) ?? 0);
  const told = { probes: of("probed").map(runOf), opened: of("opened").map((row) => seenOf("opened", row)) };
  const { probes, opened } = trafficTold.safeParse(told).data ?? {};
  const state = stateOf(of("container")[0] ?? [], of("led")[0] ?? []);
  if (!words.every(isKnown) || !probes || !opened || !state) return null;
  return {
    ...state,
    open: countOf(of("open")[0]?.[0] ?? ""),
    probes,
    requests: opened.reduce((sum, { count }) => sum + count, 0),
    lastRequestAgoMs: opened.length === 0 ? null : Math.min(...opened.map(({ newestMs }) => newestMs)),
  };
}

/** @param words PORT NODE OUTCOME COUNT OLDEST NEWEST */
function runOf([port, node, outcome, count, oldest, newest]: readonly string[]): unknown {
  return {
    ...{ port: numberOf(port), node, outcome },
    ...{ count: numberOf(count), oldestMs: numberOf(oldest), newestMs: numberOf(newest) },
  };
}

/** @param container its id, whether it runs, its process, and its address in the network. @param led address, port, state, and the front's ports */
function stateOf(
  [id = "", running, pid = "", address = ""]: readonly string[],
  [target, , state]: readonly string[],
): Pick<Traffic, "instance" | "target" | "state"> | null {
  if (running !== "true" || address === "" || address !== target) return null;
  if (state !== "open" && state !== "dropped") return null;
  return { instance: instanceOf(id, pid), target, state: state === "open" ? "serving" : "draining" };
}

/** Not a number for a word that is none, or empty. */
const numberOf = (word: string | undefined): number => (word ? Number(word) : NaN);

/** As the steward names it (steward.ts). */
const instanceOf = (id: string, pid: string): string => `${id}:${pid}`;

const STATUS = /^[1-5]\d\d$/m;
const healthOf = (text: string): number | null => {
  const [status] = STATUS.exec(text) ?? [];
  return status === undefined ? null : Number(status);
};

/** Ports on which somebody takes connections. What curl says of the others is on lines of its own. */
const answeredOf = (text: string): number[] =>
  [...text.matchAll(/^(\d+) ((?:(?!^\d+ )[^])*)/gm)].flatMap(([, port, said = ""]) =>
    isTaken(said) ? [Number(port)] : [],
  );

/** The line of the front of that name, of the form that the helper's \`show\` prints. */
function frontOf(text: string, name: string): Front | null {
  const words = text
    .split("\n")
    .map((row) => row.split(" "))
    .find(([own]) => own === name);
  if (words?.length !== 7) return null;
  const [, , services = "", checks = "", target, port, state] = words;
  const shown = frontLine.safeParse({
    services: portsIn(services),
    checks: portsIn(checks),
    target,
    port: Number(port),
    state,
  });
  return shown.data ?? null;
}

const portsIn = (list: string): number[] => (list === "-" ? [] : list.split(",").map(Number));

/** Null where nobody could count. */
const countOf = (text: string): number | null => (/^\d+$/.test(text) ? Number(text) : null);

/** curl's first line about why there is no answer, such as "curl: (7) Failed to connect". */
const healthErrorOf = (text: string): string | null => /^curl: .*/m.exec(text)?.[0] ?? null;

const isTaken = (text: string): boolean => isPortTaken({ health: healthOf(text), healthError: healthErrorOf(text) });

/** Files of another version are left out: they are no release that could be gone back to. */
function releasesOf(text: string): Release[] {
  return text.split("\n").flatMap((json) => {
    try {
      return [release.parse(JSON.parse(json))];
    } catch {
      return [];
    }
  });
}

/** What the kernel saw at the front's ports. Nothing where the helper does not tell. */
export const evidence = (fleet: string, withinSeconds: number): string =>
  `${frontFunctions}\n${parts({
    evidence: capped(`front evidence ${quote(fleet)} ${withinSeconds} 2>/dev/null && echo whole`, EVIDENCE_BYTES),
  })}`;

/** Null where the helper did not tell, or its words were cut or of another form: a line that is left out would be a node that nobody knows of. */
export function parseEvidence(answer: Parts): FrontEvidence | null {
  const { text, whole } = answer.start("evidence", EVIDENCE_BYTES);
  const rows = text.trimEnd().split("\n");
  if (!whole || rows.pop() !== "whole") return null;
  const told: Record<string, unknown[]> = { asked: [], refused: [], answered: [], opened: [] };
  for (const [kind = "", ...words] of rows.map((row) => row.split(" "))) {
    const list = told[kind];
    if (!list) return null;
    list.push(seenOf(kind, words));
  }
  return frontEvidence.safeParse(told).data ?? null;
}

/** @param words PORT COUNT NEWEST of a service port, PORT NODE COUNT OLDEST NEWEST, or PORT NODE TARGET TARGETPORT COUNT OLDEST NEWEST */
function seenOf(kind: string, words: readonly string[]): unknown {
  const [port, newestMs] = [numberOf(words[0]), numberOf(words.at(-1))];
  if (kind === "opened") return { port, count: words.length === 3 ? numberOf(words[1]) : NaN, newestMs };
  const seen = { port, node: words[1], count: numberOf(words.at(-3)), oldestMs: numberOf(words.at(-2)), newestMs };
  return kind === "answered" ? { ...seen, target: words[2], targetPort: numberOf(words[3]) } : seen;
}

/** What the host answers on its private address, and who has it in hand. */
export const answers = (fleet: string, privateAddress: string, targets: readonly HealthTarget[]): string =>
  parts({
    ...Object.fromEntries(
      targets.map(({ path, port }, index) => [`target-${index}`, askStatus(`http://${privateAddress}:${port}${path}`)]),
    ),
    run: capped(`if cd "${fleetFolder(fleet)}" 2>/dev/null; then\n${askRun}\nfi`, WORDS_BYTES),
  });

/** @param count of the targets that were asked. @throws RolloutError HostUnreadable */
export function parseAnswers(answer: Parts, count: number): HealthAnswers {
  const holder = /^held by (.*)/.exec(answer.start("run", WORDS_BYTES).text)?.[1] ?? null;
  const statuses = Array.from({ length: count }, (_, index) =>
    healthOf(answer.text(`target-${index}`, WORDS_BYTES).trim()),
  );
  return { statuses, heldBy: holder };
}

/** Beats the steward's heart with `beat`, and reads its journal and what comes to the host. */
export const observe = (place: Place, runId: string, beat: number): string =>
  `${beatHeart(place.fleet, runId, beat)}\n${frontFunctions}\n` +
  parts({
    ...askSteward(runId),
    traffic: `${lookAtServing(place)}\n${hearTraffic(place)}\n${tellTraffic}`,
    health: `${readFront(place)}\n${askHealth(place)}`,
  });

/** What ends the wait for an order, or for the lock, which is number 0: a line of the journal. */
const endsOf = (sequence: number): string =>
  (sequence === 0 ? ["held", "refused"] : ["done", "failed"]).map((state) => `${sequence}:${state}`).join(" | ");
/** Between two looks of the host itself. */
export const FOLLOW_TICK_SECONDS = 0.1;

/**
 * Beats it likewise, and reads its journal once that shows the end of an order, or its process is gone, or after so many seconds. The shell alone reads:
 * no program is started for a look. A last line without its end is not one yet.
 */
export const follow = (fleet: string, runId: string, beat: number, sequence: number, seconds: number): string =>
  `${beatHeart(fleet, runId, beat)}
is_over() {
  while IFS='	' read -r number state detail; do
    case $number:$state in ${endsOf(sequence)}) return 0 ;; esac
  done <journal
  # It tells when it begins; until then it may yet.
  { read -r process <pid; } 2>/dev/null && ! kill -0 "$process" 2>/dev/null
}
looks=0
until [ "$looks" -ge ${Math.round(seconds / FOLLOW_TICK_SECONDS)} ] || is_over; do
  looks=$((looks + 1))
  sleep ${FOLLOW_TICK_SECONDS}
done
${parts(askSteward(runId))}`;

const beatHeart = (fleet: string, runId: string, beat: number): string =>
  `cd "${fleetFolder(fleet)}/runs/${runId}" || exit 1\n{ printf %s ${beat} >beat.new && mv beat.new beat; } || :`;

/** In the folder of its run. Whether it lives comes before the journal: of one that is gone the journal is then whole. */
const askSteward = (runId: string): Record<"end" | "journal", string> => ({
  end: `${processFunctions}if ${stewardLives("pid", runId)}; then echo alive; else echo gone; fi`,
  journal: capped("cat journal 2>/dev/null", JOURNAL_BYTES),
});

/** @throws RolloutError HostUnreadable */
export const parseObservation = (answer: Parts): Observation => ({
  ...parseFollowed(answer),
  traffic: trafficOf(answer),
  health: healthOf(answer.text("health", WORDS_BYTES).trim()),
});

/** @throws RolloutError HostUnreadable */
export const parseFollowed = (answer: Parts): Followed => ({
  journal: journalOf(answer),
  stewardAlive: answer.text("end", WORDS_BYTES).trim() === "alive",
});

/**
 * A line that is not of the form ends the run on that host: were it passed over, something that was done would seem not to have been. Not trimmed: a
 * last line without its end is still being written.
 */
function journalOf(answer: Parts): Observation["journal"] {
  const text = answer.text("journal", JOURNAL_BYTES);
  try {
    return parseJournal(text);
  } catch (error) {
    if (!(error instanceof UnreadableJournal)) throw error;
    throw answer.unreadable(`${error.message}; see whether the disk there is full ("df -h")`);
  }
}
