# What the instance shows of its boot, one `key=value` a line, once systemd has settled.
for _ in $(seq 150); do
  state=$(systemctl is-system-running 2> /dev/null)
  case $state in running | degraded) break ;; esac
  sleep 0.1
done
echo "state=$state"
json=$(cat /run/nix-storage/boot.json 2> /dev/null)
field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" <<< "$json"; }
echo "decision=$(field decision)"
echo "reason=$(field reason)"
echo "findings=$(sed -n 's/.*"findings":\[\([^]]*\)\].*/\1/p' <<< "$json" | tr -d '"')"
echo "where=$(cat /nix/var/where)"
echo "shim=$(cat /run/test-shim)"
system=$(readlink -f /nix/var/nix/profiles/system)
echo "system=${system##*-system-}"
# Not mixed: store, database, profile and the running system are of one /nix, and that one is whole.
mixed=no
[ "$(readlink /run/current-system)" = "$system" ] || mixed="current-system $(readlink /run/current-system)"
nix=$(findmnt -n -o FSROOT --mountpoint /nix) store=$(findmnt -n -o FSROOT --mountpoint /nix/store)
case $store in "${nix:-/nix}"/store) ;; *) mixed="store at $store, /nix at $nix" ;; esac
for path in $(NIX_REMOTE=local nix-store --query --requisites "$system"); do [ -e "$path" ] || mixed="$path is missing"; done
echo "mixed=$mixed"
echo "daemon=$(systemctl is-active nix-daemon.socket)"
echo "guard=$(systemctl is-active nix-storage-share-guard.service)"
[ -e /run/nix-storage/rescue ] && echo notice=yes || echo notice=no
# B1: what the links of the root disk name is valid in the root disk's own /nix.
mkdir -p /run/test-root
mountpoint -q /run/test-root || mount --bind --make-private / /run/test-root
dangling=
for link in /sbin/init /etc/static; do
  target=$(readlink "/run/test-root$(readlink -f "${link%/*}")/${link##*/}")
  [ -e "/run/test-root$target" ] || dangling="$dangling $link"
done
umount /run/test-root
echo "dangling=$dangling"
