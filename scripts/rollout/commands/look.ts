/** Commands that only look at a host, and how their output reads. */
import {
  containerName,
  lifecycle,
  parseJournal,
  shownContainer,
  UnreadableJournal,
  type Lifecycle,
  type ShownContainer,
  type Slot,
} from "../../../contract/host.js";
import { release, type Release } from "../../../contract/release.js";
import { endedBeforeBoot } from "../core/pre-deploy.js";
import { isPortTaken } from "../core/target.js";
import type { ContainerState, HealthAnswers, HealthTarget, Observation, Survey } from "../ports.js";
import * as docker from "./docker.js";
import { HISTORY_FILE } from "./host.js";
import { APP_BYTES, capped, CURL, fleetFolder, line, parsed, parts, quote } from "./shell.js";
import { missingTools } from "./tools.js";
import type { Parts } from "./frame.js";
import {
  askRun,
  countConnections,
  healthUrl,
  lifecycleUrl,
  processFunctions,
  stewardLives,
  type Place,
} from "./steward.js";

const SLOTS: readonly Slot[] = ["current", "previous", "smoke", "failed", "pre-deploy"];
const ANSWER_SECONDS = 2;
/** Most bytes of what lies on a host: of its containers' states, its releases, its copy of the history, and a run's journal. */
const CONTAINERS_BYTES = 65_536;
const RELEASES_BYTES = 1_000_000;
/** Ten releases with long environments are far below that. */
const HISTORY_BYTES = 1_000_000;
const JOURNAL_BYTES = 1_000_000;
/** Most bytes that are shown of a run in hand, and of what a small tool prints. */
const WORDS_BYTES = 4_096;

const askLifecycle = (place: Place): string =>
  capped(`${CURL} -f --max-time ${ANSWER_SECONDS} ${lifecycleUrl(place)} 2>/dev/null || :`, APP_BYTES);
/** Prints the status on a line of its own, and what curl says where there is none. */
const askStatus = (url: string): string =>
  `${CURL} --max-time ${ANSWER_SECONDS} -o /dev/null -w '%{http_code}\\n' ${quote(url)} 2>&1 || :`;
const askHealth = (place: Place): string => askStatus(healthUrl(place));
const askControl = (place: Place): string => capped(askStatus(lifecycleUrl(place)), WORDS_BYTES);
const askNext = ({ privateAddress, nextPort, healthPath }: Place): string =>
  nextPort === null ? ":" : capped(askStatus(`http://${privateAddress}:${nextPort}${healthPath}`), WORDS_BYTES);

const askBoot =
  "if command -v cloud-init >/dev/null 2>&1; then cloud-init status 2>/dev/null | head -n 1; else echo 'status: done'; fi";

/** Everything that a rollout wants to know of a host before it touches it. @param booted need not be asked again: it takes a second */
export const survey = (place: Place, booted = false): string =>
  `mkdir -p "${fleetFolder(place.fleet)}" && cd "${fleetFolder(place.fleet)}" || exit 1\n` +
  parts({
    boot: booted ? "echo 'status: done'" : askBoot,
    // Not capped: a head that knows no -c would swallow the line that tells of it. These lines are our own.
    tools: booted ? ":" : missingTools,
    architecture: "uname -m",
    docker: `${line(docker.serverVersion())} 2>/dev/null || :`,
    path: docker.SEARCHED_IN_VAIN,
    clock: "{ date +%s; cat /proc/uptime; } 2>/dev/null || :",
    disk: docker.FREE_DISK,
    memory: "awk '$1 == \"MemAvailable:\" { print int($2 / 1024) }' /proc/meminfo 2>/dev/null || :",
    containers: capped(
      `${line(docker.inspect([...slotsOf(place.fleet).keys()], docker.CONTAINER_FORMAT))} 2>/dev/null || :`,
      CONTAINERS_BYTES,
    ),
    lifecycle: place.gate === "evidence" ? askLifecycle(place) : ":",
    health: `health=$(${capped(askHealth(place), WORDS_BYTES)})\nprintf '%s\\n' "$health"`,
    connections: `case $health in 200*) ;; *) ${countConnections(place)} ;; esac`,
    control: `case $health in 200*) ;; *) ${askControl(place)} ;; esac`,
    next: askNext(place),
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
    docker: part("docker") || null,
    dockerNotIn: answer.start("path", WORDS_BYTES).text.trim() || null,
    // What a tool that is missing would have told is not asked for.
    freeDiskMb: missing.length > 0 ? 0 : megabytes(answer, "disk"),
    // A host that does not tell (not Linux) is not held back.
    freeMemoryMb: part("memory") ? megabytes(answer, "memory") : Number.MAX_SAFE_INTEGER,
    containers: containersOf(answer, fleet),
    lifecycle: lifecycleOf(answer),
    health: healthOf(part("health")),
    healthError: healthErrorOf(part("health")),
    connections: countOf(part("connections")),
    controlTaken: isTaken(part("control")),
    nextTaken: isTaken(part("next")),
    releases: releasesOf(part("releases", RELEASES_BYTES)),
    // One that is cut off has no signature that fits.
    history: answer.start("history", HISTORY_BYTES).text.trim() || null,
    retired: part("retired") === "yes",
    run: runOf(answer.start("run", WORDS_BYTES).text.trim()),
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
function runOf(text: string): Survey["run"] {
  const [holder = "", last = ""] = text.split("\n");
  if (!holder) return null;
  const [, state = "", ...detail] = last.split("\t");
  return { holder, last: [state, ...detail].join(" ").trim() };
}

/** An answer of another form, or a longer one, is no answer: another program may listen on that port. */
function lifecycleOf(answer: Parts): Lifecycle | null {
  const { text, whole } = answer.start("lifecycle", APP_BYTES);
  if (!whole) return null;
  try {
    return lifecycle.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

const STATUS = /^[1-5]\d\d$/m;
const healthOf = (text: string): number | null => {
  const [status] = STATUS.exec(text) ?? [];
  return status === undefined ? null : Number(status);
};

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

/** Beats the steward's heart with `beat`, and reads its journal and what the app says. */
export const observe = (place: Place, runId: string, beat: number): string =>
  `cd "${fleetFolder(place.fleet)}/runs/${runId}" || exit 1\n{ printf %s ${beat} >beat.new && mv beat.new beat; } || :\n` +
  parts({
    // Before the journal: of a steward that is gone the journal is then whole.
    end: `${processFunctions}if ${stewardLives("pid", runId)}; then echo alive; else echo gone; fi`,
    journal: capped("cat journal 2>/dev/null", JOURNAL_BYTES),
    lifecycle: place.gate === "evidence" ? askLifecycle(place) : ":",
    health: place.gate === "evidence" ? ":" : askHealth(place),
    connections: place.gate === "evidence" ? ":" : countConnections(place),
  });

/** @throws RolloutError HostUnreadable */
export function parseObservation(answer: Parts): Observation {
  const part = (name: string): string => answer.text(name, WORDS_BYTES).trim();
  return {
    journal: journalOf(answer),
    stewardAlive: part("end") === "alive",
    lifecycle: lifecycleOf(answer),
    health: healthOf(part("health")),
    connections: countOf(part("connections")),
  };
}

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
