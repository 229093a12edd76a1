/** Commands that only look at a host, and how their output reads. */
import { containerName, lifecycle, parseJournal, type Lifecycle, type Slot } from "../../../contract/host.js";
import { release, type Release } from "../../../contract/release.js";
import type { ContainerState, HealthAnswers, HealthTarget, Observation, Survey } from "../ports.js";
import * as docker from "./docker.js";
import { fleetFolder, line, parseSections, quote, sections } from "./shell.js";
import { askRun, countConnections, healthUrl, lifecycleUrl, type Place } from "./steward.js";

const SLOTS: readonly Slot[] = ["current", "previous", "smoke", "failed", "pre-deploy"];
const ANSWER_SECONDS = 2;

const askLifecycle = (place: Place): string => `curl -sf --max-time ${ANSWER_SECONDS} ${lifecycleUrl(place)} || :`;
const askStatus = (url: string): string =>
  `curl -s --max-time ${ANSWER_SECONDS} -o /dev/null -w '%{http_code}' ${quote(url)} || :`;
const askHealth = (place: Place): string => askStatus(healthUrl(place));

const askBoot =
  "if command -v cloud-init >/dev/null 2>&1; then cloud-init status 2>/dev/null | head -n 1; else echo 'status: done'; fi";

/** Everything that a rollout wants to know of a host before it touches it. @param booted need not be asked again: it takes a second */
export const survey = (place: Place, booted = false): string =>
  `mkdir -p "${fleetFolder(place.fleet)}" && cd "${fleetFolder(place.fleet)}" || exit 1\n` +
  sections({
    boot: booted ? "echo 'status: done'" : askBoot,
    architecture: "uname -m",
    docker: `${line(docker.serverVersion())} 2>/dev/null || :`,
    disk: docker.FREE_DISK,
    memory: "awk '$1 == \"MemAvailable:\" { print int($2 / 1024) }' /proc/meminfo 2>/dev/null || :",
    containers: `${line(docker.inspect([...slotsOf(place.fleet).keys()], docker.CONTAINER_FORMAT))} 2>/dev/null || :`,
    lifecycle: place.gate === "evidence" ? askLifecycle(place) : ":",
    health: askHealth(place),
    releases: "cat releases/*.json 2>/dev/null || :",
    retired: "if [ -e retired ]; then echo yes; fi",
    run: askRun,
  });

/** @param fleet whose host was asked */
export function parseSurvey(output: string, fleet: string): Survey {
  const found = parseSections(output);
  const part = (name: string): string => {
    const value = found.get(name);
    if (value === undefined) throw new Error(`the host's answer has no section "${name}"`);
    return value.trim();
  };
  return {
    boot: bootOf(part("boot")),
    architecture: part("architecture"),
    docker: part("docker") || null,
    freeDiskMb: Number(part("disk")),
    // A host that does not tell (not Linux) is not held back.
    freeMemoryMb: part("memory") ? Number(part("memory")) : Number.MAX_SAFE_INTEGER,
    containers: containersOf(part("containers"), fleet),
    lifecycle: lifecycleOf(part("lifecycle")),
    health: healthOf(part("health")),
    releases: releasesOf(part("releases")),
    retired: part("retired") === "yes",
    run: runOf(part("run")),
  };
}

/** @see https://docs.cloud-init.io/en/latest/explanation/status.html */
function bootOf(status: string): Survey["boot"] {
  if (/^status: (done|disabled)/.test(status)) return "done";
  return /^status: (error|degraded)/.test(status) ? "failed" : "running";
}

/** Slots by the name of their container. */
const slotsOf = (fleet: string): Map<string, Slot> => new Map(SLOTS.map((slot) => [containerName(fleet, slot), slot]));

/** One line for each container that is there. Docker puts a slash before its name. */
function containersOf(text: string, fleet: string): Survey["containers"] {
  const slots = slotsOf(fleet);
  return Object.fromEntries(
    text.split("\n").flatMap((row) => {
      const [name = "", ...fields] = row.split("|");
      const slot = slots.get(name.replace(/^\//, ""));
      return slot ? [[slot, containerOf(fields)]] : [];
    }),
  );
}

function containerOf(fields: readonly string[]): ContainerState {
  const [id = "", image = "", releaseId = "", running, restarting, restarts, exitCode, status] = fields;
  return {
    id,
    image,
    release: releaseId && releaseId !== "<no value>" ? releaseId : null,
    created: status === "created",
    running: running === "true",
    restarting: restarting === "true",
    restartCount: Number(restarts),
    exitCode: Number(exitCode),
  };
}

/** The first line tells whose it is, the second what its journal says last. */
function runOf(text: string): Survey["run"] {
  const [holder = "", last = ""] = text.split("\n");
  if (!holder) return null;
  const [, state = "", ...detail] = last.split("\t");
  return { holder, last: [state, ...detail].join(" ").trim() };
}

/** An answer of another form is no answer: another program may listen on that port. */
function lifecycleOf(text: string): Lifecycle | null {
  try {
    return lifecycle.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

const healthOf = (text: string): number | null => (/^[1-5]\d\d$/.test(text) ? Number(text) : null);

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
  sections({
    ...Object.fromEntries(
      targets.map(({ path, port }, index) => [`target-${index}`, askStatus(`http://${privateAddress}:${port}${path}`)]),
    ),
    run: `if cd "${fleetFolder(fleet)}" 2>/dev/null; then\n${askRun}\nfi`,
  });

/** @param count of the targets that were asked */
export function parseAnswers(output: string, count: number): HealthAnswers {
  const found = parseSections(output);
  const holder = /^held by (.*)/.exec(found.get("run") ?? "")?.[1] ?? null;
  const statuses = Array.from({ length: count }, (_, index) => healthOf((found.get(`target-${index}`) ?? "").trim()));
  return { statuses, heldBy: holder };
}

/** Beats the steward's heart with `beat`, and reads its journal and what the app says. */
export const observe = (place: Place, runId: string, beat: number): string =>
  `cd "${fleetFolder(place.fleet)}/runs/${runId}" || exit 1\n{ printf %s ${beat} >beat.new && mv beat.new beat; } || :\n` +
  sections({
    journal: "cat journal 2>/dev/null",
    // By its command line: the number may be another process's after a boot.
    end: `case $(ps -ww -o args= -p "$(cat pid 2>/dev/null)" 2>/dev/null) in *"runs/${runId}/steward.sh"*) echo alive ;; *) echo gone ;; esac`,
    lifecycle: place.gate === "evidence" ? askLifecycle(place) : ":",
    health: place.gate === "evidence" ? ":" : askHealth(place),
    connections: place.gate === "evidence" ? ":" : countConnections(place),
  });

export function parseObservation(output: string): Observation {
  const found = parseSections(output);
  const part = (name: string): string => (found.get(name) ?? "").trim();
  return {
    // Not trimmed: a last line without its end is still being written.
    journal: parseJournal(found.get("journal") ?? ""),
    stewardAlive: part("end") === "alive",
    lifecycle: lifecycleOf(part("lifecycle")),
    health: healthOf(part("health")),
    connections: part("connections") ? Number(part("connections")) : null,
  };
}
