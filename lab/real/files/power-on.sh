#!/bin/sh
# Turns a droplet's disk into a running machine. Runs in mount, UTS, IPC and PID namespaces of its own, in the droplet's network.
# Arguments: the root that make-root.sh made, the droplet's name, seconds from power on to the start of the boot.
set -eu
root=$1
# This process's id as the lab sees it: /proc is still that of the machine around.
read -r pid rest </proc/self/stat
echo "pid $pid"
hostname "$2"

mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount --rbind /sys/fs/cgroup "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=0755 run "$root/run"
mount -t tmpfs -o mode=1777 tmp "$root/tmp"

mount -t tmpfs -o mode=0755 dev "$root/dev"
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
for device in null=3 zero=5 full=7 random=8 urandom=9; do
  mknod -m 0666 "$root/dev/${device%=*}" c 1 "${device#*=}"
done
mknod -m 0666 "$root/dev/tty" c 5 0
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for stream in stdin=0 stdout=1 stderr=2; do
  ln -s "/proc/self/fd/${stream#*=}" "$root/dev/${stream%=*}"
done

cd "$root"
pivot_root . mnt
umount --lazy /mnt
# The first process of a PID namespace is handed every orphan of its machine.
exec tini -- /bin/sh /lab/boot.sh "$3"
