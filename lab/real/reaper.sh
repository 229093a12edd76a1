#!/bin/sh
# Removes everything of one real world: processes, interfaces, mounts and with them namespaces and, loop devices, cgroups, files. Waits for the end
# of its standard input first: the owner keeps it open, so that this happens however the owner ends.
# Arguments: folder of all worlds, number of this one, its owner as the claim names it, mark (NAME=value).
worlds=$1
number=$2
owner=$3
mark=$4
trap '' HUP INT TERM
cat >/dev/null

# One at a time: another one may be after the same remains, and the number may be another world's after that.
exec 9<"$worlds"
flock 9
if [ "$(readlink "$worlds/$number.owner")" != "$owner" ]; then exit 0; fi

# Those in the world's network, and those marked. Of a droplet all that counts is its first process: everything else on it ends
# with that one.
processes() {
  for namespace in "$worlds/$number"/net/*; do
    find /proc/[0-9]*/ns/net -maxdepth 0 -lname "net:\[$(stat -c %i "$namespace")\]"
  done | cut -d / -f 3
  grep -ls -e "$mark" /proc/[0-9]*/environ | cut -d / -f 3
}

# Innermost first.
mounts() { awk -v top="$worlds/$number/" 'index($5, top) == 1 { print $5 }' /proc/self/mountinfo | sort -r; }

cgroups() {
  find /sys/fs/cgroup -depth -type d \( -name "evenkeel-lab-$number" -o -path "*/evenkeel-lab-$number/*" \)
}

# What has been ended takes a moment to be gone: again until nothing is left.
# Arguments: what lists the remains, what removes those given to it.
remove_all() {
  for round in $(seq 200); do
    remains=$("$1")
    if [ -z "$remains" ]; then return; fi
    # shellcheck disable=SC2086
    $2 $remains
    if [ "$round" -gt 2 ]; then sleep 0.05; fi
  done
  return 1
}

remove_all processes 'kill -9' || exit 1
if ip link show "ek$number" >/dev/null; then ip link delete "ek$number"; fi
remove_all mounts umount && remove_all cgroups rmdir && rm -rf --one-file-system "${worlds:?}/$number" && rm "$worlds/$number.owner"
