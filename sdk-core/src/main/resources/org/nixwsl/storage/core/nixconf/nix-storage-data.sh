# Waits until a directory of the shared disk can be mounted: systemd itself would make an empty one
# where the disk is not there. Fails where it must not be, and then it is not mounted, and what is
# below the mount point stays as it is.
# Argument: where it is mounted.

set -euo pipefail
export PATH

fail() {
  echo "nix-storage: $where is not mounted: $*" >&2
  exit 1
}

where=$1
below=.nixwsl/data/$instance$where
source=$mountPoint/$below

# The hook has looked at the disk and holds the lease; without it another instance may use the same.
[ -e "$runDir/active" ] || fail "this instance does not run from the shared disk: nix-storage status"
quarters=0
until mountpoint -q "$mountPoint"; do
  [ "$quarters" -lt 120 ] || fail "nothing is mounted on $mountPoint after 30 s"
  quarters=$((quarters + 1))
  sleep 0.25
done
[ -d "$source" ] || fail "$source does not exist: make it, or copy there what is in $where (cp -a)"
[ "$(realpath -e -- "$source")" = "$(realpath -e -- "$mountPoint")/$below" ] \
  || fail "a link on the way to $source leads elsewhere"
# /nix is of the disk that the hook has looked at. A subvolume of btrfs has a number of its own.
disk() {
  if [ "$fileSystemType" = btrfs ]; then
    findmnt -n -v -o SOURCE,FSTYPE --target "$1"
  else
    stat -c %d -- "$1"
  fi
}
[ "$(disk "$source")" = "$(disk /nix)" ] || fail "$source is not on the disk that /nix is on"
