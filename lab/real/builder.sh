#!/bin/sh
# A Docker daemon and a registry for building images, run in mount, network and process namespaces of their own. Prints "ready"
# once both answer; ends in order with the end of its standard input, which its owner keeps open.
# Arguments: folder for what they keep, the registry's configuration, name of a control group.
set -eu
folder=$1
registry_config=$2
group=$3

ip link set lo up
mount -t tmpfs tmpfs /run
printf '%s\n' "$registry_config" >/run/registry.yml
docker-registry serve /run/registry.yml </dev/null >&2 &
registry=$!
# Whatever the machine's own daemon is told in /etc/docker.
echo '{}' >/run/daemon.json
# Builds get no network, so that there is nothing to set up for them.
dockerd --host "unix://$folder/docker.sock" --data-root "$folder/data" --config-file /run/daemon.json \
  --storage-driver overlay2 --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "/$group" \
  --bridge none --iptables=false --ip6tables=false --log-level warn </dev/null >&2 &
dockerd=$!
until
  curl --silent --fail --output /dev/null http://127.0.0.1:5000/v2/ &&
    curl --silent --fail --output /dev/null --unix-socket "$folder/docker.sock" http://docker/_ping
do
  kill -0 "$registry" "$dockerd"
  sleep 0.05
done
echo ready

cat >/dev/null
kill "$dockerd"
wait "$dockerd"
find /sys/fs/cgroup -depth -type d -name "$group" -exec rmdir {} +
