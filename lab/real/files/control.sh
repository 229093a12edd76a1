#!/bin/sh
# What tests do to a droplet's services from outside. Arguments: what, to which.
set -eu
# shellcheck source-path=SCRIPTDIR source=services.sh
. /lab/services.sh

# Arguments: signal, processes. One that is gone by now needs none.
signal() {
  name=$1
  shift
  for pid; do kill "-$name" "$pid" || [ ! -e "/proc/$pid" ]; done
}

# To every process of a program. It sees this droplet's only, which has a PID namespace of its own.
signal_program() {
  pids=$(pgrep -x "$2")
  # shellcheck disable=SC2086
  signal "$1" $pids
}

# Takes all that is left of the file system, in pieces that halve: what only root may use as well.
fill_disk() {
  left=$(stat -f -c %f /var/lib/docker)
  block=$(stat -f -c %S /var/lib/docker)
  pieces=0
  mkdir /var/lib/docker/full
  while [ "$left" -gt 0 ]; do
    if fallocate -l "$((left * block))" "/var/lib/docker/full/$pieces" 2>/dev/null; then
      pieces=$((pieces + 1))
    else
      rm -f "/var/lib/docker/full/$pieces"
      left=$((left / 2))
    fi
  done
}

change_host_key() {
  mkdir /etc/ssh/before
  mv /etc/ssh/ssh_host_* /etc/ssh/before
  ssh-keygen -q -A
}

restore_host_key() {
  mv /etc/ssh/before/* /etc/ssh
  rmdir /etc/ssh/before
}

# shellcheck disable=SC2046
case $* in
  'freeze ssh') signal_program STOP sshd ;;
  'thaw ssh') signal_program CONT sshd ;;
  'freeze docker') signal_program STOP dockerd ;;
  'thaw docker') signal_program CONT dockerd ;;
  'restart ssh') stop_ssh && start_ssh ;;
  'change host-key') change_host_key ;;
  'restore host-key') restore_host_key ;;
  'fill disk') fill_disk ;;
  'free disk') rm -rf /var/lib/docker/full ;;
  'stop docker') stop_docker ;;
  'start docker') start_docker ;;
  'restart docker') stop_docker && start_docker ;;
  # Who serves connections calls itself after the user, who accepts them after its program.
  'cut ssh') signal KILL $(pgrep -f '^sshd: [^/]') ;;
  'kill '*) signal KILL "$2" ;;
  *)
    echo "no such control: $*" >&2
    exit 2
    ;;
esac
