# What the instance shows of its boot, one `key=value` a line. Systemd has settled.
state=$(systemctl is-system-running 2> /dev/null)
[ "$state" = running ] || state="$state $(systemctl list-units --failed --plain --no-legend | tr '\n' ' ')"
echo "state=$state"
echo "json=$(cat /run/nix-storage/boot.json 2> /dev/null)"
echo "active=$(cat /run/nix-storage/active 2> /dev/null)"
echo "notice=$(grep '^Reason: ' /run/nix-storage/rescue 2> /dev/null)"
echo "where=$(cat /nix/var/where)"
echo "shim=$(cat /run/test-shim)"
system=$(readlink -f /nix/var/nix/profiles/system)
running=$(readlink /run/current-system)
echo "system=${system##*-system-}"
echo "running=${running##*-system-}"
nix=$(findmnt -n -o FSROOT --mountpoint /nix)
echo "nix=$nix"
flock -n -x "/mnt/wsl/nixstorage/.nixwsl/locks$nix" true 2> /dev/null && echo lease=free || echo lease=held

# Not mixed and not empty: all parts are of one device and one directory, and whole.
mixed=
device=$(stat -c %d /nix)
if [ -n "$nix" ]; then
  [ "$device" = "$(stat -c %d /mnt/wsl/nixstorage)" ] || mixed="/nix is not of the disk"
  [ "$(stat -c %i /nix)" = "$(stat -c %i "/mnt/wsl/nixstorage$nix")" ] || mixed="/nix is another directory"
else
  [ "$device" = "$(stat -c %d /)" ] || mixed="/nix is not of the root disk"
fi
for part in store var var/nix var/nix/db var/nix/profiles var/nix/gcroots; do
  [ "$(stat -c %d /nix/$part)" = "$device" ] || mixed="$mixed, $part is of another device"
done
[ "$(grep -c ' /nix ' /proc/self/mountinfo)" = "${nix:+1}" ] || [ -z "$nix" ] || mixed="$mixed, /nix is mounted twice"
[ "$(findmnt -n -o FSROOT --mountpoint /nix/store)" = "${nix:-/nix}/store" ] || mixed="$mixed, /nix/store is another"
findmnt -n -o OPTIONS --mountpoint /nix/store | grep -qw '^ro' || mixed="$mixed, /nix/store is writable"
export NIX_REMOTE=local
paths=$(nix path-info --all) || mixed="$mixed, the database cannot be read"
[ "$(wc -w <<< "$paths")" -gt 5 ] || mixed="$mixed, the database is empty"
for path in $paths; do [ -e "$path" ] || mixed="$mixed, $path is missing"; done
nix-store --query --requisites "$system" > /dev/null || mixed="$mixed, $system is not known"
echo "mixed=$mixed"

# nix-daemon, asked of systemd, started by hand, and called.
if [ -e /run/nix-storage/rescue ]; then systemctl start nix-daemon.socket nix-daemon.service; fi
NIX_REMOTE=daemon nix store ping > /dev/null 2>&1 && answer=answers || answer=refused
echo "daemon=$(systemctl is-active nix-daemon.socket) $(systemctl is-active nix-daemon.service) $answer"
echo "guard=$(systemctl is-active nix-storage-share-guard.service)"
echo "mounts=$(awk '$5 ~ "^/mnt/wsl" { print $5 }' /proc/self/mountinfo | sort | paste -sd ' ')"
echo "views=$(awk '$5 ~ "^/run/nix-storage" { print $5 }' /proc/self/mountinfo)"

# B1, B10: what the links of the root disk name is valid in the root disk's own /nix, with all that it needs.
root=/run/test-root
mkdir -p $root
mountpoint -q $root || mount --bind --make-private / $root
dangling=
for link in /sbin/init /etc/static; do
  target=$(readlink "$root$(readlink -f "${link%/*}")/${link##*/}")
  path=$(cut -d / -f 1-4 <<< "$target")
  [ -e "$root$target" ] || dangling="$dangling $link"
  for needed in $(nix-store --store $root --query --requisites "$path" || echo /unknown); do
    [ -e "$root$needed" ] || dangling="$dangling $link needs $needed"
  done
done
umount $root
echo "dangling=$dangling"
