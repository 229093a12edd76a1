# shellcheck shell=sh
# The services of a droplet, run as their units say as far as that goes without systemd. To be sourced.

units=/etc/systemd/system
wanted=$units/multi-user.target.wants

# Argument: file that holds the id of a process.
alive() { [ -s "$1" ] && kill -0 "$(cat "$1")"; }

# Starts a program that outlives the caller, and waits until a command succeeds. Fails when the program ends before.
# Arguments: name of its log, that command, the program with its arguments.
launch() {
  log=/var/log/$1.log
  ready=$2
  shift 2
  setsid "$@" </dev/null >>"$log" 2>&1 &
  launched=$!
  until "$ready"; do
    kill -0 "$launched" || return 1
    sleep 0.05
  done
}

# Ends a program where it runs. Argument: file that holds the id of its process.
end() {
  if ! alive "$1"; then return; fi
  pid=$(cat "$1")
  kill "$pid"
  while [ -e "/proc/$pid" ]; do sleep 0.05; done
}

containerd_answers() { [ -S /run/containerd/containerd.sock ]; }

start_containerd() {
  if alive /run/containerd.pid; then return; fi
  launch containerd containerd_answers /usr/bin/containerd && echo "$launched" >/run/containerd.pid
}

docker_answers() { curl -s -o /dev/null --unix-socket /run/docker.sock http://docker/_ping; }

start_docker() {
  if docker_answers; then return; fi
  # shellcheck disable=SC1091
  . /etc/default/docker
  # shellcheck disable=SC2086
  start_containerd &&
    launch dockerd docker_answers /usr/sbin/dockerd -H unix:///run/docker.sock \
      --containerd=/run/containerd/containerd.sock $DOCKER_OPTS
}

# Containers go on, as the declared live-restore says.
stop_docker() { end /run/docker.pid; }

ssh_listens() { [ -s /run/sshd.pid ]; }

start_ssh() {
  mkdir -p /run/sshd
  rm -f /run/sshd.pid
  /usr/sbin/sshd -t && launch sshd ssh_listens /usr/sbin/sshd -D
}

# Connections go on, without the process that accepted them.
stop_ssh() { end /run/sshd.pid; }

# Arguments: setting, unit.
setting() { sed -n "s/^$1=//p" "$units/$2"; }

# The program of a unit, with its words. Argument: unit.
run_unit() {
  # shellcheck disable=SC2046
  set -- $(setting ExecStart "$1")
  "$@"
}

run_metadata_block() { run_unit evenkeel-metadata.service; }

# Once a boot, as RemainAfterExit=yes says.
run_front() {
  if [ -e /run/front-ran ]; then return; fi
  run_unit evenkeel-front.service && touch /run/front-ran
}

# As Restart=always and RestartSec=1 say.
watch_front() {
  if alive /run/front-watch.pid; then return; fi
  # shellcheck disable=SC2016
  setsid /bin/sh -c '. /lab/services.sh; while :; do run_unit evenkeel-front-watch.service; sleep 1; done' \
    </dev/null >>/var/log/front-watch.log 2>&1 &
  echo $! >/run/front-watch.pid
}

# With all of its processes.
stop_watch() {
  if ! alive /run/front-watch.pid; then return; fi
  pid=$(cat /run/front-watch.pid)
  kill -- "-$pid"
  while [ -e "/proc/$pid" ]; do sleep 0.05; done
}

run_recovery() { runuser -l "$(setting User evenkeel-recover.service)" -c "$(setting ExecStart evenkeel-recover.service)"; }

enable_unit() { mkdir -p "$wanted" && ln -sf "$units/$1" "$wanted/$1"; }

start_enabled() {
  if [ -L "$wanted/evenkeel-metadata.service" ]; then run_metadata_block; fi
  if [ -L "$wanted/evenkeel-front.service" ]; then run_front; fi
  if [ -L "$wanted/docker.service" ]; then start_docker; fi
  if [ -L "$wanted/evenkeel-front-watch.service" ]; then watch_front; fi
  # Nothing waits for it, as nothing is ordered after its unit.
  if [ -L "$wanted/evenkeel-recover.service" ]; then run_recovery </dev/null >>/var/log/recover.log 2>&1 & fi
}
