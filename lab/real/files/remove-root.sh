#!/bin/sh
# Removes what make-root.sh made. Argument: the droplet's folder.
set -eu
umount "$1/root/var/lib/docker"
umount "$1/root"
umount "$1/disk"
rm -rf --one-file-system "$1"
