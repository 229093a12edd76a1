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

# shellcheck disable=SC2046
case $* in
  'freeze ssh') signal_program STOP sshd ;;
  'thaw ssh') signal_program CONT sshd ;;
  'freeze docker') signal_program STOP dockerd ;;
  'thaw docker') signal_program CONT dockerd ;;
  'restart ssh') stop_ssh && start_ssh ;;
  'restart docker') stop_docker && start_docker ;;
  # Who serves connections calls itself after the user, who accepts them after its program.
  'cut ssh') signal KILL $(pgrep -f '^sshd: [^/]') ;;
  'kill '*) signal KILL "$2" ;;
  *)
    echo "no such control: $*" >&2
    exit 2
    ;;
esac
