#!/bin/sh
# The disk of one droplet: this machine's programs, everything else as a new droplet has it, and a file system for Docker.
# Arguments: the droplet's folder, size of Docker's file system in MB.
set -eu
files=$(dirname "$0")
folder=$1
docker_mb=$2
root=$folder/root
upper=$folder/disk/upper
base=/usr/share/base-passwd

mkdir "$folder/disk" "$root"
# An overlay's upper folder cannot lie in the file system that its lower one is.
mount -t tmpfs evenkeel-lab "$folder/disk"
mkdir "$folder/disk/work" "$upper" "$upper/usr" "$upper/etc" "$upper/etc/ssh" "$upper/etc/cloud" "$upper/etc/systemd"

# Hides what the lower folder has.
hide() {
  for entry; do
    if [ -e "$entry" ] || [ -L "$entry" ]; then mknod "$upper$entry" c 0 0; fi
  done
}
for entry in /* /.[!.]*; do
  case $entry in
    /bin | /sbin | /lib* | /usr | /etc) ;;
    *) hide "$entry" ;;
  esac
done
hide /usr/local /etc/apt /etc/cron.d /etc/docker /etc/systemd/system /etc/cloud/cloud-init.disabled /etc/environment \
  /etc/hosts /etc/hostname /etc/resolv.conf /etc/machine-id /etc/ssh/sshd_config.d /etc/ssh/ssh_host_*

mount -t overlay -o "lowerdir=/,upperdir=$upper,workdir=$folder/disk/work" evenkeel-lab "$root"
cp "$files/cloud.cfg" "$root/etc/cloud/cloud.cfg.d/99-lab.cfg"
install -m 0755 "$files/systemctl" "$root/usr/bin/systemctl"
cd "$root"
mkdir -p dev proc sys run home mnt lab var/log var/tmp var/cache var/spool var/lib/docker usr/local/bin usr/local/sbin \
  etc/apt/apt.conf.d etc/ssh/sshd_config.d etc/systemd/system
mkdir -m 0700 root
mkdir -m 1777 tmp
ln -s /run var/run
cp "$files/boot.sh" "$files/services.sh" "$files/control.sh" lab/

# Debian's own accounts and sshd's, without a password.
sed 's/^\([^:]*\):[^:]*/\1:x/' "$base/passwd.master" >etc/passwd
echo 'sshd:x:101:65534::/run/sshd:/usr/sbin/nologin' >>etc/passwd
cp "$base/group.master" etc/group
cut -d : -f 1 etc/passwd | sed 's/$/:*:19000:0:99999:7:::/' >etc/shadow
cut -d : -f 1 etc/group | sed 's/$/:*::/' >etc/gshadow
chmod 0640 etc/shadow etc/gshadow

truncate -s "${docker_mb}M" "$folder/docker.ext4"
mkfs.ext4 -q -F -E lazy_itable_init=1,lazy_journal_init=1 -m 0 "$folder/docker.ext4"
# The kernel would fill in the rest in the background, on the real disk.
mount -o loop,noinit_itable "$folder/docker.ext4" var/lib/docker
