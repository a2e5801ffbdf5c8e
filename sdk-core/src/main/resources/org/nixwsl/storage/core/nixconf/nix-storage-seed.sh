# Copies a system into the /nix of the root disk, which the shared disk's /nix hides, so that the
# instance still boots when the disk is away.
# Arguments: the system, and `profile` when it is the one that a boot is to take.

set -euo pipefail

# Without the disk the /nix in place is the root disk's own.
[ -e "$runDir/active" ] || exit 0

system=$(readlink -f "$1")
root=$runDir/root-disk
mkdir -p "$root"
exec 9> "$runDir/seed.lock"
flock 9

# Not recursive: the view of / without the mounts on it, with the hidden /nix in its place.
mountpoint -q "$root" || mount --bind --make-private / "$root"
trap 'umount "$root"' EXIT

echo "nix-storage: copying $system to the root disk"
nix --extra-experimental-features nix-command copy --no-check-sigs --to "$root" "$system"
# On the disk before the profile names it: a profile must not point to what a power cut took away.
sync -f "$root"
if [ "${2:-}" = profile ]; then
  nix-env --store "$root" --profile "$root/nix/var/nix/profiles/system" --set "$system"
  sync -f "$root"
fi
