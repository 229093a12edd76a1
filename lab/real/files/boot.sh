#!/bin/sh
# What systemd does when a droplet boots: cloud-init's stages, with services between them. Prints how far it is, for the lab.
# Argument: seconds until it begins.
# shellcheck source-path=SCRIPTDIR source=services.sh
. /lab/services.sh

stage() { cloud-init "$@" >>/var/log/lab-boot.log 2>&1; }

sleep "$1"
# By this folder cloud-init and others know that the machine is systemd's.
mkdir -p /run/systemd/system
stage init --local
stage init
if start_ssh; then echo ssh; fi
stage modules --mode=config
start_enabled
stage modules --mode=final
echo 'done'
exec sleep infinity >/dev/null 2>&1
