/**
 * The steward: a small POSIX sh process on each host. It holds the host's lock for as long as it lives, does what the
 * controller orders, and finishes or takes back by itself when the controller falls silent for the lease.
 *
 * The lock is a symbolic link `lock.<n>` whose target names its holder. `ln -s` is atomic, numbers only grow, and the newest
 * counts: a contender may create `n + 1` once the process behind `n` is gone, so there is nothing to expire and nothing to
 * break. A process is the holder when its command line names its own run.
 */
import { appEnvironment, CONTAINER_NETWORK, containerName, FRONT_HELPER, type Slot } from "../../../contract/host.js";
import { frontPorts, hostContainer, type Manifest, type ManifestHost } from "../../../contract/manifest.js";
import type { Release } from "../../../contract/release.js";
import { secretFileVariable, SECRETS_FOLDER, type SecretValues } from "../../../contract/secrets.js";
import type {
  Condition,
  Dismissal,
  HostPlan,
  HostStep,
  Operation,
  Retreat,
  SetAside,
  StagedOrder,
} from "../host-steps.js";
import * as docker from "./docker.js";
import { CURL, fleetFolder, line, quote } from "./shell.js";

/** Seconds between two looks of the steward at its orders; a second is a whole number of them. */
const TICK_SECONDS = 0.2;
/** Between two looks at the clock by whoever waits for the end of the time in which a container stays up for a way back. */
const WARM_TICK_SECONDS = 5;
/** Longest that Docker takes to show a network that it has begun to make: a second on a busy machine, where somebody waits for it. */
const NETWORK_SECONDS = 5;
/** Tries to take a lock that nobody seems to hold; contenders get in each other's way for a few, a full disk for good. */
const LOCK_TRIES = 1000;
/** Longest answer that the steward waits for on a loopback port. */
const ANSWER_SECONDS = 5;

/** Most bytes that the journal tells of why a step failed. */
const REASON_BYTES = 2_000;

/** Longest wait, in seconds, for a Docker that does not answer: its restart takes a few, a boot some more. */
const DOCKER_PATIENCE_SECONDS = 60;

/** Changes and shows the front. The user's rule for sudo names this one program, so nobody is asked for a password. */
export const FRONT = `sudo -n ${FRONT_HELPER}`;

/**
 * Whether a process is the steward of a run. Numbers of processes are used again, so its command line is read: from /proc where that is, as the ps of
 * some systems ignores "-p" and shows all processes.
 */
export const processFunctions = `arguments_of() {
  if [ -r "/proc/$$/cmdline" ]; then
    { tr '\\000' ' ' <"/proc/$1/cmdline"; } 2>/dev/null
  else
    ps -ww -o args= -p "$1" 2>/dev/null
  fi
}
is_steward() {
  case $(arguments_of "\${1:-none}") in *"runs/$2/steward.sh"*) return 0 ;; esac
  return 1
}
`;

/**
 * Shell text that holds while the steward of a run lives, and with it the lock. It comes after {@link processFunctions}.
 * @param file with the number of its process, as it stands within double quotes
 */
export const stewardLives = (file: string, runId: string): string =>
  `is_steward "$(head -c 20 "${file}" 2>/dev/null)" ${quote(runId)}`;

/** Who holds the lock; for the steward and for whoever looks at it. */
const lockFunctions = `${processFunctions}
# Whether the holder "<pid>:<run>:<owner>" of a lock is still that steward.
alive() {
  if [ "\${1%%:*}" = "$$" ]; then return 1; fi
  rest=\${1#*:}
  is_steward "\${1%%:*}" "\${rest%%:*}"
}

newest() {
  last=0
  for link in lock.*; do
    if [ -h "$link" ] && [ "\${link#lock.}" -gt "$last" ]; then last=\${link#lock.}; fi
  done
}
`;

/**
 * The part that is the same for every host and release. Arguments: run id, owner, lease in seconds, and `recover` when the host was
 * started anew with this run under way.
 */
export const engine = (fleet: string): string => `#!/bin/sh
# Evenkeel's steward: holds this host's lock while it lives, follows the controller's orders, and finishes or takes back
# what it began when the controller falls silent.
set -u
umask 077
run=$1
owner=$2
lease=$3
mode=\${4:-follow}
cd "${fleetFolder(fleet)}" || exit 1
folder=runs/$run
sequence=0
todo=
ready=no
unjudged=no
output=/dev/null
# Whether the journal's last line is known to have its end.
ends_whole=unknown
# Names of this fleet's containers, as Docker showed them last; nothing once they may have changed.
around=
trap '' HUP INT PIPE

# What is left to be undone, last first, whether a new container is ready, and whether it was handed over to and nobody has wanted it kept yet: all
# follow from the journal alone.
learn() {
  case $1:$2 in
    step:old-on) unjudged=yes ;;
    step:front-back | step:restart-on) unjudged=no ;;
  esac
  case $1:$2 in
    step:retreat) ready=no ;;
    # The container is stopped for good by now.
    step:retire | done:commit | done:stop)
      todo=
      ready=no
      ;;
    step:*) todo="$2 $todo" ;;
    # Of a replacement, the last step first: it has none to be undone, so that what follows finds no container that is ready.
    back:*)
      forget "$2"
      ready=no
      ;;
    done:replace) ready=yes ;;
  esac
}
forget() {
  kept=
  for entry in $todo; do [ "$entry" = "$1" ] || kept="$kept $entry"; done
  todo=\${kept# }
}

# Onto the disk: the host may lose its power.
keep() { sync "$@" 2>/dev/null; }

say() {
  # A full disk may have cut the line before: this one must not go on in it.
  if [ "$ends_whole" != yes ] && [ -n "$(tail -c 1 "$folder/journal" 2>/dev/null)" ]; then echo >>"$folder/journal"; fi
  ends_whole=no
  printf '%s\\t%s\\t%s\\n' "$1" "$2" "$3" >>"$folder/journal" && ends_whole=yes
  keep "$folder/journal"
  learn "$2" "$3"
}
# The last words of what went wrong. They go into one line of the journal, so no bytes that could end or garble it are let through.
reason() { tail -c ${REASON_BYTES} "$output" 2>/dev/null | tail -n 3 | tr '\\n\\t' '  ' | tr -d '\\000-\\037'; }
# Hundredths of a second of a clock that nobody sets: a lease must not end because the host learned what time it is.
now() {
  if [ -r /proc/uptime ]; then
    uptime=$(cut -d ' ' -f 1 /proc/uptime)
    echo "\${uptime%.*}\${uptime#*.}"
  else
    echo "$(date +%s)00"
  fi
}

${lockFunctions}
# Not into the journal of a run that may be another steward's by now.
refuse() { [ "$mode" = recover ] || say 0 refused "$1"; }

# Whether this host tells a steward that lives from one that does not: shown on this one, and on a process that has ended.
tells_stewards() {
  (exit 0) &
  ended=$!
  wait "$ended"
  is_steward "$$" "$run" && ! is_steward "$ended" "$run"
}

take_lock() {
  if ! tells_stewards; then
    refuse "nobody: this host does not tell which processes live; it needs /proc, or a ps that knows -o and -p"
    return 1
  fi
  tries=0
  why=
  while :; do
    tries=$((tries + 1))
    if [ "$tries" -gt ${LOCK_TRIES} ]; then
      refuse "nobody: $why"
      return 1
    fi
    newest
    if [ "$last" -gt 0 ]; then
      holder=$(readlink "lock.$last") || continue
      if alive "$holder"; then
        refuse "\${holder#*:}"
        return 1
      fi
    fi
    mine=$((last + 1))
    why=$(ln -s "$$:$run:$owner" "lock.$mine" 2>&1) || continue
    newest
    [ "$last" -eq "$mine" ] && break
    rm -f "lock.$mine"
  done
  for link in lock.*; do
    if [ "\${link#lock.}" -lt "$mine" ]; then rm -f "$link"; fi
  done
}

# The newest order counts: one before it may never have arrived.
newest_order() {
  next=$sequence
  for file in "$folder"/order.*; do
    number=\${file##*.}
    case $number in
      '' | *[!0-9]*) ;;
      *) if [ "$number" -gt "$next" ]; then next=$number; fi ;;
    esac
  done
}

# The newest one but for leaving, which says nothing of what is wanted.
newest_words() {
  newest_order
  while [ "$next" -gt 0 ]; do
    words=$(cat "$folder/order.$next" 2>/dev/null)
    case $words in
      leave*) next=$((next - 1)) ;;
      *)
        printf '%s' "$words"
        return
        ;;
    esac
  done
}

# Whether an order has come that is not taken up yet.
ordered_anew() {
  newest_order
  [ "$next" -gt "$sequence" ]
}

docker_answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

# Waits for a Docker that does not answer.
await_docker() {
  asked=$(now)
  until docker_answers; do
    if [ $(($(now) - asked)) -ge ${DOCKER_PATIENCE_SECONDS}00 ]; then return 1; fi
    sleep ${TICK_SECONDS}
  done
}

# Runs a function for a step, such as run_old_stop.
carry_out() { "$1_$(printf '%s' "$2" | tr - _)" >>"$output" 2>&1 </dev/null; }

# Docker may have been away: what did not work is tried once more when it answers.
insist() { "$@" || { await_docker && "$@"; }; }

# A new container that is ready stays, anything less is taken back. So is one beside which the old container serves on, before whoever rolls out has seen
# clients and the balancer content: to go back costs nobody a request.
settle() {
  around=
  if [ "$ready" = yes ] && [ "$unjudged" = no ]; then
    if insist stage_commit; then say "$sequence" "done" commit; fi
  elif [ -n "$todo" ]; then
    take_back
  fi
}

perform() {
  say "$sequence" step "$1"
  fresh_output
  carry_out run "$1"
}

# Takes back what was done since the last commit, last step first. Not past a step that cannot be taken back: those before it count on it.
take_back() {
  around=
  for step in $todo; do
    insist carry_out undo "$step" || break
    say "$sequence" back "$step"
  done
  if [ -n "$todo" ]; then
    say "$sequence" undone "except for $todo: $(reason)"
  else
    say "$sequence" undone "all"
  fi
}

# A full disk must not keep a host drained. Not with ":", whose failure would end the shell.
fresh_output() {
  output=$folder/output
  printf '' 2>/dev/null >"$output" || output=/dev/null
}

# Frees the lock. What could not be taken back is left to the next boot, or the next run.
leave() {
  if [ -z "$todo" ]; then rm -f recover.sh; fi
  if [ -z "$todo" ] && command -v after_leave >/dev/null; then after_leave >/dev/null 2>&1 </dev/null; fi
  say 0 left "$run"
  exit 0
}

obey() {
  fresh_output
  # shellcheck disable=SC2034
  around=
  case $1 in
    undo)
      take_back
      say "$sequence" "done" undo
      ;;
    leave)
      settle
      say "$sequence" "done" leave
      leave
      ;;
    drain | replace | retreat | commit | stop)
      if [ "$1" = retreat ] && [ "$ready" != yes ]; then
        say "$sequence" failed "there is no new container to retreat from"
      elif "stage_$1" 2>>"$output"; then
        say "$sequence" "done" "$1"
      else
        why=$(reason)
        # Clients are on a container that is to be committed: the controller lets it leave rotation first.
        if [ "$1" != commit ]; then take_back; fi
        say "$sequence" failed "$why"
      fi
      ;;
    *) say "$sequence" failed "unknown order $1" ;;
  esac
}

# No heartbeat within the lease.
lapse() {
  say 0 lapsed "no heartbeat for $lease s"
  settle
  leave
}

lay_out() {
  # shellcheck source=/dev/null
  if [ -f "$folder/stages.sh" ]; then . "./$folder/stages.sh"; fi
  keep "$folder"/*.sh
}

# Removes a last line that was cut off, so that the next one does not go on in it.
end_lines() {
  if [ -z "$(tail -c 1 "$folder/journal")" ]; then return; fi
  while IFS= read -r whole; do printf '%s\\n' "$whole"; done <"$folder/journal" >"$folder/journal.new"
  keep "$folder/journal.new"
  # Not on a full disk.
  if [ "$(wc -l <"$folder/journal.new")" -eq "$(wc -l <"$folder/journal")" ]; then mv "$folder/journal.new" "$folder/journal"; fi
}

# The host went down, or the steward did, with this run under way.
recover() {
  tab=$(printf '\\t')
  end_lines
  begun=
  handed=no
  kept_new=no
  while IFS=$tab read -r number state detail; do
    learn "$state" "$detail"
    begun=$state:$detail
    case $begun in
      step:front-back)
        handed=no
        kept_new=no
        ;;
      step:old-on) handed=yes ;;
      step:old-stay-down) kept_new=yes ;;
    esac
  done <"$folder/journal"
  # It was wanted back, whether or not that was taken up.
  case $(newest_words) in undo* | retreat*) ready=no ;; esac
  say 0 lapsed "the host or its steward went down"
  lay_out
  # Of a handover the old container serves again after a boot, until the front is kept: the new one may not even listen yet.
  if [ "$handed" = yes ] && [ "$kept_new" = no ]; then ready=no; fi
  fresh_output
  if ! await_docker; then
    # The next boot tries again.
    say 0 undone "except for \${todo:-nothing}: Docker does not answer"
    exit 1
  fi
  # What a step has begun in Docker goes on without its steward.
  case $begun in step:*) carry_out rest "\${begun#step:}" ;; esac
  settle
  leave
}

# What another run left unfinished comes first.
if [ "$mode" = follow ] && [ -e recover.sh ] && ! sh recover.sh; then
  refuse "nobody: what another run left unfinished cannot be ended, as Docker does not answer"
  exit 0
fi
take_lock || exit 0
if [ "$mode" = recover ]; then recover; fi
echo "$$" >"$folder/pid"
say 0 held "$owner"
# For the unit evenkeel-recover, when the host is started anew before this run has left, and for the next run.
ln -sf "$folder/recover.sh" recover.new && mv recover.new recover.sh
beat=
latest=
pulse=0
heard=$(now)
while :; do
  if ordered_anew; then
    sequence=$next
    order=
    argument=
    # shellcheck disable=SC2034
    read -r order argument <"$folder/order.$next"
    lay_out
    obey "$order"
    heard=$(now)
  fi
  # The shell alone reads: this is done all the time, beside an app that serves. The line has no end.
  { read -r latest <"$folder/beat"; } 2>/dev/null || :
  if [ "$latest" != "$beat" ]; then
    beat=$latest
    heard=$(now)
  fi
  # Once a second: a clock costs three processes.
  pulse=$(((pulse + 1) % ${Math.round(1 / TICK_SECONDS)}))
  if [ "$pulse" -eq 0 ] && [ $(($(now) - heard)) -ge $((lease * 100)) ]; then lapse; fi
  sleep ${TICK_SECONDS}
done
`;

/**
 * Counts what is open on the app's port, from the container's own table; the front's helper reads that. The port is that of the container's release: the
 * balancer's may have changed since. Where nobody can tell, nothing is printed: unknown is not none. It comes after {@link frontFunctions}.
 */
export const countConnections = (place: Place, slot: Slot = "current"): string =>
  `${portOf(place, slot)}
open_to ${quote(containerName(place.fleet, slot))} "\${port:-${place.containerPort}}"`;

/** Shell text that sets `port` to what the container's release serves on; to nothing where nobody knows. */
function portOf({ fleet }: Place, slot: Slot): string {
  return portIn(fleet, `$(${docker.inspectField(containerName(fleet, slot), docker.RELEASE_FORMAT)})`);
}

/**
 * Shell text that sets `port` to one of the ports that a release's containers are told; to nothing where nobody knows.
 * @param release a word of shell
 */
const portIn = (fleet: string, release: string, variable: string = appEnvironment.port): string =>
  `port=$(sed -n 's/^${variable}=//p' "${fleetFolder(fleet)}/releases/${release}.env" 2>/dev/null)`;

/** Where things are on one host. */
export interface Place {
  /** Name of the container and of the folder: the fleet's, unless the host has its own. */
  readonly fleet: string;
  /** The app's own. */
  readonly containerPort: number;
  readonly servicePort: number;
  /** Ports that requests come in by: the service port, and what it is to become. */
  readonly services: readonly number[];
  /** Ports that the balancer's health check asks, in the same way; none where it asks the service port. */
  readonly checks: readonly number[];
  readonly healthPath: string;
  readonly privateAddress: string;
  /** Milliseconds after which a node of the balancer gives up a probe. */
  readonly responseTimeoutMs: number;
}

export function placeOf(manifest: Manifest, host: ManifestHost): Place {
  const { container, port } = hostContainer(manifest, host);
  return {
    fleet: container,
    containerPort: manifest.service.port,
    servicePort: port,
    ...frontPorts(manifest, host),
    healthPath: manifest.healthCheck.path,
    privateAddress: host.privateAddress,
    responseTimeoutMs: Math.ceil(manifest.healthCheck.responseTimeoutSeconds * 1000),
  };
}

/** A word of shell: where the balancer asks for the health of what serves. It comes after {@link frontFunctions}. */
export function healthUrl(place: Place): string {
  const { fleet, privateAddress, servicePort, healthPath } = place;
  const [check] = place.checks;
  if (check === undefined) return quote(`http://${privateAddress}:${servicePort}${healthPath}`);
  return `"http://${privateAddress}:$(asked_port ${quote(fleet)} ${check} ${servicePort})"${quote(healthPath)}`;
}

/** The front as it is led now; for the steward and for whoever looks at a host. */
export const frontFunctions = `front() { ${FRONT} "$@"; }
# CONTAINER PORT: how many of its sockets there may still owe an answer.
open_to() {
  pid=$(docker inspect --type container --format '${docker.PID_FORMAT}' "$1" 2>/dev/null | head -c 10)
  front open "\${pid:-0}" "$2" 2>/dev/null || :
}
# Asked for here, unless whoever looks at the host has done so.
front_of() { printf '%s\\n' "\${fronts-$(front show 2>/dev/null)}" | awk -v name="$1" '($1 "") == name'; }
is_dropped() { [ "$(front_of "$1" | awk '{ print $7 }')" = dropped ]; }
# NAME CHECK SERVICE: the health port where the front has that, else the service port.
asked_port() {
  case ,$(front_of "$1" | awk '{ print $4 }'), in
    *",$2,"*) echo "$2" ;;
    *) echo "$3" ;;
  esac
}`;

/** Shell text that reads what Docker shows of the container that has the host's name, into `id`, `running`, `process`, `address` and `made`; nothing without one. */
export const lookAtServing = ({ fleet }: Place): string => `IFS='|' read -r id running process address made <<EOF
$(${docker.inspectField(fleet, docker.TRAFFIC_FORMAT)})
EOF`;

/**
 * Shell text that prints that container, where the front leads, what is open there, and who comes. It fails where the front does not tell. It comes after
 * {@link frontFunctions} and {@link lookAtServing}.
 */
export const askTrafficOf = (
  place: Place,
): string => `printf 'container %s %s %s %s\\n' "$id" "$running" "$process" "$address"
${portIn(place.fleet, "$made")}
front traffic ${quote(place.fleet)} ${place.responseTimeoutMs} "\${process:-0}" "\${port:-${place.containerPort}}" 2>/dev/null`;

/** The part that a release and a host need: one function a step, one a stage. */
export function stages(place: Place, plan: HostPlan): string {
  const functions: string[] = [helpers, shellFunction("names", line(docker.inspect(namesOf(place), "{{.Name}}")))];
  if (plan.dismissal) functions.push(afterLeave(place, plan.dismissal));
  for (const [order, steps] of Object.entries(plan.stages) as [StagedOrder, readonly HostStep[]][]) {
    const calls = steps.map((step) => {
      const name = step.name.replaceAll("-", "_");
      functions.push(shellFunction(`run_${name}`, runOf(place, step)));
      functions.push(shellFunction(`undo_${name}`, step.undo ? operation(place, step.undo) : ":"));
      functions.push(shellFunction(`rest_${name}`, restOf(place, step)));
      return `perform ${step.name}`;
    });
    functions.push(shellFunction(`stage_${order}`, calls.join(" &&\n") || ":"));
  }
  return functions.join("\n");
}

/** Content of a release's environment file, as `docker run --env-file` reads it. */
export function environmentOf(release: Release, secrets: SecretValues): string {
  const { service } = release;
  const files = service.secrets.map((name): [string, string] => [
    secretFileVariable(name),
    `${SECRETS_FOLDER}/${name}`,
  ]);
  const entries: Record<string, string> = {
    ...service.environment,
    ...(docker.hasSecretFiles(release) ? Object.fromEntries(files) : secrets),
    [appEnvironment.port]: String(service.port),
    [appEnvironment.healthPath]: release.healthPath,
    ...(release.nextHealthPath === undefined ? {} : { [appEnvironment.nextHealthPath]: release.nextHealthPath }),
    ...(service.drainPort === undefined ? {} : { [appEnvironment.drainPort]: String(service.drainPort) }),
    [appEnvironment.release]: release.id,
  };
  return Object.entries(entries)
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
}

/** Longer than a SYN takes that is sent again for the second time: 1 and 2 s after the first. @see RFC 6298, 2.1 and 5.5 */
const QUIET_SECONDS = 3.5;

/** As the steward's `now` counts. */
const hundredths = (seconds: number): number => Math.round(seconds * 100);

/**
 * Prints the run that has the host in hand, or that was left unfinished there, and then the last line of its journal; nothing where none
 * has. To be run in the fleet's folder.
 */
export const askRun = `${lockFunctions}
run_in_hand() {
  newest
  holder=$(readlink "lock.$last") || return 0
  if ! alive "$holder" && [ ! -h recover.sh ]; then return 0; fi
  rest=\${holder#*:}
  if alive "$holder"; then printf 'held by %s\\n' "$rest"; else printf 'left unfinished by %s\\n' "$rest"; fi
  tail -n 1 "runs/\${rest%%:*}/journal"
}
run_in_hand 2>/dev/null || :`;

const helpers = `# What "docker inspect" shows of a container, into "seen": 1 where there is none, 2 where Docker does not answer, which is no answer.
look_at() {
  sought=$(now)
  while :; do
    seen=$({ docker inspect --type container --format "$2" "$1" 2>&1 && echo whole; } | head -c ${docker.FIELD_BYTES})
    case $seen in
      *'
whole')
        seen=\${seen%?whole}
        return 0
        ;;
      *'o such container'* | *'o such object'*) return 1 ;;
    esac
    if [ $(($(now) - sought)) -ge ${DOCKER_PATIENCE_SECONDS}00 ]; then
      echo "$seen"
      return 2
    fi
    sleep ${TICK_SECONDS}
  done
}
# Whether there is a container of that name: 1 where there is none, 2 where Docker does not answer. Docker is asked once for all names of this fleet, as each
# call of its program takes a tenth of a second of the processor that the app has. Nobody else gives these names away while this run holds the host. What is
# not told that way is asked for by itself.
exists() {
  if [ -z "$around" ]; then
    around="
$(names 2>&1 | head -c ${docker.FIELD_BYTES})
"
  fi
  case $around in
    *"
/$1
"*) return 0 ;;
    *"o such container: $1
"* | *"o such object: $1
"*) return 1 ;;
  esac
  look_at "$1" '{{.State.Running}}'
}
# NAME [NAME]: the first one is nobody's from now on, the second one, if any, somebody's.
gives_up() {
  [ -n "$around" ] || return 0
  around="\${around%%"
/$1
"*}
No such container: $1
\${around#*"
/$1
"}"
  if [ $# -eq 2 ]; then
    around="$around/$2
"
  fi
}
rename() {
  if docker rename "$1" "$2"; then
    gives_up "$1" "$2"
  else
    around=
    return 1
  fi
}
remove() {
  if docker rm -f "$1"; then
    gives_up "$1"
  else
    around=
    return 1
  fi
}
shown() { docker inspect --type container --format "$2" "$1" 2>/dev/null | head -c 10; }
# Certainly ended: not where Docker does not answer.
ended() { [ "$(shown "$1" '{{.State.Running}}')" = false ]; }
# CONTAINER PORT LIMIT: until nothing has been open there for a while. A SYN that is sent again stays bound to the container that it was sent to first.
await_idle() {
  since=$(now)
  quiet_from=
  until ended "$1"; do
    if [ "$(open_to "$1" "$2")" = 0 ]; then
      quiet_from=\${quiet_from:-$(now)}
      if [ $(($(now) - quiet_from)) -ge ${hundredths(QUIET_SECONDS)} ]; then return 0; fi
    else
      quiet_from=
    fi
    if [ $(($(now) - since)) -ge "$3" ]; then return 1; fi
    sleep ${TICK_SECONDS}
  done
}
# FRONT: its health ports are refused from now on.
# shellcheck disable=SC2034
drain() { front drop "$1" && dropped_from=$(now); }
# Taken back, also where there is no such front.
raise() {
  front raise "$1" && return 0
  led=$(front show) || return 1
  if printf '%s\\n' "$led" | awk -v name="$1" '($1 "") == name { found = 1 } END { exit !found }'; then return 1; fi
}
# FRONT CONTAINER: whether clients may be led there. Unknown counts as yes, and so does no front: then they come by ports that Docker publishes.
leads_to() {
  led=$(front show 2>/dev/null) || return 0
  led=$(printf '%s\\n' "$led" | awk -v name="$1" '($1 "") == name { print $5 }')
  [ -z "$led" ] || [ "$led" = "$(address_of "$2")" ]
}
# ID PORT LIMIT cuts|halts TIMEOUT FRONT NAME WARM; LIMIT and WARM in hundredths of a second
#
# The file dismissal.ID says who is to stop it: the newest run that wants to. The folder stopping.ID is there once that has begun: of two that make it, one
# does. Somebody may go back to the container meanwhile. That gives it another name first, and then takes the file away, unless the folder is there: one of
# both sees the other.
# The run is the steward's own.
# shellcheck disable=SC2154
dismiss() {
  if leads_to "$6" "$1"; then
    echo "clients are led to the container that is to be stopped"
    return 1
  fi
  # One that is being stopped by somebody is not to look as if it were not.
  if ! is_stopped "$1"; then
    printf '%s\\n' "$run" >"dismissal.$1" || return 1
    since=$(now)
    while [ $(($(now) - since)) -lt "$8" ]; do
      sleep ${WARM_TICK_SECONDS}
      dismisses "$1" || return 1
      if ended "$1"; then break; fi
    done
  fi
  await_idle "$1" "$2" "$3"
  idle=$?
  if ended "$1"; then
    forget_dismissal "$1"
    return 0
  fi
  if [ "$idle" -ne 0 ] && [ "$4" = halts ]; then
    echo "connections are still open to the container that was handed over from, after $(($3 / 100)) s (drainTimeoutSeconds)"
    return 1
  fi
  # Whoever has begun is not to look as if it had not: only one's own beginning is taken back.
  begins=
  if ! is_stopped "$1"; then
    dismisses "$1" || return 1
    if mkdir "stopping.$1"; then begins=yes; else is_stopped "$1" || return 1; fi
  fi
  if leads_to "$6" "$1" || [ "$(shown_id "$7")" != "$1" ]; then
    if [ -n "$begins" ]; then forget_dismissal "$1"; fi
    return 1
  fi
  # One that may have been told to stop does so at a time of its own.
  docker stop -t "$5" "$1" && forget_dismissal "$1"
}
# shellcheck disable=SC2154
dismisses() { [ "$(head -n 1 "dismissal.$1" 2>/dev/null)" = "$run" ]; }
is_stopped() { [ -d "stopping.$1" ]; }
forget_dismissal() {
  rm -f "dismissal.$1"
  rmdir "stopping.$1" 2>/dev/null || :
}
# Of containers that have ended, or are gone.
clear_dismissals() {
  for left in dismissal.* stopping.*; do
    [ -e "$left" ] || continue
    look_at "\${left#*.}" '{{.State.Running}}'
    case $?:$seen in 0:false | 1:*) forget_dismissal "\${left#*.}" ;; esac
  done
}
shown_id() { docker inspect --type container --format '{{.Id}}' "$1" 2>/dev/null | head -c 64; }
# Made and started, whatever has become of it since.
begun_once() { case $(shown "$1" '{{.State.Status}}') in running | exited | dead) ;; *) return 1 ;; esac; }
answer() { ${CURL} --max-time ${ANSWER_SECONDS} "$@"; }
${frontFunctions}
# In the containers' network, whether the container runs or not.
address_of() { docker inspect --type container --format '${docker.SLOT_FORMAT}' "$1" 2>/dev/null | head -c 20; }

is_network() { docker network inspect --format '{{.Name}}' ${CONTAINER_NETWORK} >/dev/null 2>&1; }
# SUBNET GATEWAY BRIDGE DYNAMIC
need_network() {
  if is_network; then return; fi
  said=$(docker network create --driver bridge --subnet "$1" --gateway "$2" --ip-range "$4" \
    --opt com.docker.network.bridge.name="$3" ${CONTAINER_NETWORK} 2>&1) && return
  # Somebody else on this machine may be making it: Docker keeps its addresses before it shows it.
  waited=0
  until is_network; do
    if [ "$waited" -ge ${Math.round(NETWORK_SECONDS / TICK_SECONDS)} ]; then
      printf '%s\n' "$said"
      return 1
    fi
    waited=$((waited + 1))
    sleep ${TICK_SECONDS}
  done
}

# Those of the given addresses that no container has, whether it runs or not: who is stopped may be started again. Nor one that a front leads to, whose
# container somebody has removed: clients would be on the new one before it is ready.
free_of() {
  ids=$(docker ps -aq --no-trunc) || return 1
  taken=
  if [ -n "$ids" ]; then
    # shellcheck disable=SC2086
    taken=$(docker inspect --type container --format '${docker.SLOT_FORMAT}' $ids 2>&1) ||
      case $taken in *'o such container'* | *'o such object'*) ;; *)
        echo "$taken"
        return 1
        ;;
      esac
  fi
  led=$(front show) || return 1
  taken=$(printf '%s\\n%s\\n' "$taken" "$led" | awk '{ print (NF > 1 ? $5 : $1) }' | tr '\\n' ' ')
  for address in "$@"; do
    case " $taken " in *" $address "*) ;; *) printf '%s ' "$address" ;; esac
  done
}
none_free() { echo "no address of the containers' network is free; remove containers that are not needed (docker ps -a)"; }

expect_address() {
  network=$(front network) || return 1
  # shellcheck disable=SC2086
  free=$(free_of \${network#* * * * })
  case $?:$free in
    0:) none_free ;;
    0:*) return 0 ;;
    *) echo "$free" ;;
  esac
  return 1
}

# Runs a container at such an address. Names are looked up where the host looks them up: Docker's own resolver is away while Docker is.
place() {
  name=$1
  shift
  network=$(front network) || return 1
  # shellcheck disable=SC2086
  need_network $network || return 1
  resolver=/run/systemd/resolve/resolv.conf
  [ -e "$resolver" ] || resolver=/etc/resolv.conf
  # One on the machine's own loopback is out of a container's reach: Docker's own is asked then.
  if ! grep -q '^nameserver *127[.]' "$resolver" 2>/dev/null; then
    set -- --mount "type=bind,src=$resolver,dst=/etc/resolv.conf,readonly" "$@"
  fi
  # shellcheck disable=SC2086
  free=$(free_of \${network#* * * * }) || {
    echo "$free"
    return 1
  }
  for address in $free; do
    # No shell of the steward's waits for it: one that is killed is gone.
    around=
    if said=$(exec docker run -d --network ${CONTAINER_NETWORK} --ip "$address" "$@" 2>&1); then return 0; fi
    echo "$said"
    # Another fleet on this machine was faster.
    case $said in *'Address already in use'*) docker rm -f "$name" || return 1 ;; *) return 1 ;; esac
  done
  none_free
  return 1
}

# CONTAINER PORT, and the front's name, address and ports. The address is the container's own, whether it runs or not.
lead() {
  look_at "$1" ${quote(docker.SLOT_FORMAT)}
  case $?:\${seen:-none} in
    0:none)
      echo "the container $1 has no address of its own in the network ${CONTAINER_NETWORK}"
      return 1
      ;;
    0:*) front switch "$3" "$4" "$5" "$6" "$seen" "$2" ;;
    1:*)
      echo "there is no container $1"
      return 1
      ;;
    *) return 2 ;;
  esac
}
# The same words. A container that Docker has published, or none at all, needs no front.
lead_back() {
  look_at "$1" ${quote(docker.SLOT_FORMAT)}
  case $?:\${seen:-none} in
    0:none | 1:*) front clear "$3" ;;
    0:*) front switch "$3" "$4" "$5" "$6" "$seen" "$2" && front keep "$3" ;;
    *) return 2 ;;
  esac
}`;

/** A front's name, address and ports, as its helper takes them. */
export const frontWords = ({ fleet, privateAddress, services, checks }: Place): string[] => [
  fleet,
  privateAddress,
  services.join(","),
  checks.join(",") || "-",
];

/** Of containers that the steps of a host look for, each as Docker names it. */
const namesOf = ({ fleet }: Place): string[] =>
  (["current", "previous", "older", "failed"] as const).map((slot) => containerName(fleet, slot));

/** The body is not indented: a word of it may hold line breaks. */
const shellFunction = (name: string, body: string): string => `${name}() {\n${body}\n}\n`;

function runOf(place: Place, step: HostStep): string {
  const parts = [...(step.run ? [operation(place, step.run)] : []), ...(step.until ? [until(place, step.until)] : [])];
  return parts.join("\n") || ":";
}

/** Begun when the steward leaves, and not waited for. It needs no lock: what it stops is known by its id, and nobody is led there any more. */
function afterLeave(place: Place, what: Dismissal): string {
  const slots = ["previous", "failed"] as const;
  // Nothing leads back to one that was gone back from.
  const warmth = (slot: Slot): number => (slot === "previous" ? what.warmSeconds : 0);
  const dismissals = slots.map((slot) => `(\n${dismiss(place, { ...what, slot, warmSeconds: warmth(slot) })}\n) &`);
  return shellFunction("after_leave", ["around=", "clear_dismissals &", ...dismissals].join("\n"));
}

/** Waits until Docker has ended what a step began: an undo that comes before that would itself be undone by it. */
function restOf(place: Place, { run }: HostStep): string {
  if (run?.do === "stop") return patiently(`ended ${quote(containerName(place.fleet, run.slot))}`, run.timeoutSeconds);
  if (run?.do === "run")
    return patiently(`begun_once ${quote(containerName(place.fleet, run.slot))}`, DOCKER_SLACK_SECONDS);
  return ":";
}

/** Seconds that Docker may take for what an order to it needs besides the time that the order allows for. */
const DOCKER_SLACK_SECONDS = 5;

const patiently = (condition: string, seconds: number): string => `ticks=0
until ${condition} || [ "$ticks" -ge ${Math.ceil((seconds + DOCKER_SLACK_SECONDS) / TICK_SECONDS)} ]; do
  ticks=$((ticks + 1))
  sleep ${TICK_SECONDS}
done`;

function operation(place: Place, what: Operation): string {
  const name = (slot: Slot): string => containerName(place.fleet, slot);
  switch (what.do) {
    case "stay-down":
      return line(docker.restartPolicy(name(what.slot), "no"));
    case "may-stay-down":
      return ifExists(name(what.slot), [docker.restartPolicy(name(what.slot), "no")]);
    case "bring-back":
      return `${line(docker.restartPolicy(name(what.slot), "always"))} &&\n  ${line(docker.start(name(what.slot)))}`;
    case "drain":
      return line(["drain", place.fleet]);
    case "raise":
      return line(["raise", place.fleet]);
    case "let-go":
      return letGo(place, what.slot);
    case "expect-drained":
      return expectDrained(place);
    case "expect-down":
      return `case $(answer -o /dev/null -w '%{http_code}' ${healthUrl(place)}) in
  2?? | 3??)
    echo 'it did not serve, and does now: run the rollout again'
    return 1
    ;;
esac`;
    case "expect-space":
      return expectSpace(what.megabytes);
    case "expect-address":
      return "expect_address";
    case "end-dismissal":
      return `id=$(shown_id ${quote(name(what.slot))})
if [ -z "$id" ]; then return 2; fi
if is_stopped "$id"; then
  echo 'it is being stopped'
  return 1
fi
rm -f "dismissal.$id"`;
    case "put-by":
      return putBy(name(what.from), name(what.to));
    case "stop":
      return line(docker.stop(name(what.slot), what.timeoutSeconds));
    case "start":
      return line(docker.start(name(what.slot)));
    case "dismiss":
      return dismiss(place, what);
    case "move":
      return ifExists(name(what.from), [["rename", name(what.from), name(what.to)]]);
    case "remove":
      return ifExists(name(what.slot), [["remove", name(what.slot)]]);
    case "expect-free":
      return `if exists ${quote(name(what.slot))}; then
  echo ${quote(`a container named ${name(what.slot)} is there`)}
  return 1
elif [ "$?" -eq 2 ]; then
  return 2
fi`;
    case "set-aside":
      return setAside(place, what);
    case "run":
      return `# What its command holds is for the container.\n# shellcheck disable=SC2016\nplace ${line([name(what.slot), ...docker.run(place.fleet, what.slot, what.release)])}`;
    case "lead":
      return line(["lead", name(what.slot), String(what.port), ...frontWords(place)]);
    case "lead-back":
      return `${portOf(place, what.slot)}\n${line(["lead_back", name(what.slot)])} "\${port:-${place.containerPort}}" ${line(frontWords(place))}`;
    case "keep-lead":
      return line(["front", "keep", place.fleet]);
    case "lead-nowhere":
      return line(["front", "clear", place.fleet]);
    case "retire":
      return "date >retired";
  }
}

/**
 * The answer does not matter, and Docker is not waited for: what is open tells whether the app let go, and it is asked once more before its end. No content
 * type, which some servers refuse.
 */
const letGo = (
  place: Place,
  slot: Slot,
): string => `place_of=$(${docker.inspectField(containerName(place.fleet, slot), docker.PLACE_FORMAT)})
case $place_of in
  'true|'*)
    place_of=\${place_of#*|}
    ${portIn(place.fleet, "${place_of#*|}", appEnvironment.drainPort)}
    if [ -n "$port" ]; then answer -o /dev/null -H 'content-type:' -d '' "http://\${place_of%%|*}:$port/drain" || :; fi
    ;;
esac`;

/** Looked for by its name, and stopped by its id only while it has that name. */
const dismiss = (place: Place, { slot, idleSeconds, cuts, timeoutSeconds, warmSeconds }: Dismissal): string =>
  `exists ${quote(containerName(place.fleet, slot))}
case $? in
  1) return 0 ;;
  2) return 2 ;;
esac
look_at ${quote(containerName(place.fleet, slot))} '{{.State.Running}} {{.Id}}'
case $?:$seen in
  0:'true '*)
    id=\${seen#* }
    ${letGo(place, slot)}
    ${portOf(place, slot)}
    dismiss "$id" "\${port:-${place.containerPort}}" ${hundredths(idleSeconds)} ${cuts ? "cuts" : "halts"} ${timeoutSeconds} ${quote(place.fleet)} ${quote(containerName(place.fleet, slot))} ${hundredths(warmSeconds)}
    ;;
  2:*) return 2 ;;
esac`;

/** Only what was made for that release: a container that somebody else has put there by now is left alone. */
function setAside(place: Place, { slot, release, timeoutSeconds, retreat }: SetAside): string {
  const [name, failed] = [containerName(place.fleet, slot), containerName(place.fleet, "failed")];
  return `look_at ${quote(name)} ${quote(docker.RELEASE_FORMAT)}
case $? in
  1) return 0 ;;
  2) return 2 ;;
esac
case $seen in *${quote(release)}) ;; *) return 0 ;; esac
${retreat ? leaveRotation(place, slot, retreat) : ""}${ifExists(failed, [["remove", failed]])}
${line(docker.restartPolicy(name, "no"))} &&
  ${line(docker.stop(name, timeoutSeconds))} &&
  ${line(["rename", name, failed])}`;
}

function leaveRotation(place: Place, slot: Slot, { via, ejectionSeconds, idleSeconds }: Retreat): string {
  if (via === "led-away")
    return `${letGo(place, slot)}
${portOf(place, slot)}
await_idle ${quote(containerName(place.fleet, slot))} "\${port:-${place.containerPort}}" ${hundredths(idleSeconds)} || :
`;
  return `case $(answer -o /dev/null -w '%{http_code}' ${healthUrl(place)} 2>/dev/null) in
  2?? | 3??)
    # An order to retreat may have begun it.
    is_dropped ${quote(place.fleet)} || dropped_from=
    if [ -n "\${dropped_from:-}" ] || ${line(["drain", place.fleet])}; then
      ${letGo(place, slot)}
      since=$dropped_from
      while [ $(($(now) - since)) -lt ${hundredths(ejectionSeconds)} ]; do sleep ${TICK_SECONDS}; done
      since=$(now)
      while [ $(($(now) - since)) -lt ${hundredths(idleSeconds)} ]; do
        if ended ${quote(containerName(place.fleet, slot))}; then break; fi
        connections=$(${countConnections(place, slot)})
        if [ "\${connections:-unknown}" = 0 ]; then break; fi
        sleep ${TICK_SECONDS}
      done
    fi
    ;;
esac
`;
}

const ifExists = (name: string, commands: readonly string[][]): string =>
  `if exists ${quote(name)}; then\n  ${commands.map(line).join(" &&\n    ")}\nelif [ "$?" -eq 2 ]; then\n  return 2\nfi`;

const putBy = (from: string, to: string): string => `if exists ${quote(from)}; then
  if exists ${quote(to)}; then
    look_at ${quote(to)} '{{.State.Running}}'
    case $?:$seen in
      0:true) return 0 ;;
      0:*) ${line(["remove", to])} || return 1 ;;
      2:*) return 2 ;;
    esac
  fi
  ${line(["rename", from, to])}
elif [ "$?" -eq 2 ]; then
  return 2
fi`;

/** A disk that does not tell holds nobody up. */
const expectSpace = (megabytes: number): string => `free=$(${docker.FREE_DISK})
if [ "\${free:-${megabytes}}" -lt ${megabytes} ]; then
  echo "only $free MB of disk are free, below ${megabytes} MB: Docker might start no container any more, not even the one that serves"
  return 1
fi`;

/** As {@link askTrafficOf} names it. */
const expectDrained = ({ fleet }: Place): string => `instance=$(${docker.inspectField(fleet, docker.INSTANCE_FORMAT)})
# shellcheck disable=SC2154
if [ "$instance" != "$argument" ]; then
  echo "the container changed while it was drained: $instance"
  return 1
fi
if ! is_dropped ${quote(fleet)}; then
  echo 'it is no longer drained'
  return 1
fi`;

/**
 * Ready: running without a restart, and the health path answers 200 at the container's own address. Docker is asked once that is so, and about once a second
 * until then, as its program would take much of the processor that the app starts on. A newer order ends the wait.
 */
function until(place: Place, { ready, port, timeoutSeconds, steadySeconds }: Condition): string {
  const name = containerName(place.fleet, ready);
  const steady = hundredths(steadySeconds);
  const met = steady === 0 ? "return 0" : `if [ $(($(now) - ready_from)) -ge ${steady} ]; then return 0; fi`;
  const url = `"http://\${at:-0.0.0.0}:${port}"${quote(place.healthPath)}`;
  return `since=$(now)
ready_from=
at=
health=000
looked_at=
while :; do
  if [ -n "$at" ]; then health=$(answer -o /dev/null -w '%{http_code}' ${url} 2>/dev/null); fi
  if [ "$health" = 200 ] || [ -z "$looked_at" ] || [ $(($(now) - looked_at)) -ge ${hundredths(1)} ]; then
    looked_at=$(now)
    look_at ${quote(name)} ${quote(docker.ALIVE_FORMAT)}
    case $seen in
      *'true|false|0') ;;
      *)
        echo "the container ended or restarted (running, restarting, restarts: $seen)"
        return 1
        ;;
    esac
    if [ -z "$at" ]; then
      at=$(address_of ${quote(name)})
      if [ -n "$at" ]; then continue; fi
    fi
  fi
  if [ "$health" = 200 ]; then
    ready_from=\${ready_from:-$(now)}
    ${met}
  else
    ready_from=
  fi
  if ordered_anew; then
    echo "another order came before it was ready (health path answered $health)"
    return 1
  fi
  if [ $(($(now) - since)) -ge ${hundredths(timeoutSeconds + steadySeconds)} ]; then
    echo "not ready within ${timeoutSeconds} s (health path answered $health)"
    return 1
  fi
  sleep ${TICK_SECONDS}
done`;
}
