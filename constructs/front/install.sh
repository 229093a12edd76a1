#!/bin/sh
# Puts the front on a machine of your own: the helper, what it goes by, its units, and the one rule of sudo. Droplets have all of it from cloud-init.
# Root runs it from a copy of this folder, and again after a change of Evenkeel's own: what the front leads to stays. Who asked is counted anew, so not
# while a rollout is under way.
#
#   install.sh [--user deploy] [--ssh-port 22] [--range 172.31.255.240/28]
#
#   --user      whom the rollout logs in as; not root
#   --ssh-port  what sshd listens on, several with commas: no front takes these ports
#   --range     where containers get their addresses: a private range from /24 to /28 that nothing else on the machine uses
#
# Ends with 64 for words that it does not take, with 1 where the machine lacks something. Refusals come before anything is changed, but for the last two.
set -euf
PATH=/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
umask 022
ROOT=
HELPER=/usr/local/sbin/evenkeel-front
RULE=/etc/sudoers.d/evenkeel-front
CONFIG=/etc/evenkeel/front
BRIDGE=ek0

refuse() {
  code=$1
  shift
  echo "install.sh: $*" >&2
  exit "$code"
}

here=$(dirname "$0")
user=deploy ports=22 range=172.31.255.240/28
while [ $# -gt 0 ]; do
  case $1 in --user | --ssh-port | --range) [ $# -ge 2 ] || refuse 64 "$1 takes a word" ;; esac
  case $1 in
    --user) user=$2 ;;
    --ssh-port) ports=$2 ;;
    --range) range=$2 ;;
    *)
      sed -n '2,/^set /{/^#/s/^# \{0,1\}//p;}' "$0" >&2
      exit 64
      ;;
  esac
  shift 2
done

[ "$(id -u)" -eq 0 ] || refuse 1 "only root can put it in place: call it through sudo"
for program in nft sudo visudo systemctl ip flock runuser; do
  command -v "$program" >/dev/null || refuse 1 "$program is missing; on Debian: apt-get install nftables sudo systemd iproute2 util-linux"
done
for file in evenkeel-front evenkeel-front.service evenkeel-front-watch.service; do
  [ -r "$here/$file" ] || refuse 1 "$file is not beside this script: copy all of the folder"
done

case $user in '' | root | [!a-z_]* | *[!a-z0-9_-]*) refuse 64 "not a user's name of small letters, digits, - and _, or root: $user" ;; esac
id -u "$user" >/dev/null 2>&1 || refuse 1 "there is no such user: $user"

case $ports in '' | *[!0-9,]* | ,* | *, | *,,*) refuse 64 "not a port of 1 to 65535: $ports" ;; esac
ports=$(echo "$ports" | tr , ' ')
for port in $ports; do
  case $port in 0* | ??????*) refuse 64 "not a port of 1 to 65535: $port" ;; esac
  [ "$port" -le 65535 ] || refuse 64 "not a port of 1 to 65535: $port"
done

octet='(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])'
private="(10\\.$octet|172\\.(1[6-9]|2[0-9]|3[01])|192\\.168)\\.$octet\\.$octet"
case $range in *[!0-9./]*) refuse 64 "not a private range from /24 to /28 such as 172.31.255.240/28: $range" ;; esac
echo "$range" | grep -Eqx "$private/2[4-8]" || refuse 64 "not a private range from /24 to /28 such as 172.31.255.240/28: $range"
last=${range%/*}
last=${last##*.}
size=$((1 << (32 - ${range#*/})))
[ $((last % size)) -eq 0 ] || refuse 64 "$range does not begin at its first address, which is ${range%.*}.$((last / size * size))"

# An address of another device, whose network has addresses of the range.
met=$(ip -o -4 address show | awk -v range="$range" -v bridge="$BRIDGE" '
  function number(address,   part) { split(address, part, "."); return ((part[1] * 256 + part[2]) * 256 + part[3]) * 256 + part[4] }
  $2 != bridge {
    split(range, one, "/"); split($4, other, "/")
    bits = other[2] == "" ? 32 : other[2] + 0
    if (bits > one[2] + 0) bits = one[2] + 0
    size = 2 ^ (32 - bits)
    if (int(number(one[1]) / size) == int(number(other[1]) / size)) print $2, $4
  }')
[ -z "$met" ] || refuse 1 "$range has addresses that a device of this machine has already: $met"

was=$(sed -n 's/^subnet //p' "$ROOT$CONFIG" 2>/dev/null) || was=$range
for fronts in "$ROOT/var/lib/evenkeel/front/fronts" "$ROOT/run/evenkeel/front/fronts"; do
  if [ "$was" != "$range" ] && [ -s "$fronts" ]; then refuse 1 "there are fronts that lead into $was: clear them first ($HELPER show)"; fi
done

# Whole or not at all, whoever reads it meanwhile. A name with a dot means nothing to sudo and systemd. Arguments: mode, path; the content comes in.
put() {
  mkdir -p "$(dirname "$ROOT$2")"
  cat >"$ROOT$2.new"
  chmod "$1" "$ROOT$2.new"
  case $2 in
    "$RULE")
      visudo -cqf "$ROOT$2.new" || {
        rm -f "$ROOT$2.new"
        refuse 1 "visudo does not take the rule"
      }
      ;;
  esac
  mv "$ROOT$2.new" "$ROOT$2"
}

again=
[ ! -e "$ROOT$HELPER" ] || again=yes
put 0755 "$HELPER" <"$here/evenkeel-front"
{
  echo "subnet $range"
  echo "bridge $BRIDGE"
  for port in $ports; do echo "ssh $port"; done
  echo "user $user"
} | put 0644 "$CONFIG"
for unit in evenkeel-front.service evenkeel-front-watch.service; do put 0644 "/etc/systemd/system/$unit" <"$here/$unit"; done
systemctl daemon-reload
systemctl enable --now evenkeel-front.service
# The first thing that a watch does is to load a table that nobody has noted the shape of: one of this helper and these words.
[ -z "$again" ] || rm -f "$ROOT/run/evenkeel/front/shape"
systemctl enable --now evenkeel-front-watch.service
[ -z "$again" ] || systemctl restart evenkeel-front-watch.service

echo "$user ALL=(root) NOPASSWD: $HELPER" | put 0440 "$RULE"
runuser -u "$user" -- sudo -n "$HELPER" network >/dev/null ||
  refuse 1 "sudo does not let $user call the helper: /etc/sudoers has to read /etc/sudoers.d, and no later rule may ask for a password"
echo "The front is in place: $user may call $HELPER, and containers get their addresses from $range."
