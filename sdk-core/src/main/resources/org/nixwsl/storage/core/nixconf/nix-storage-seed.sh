# Copies a system into the /nix of the root disk (the seed), which the shared disk's /nix hides, so
# that the instance still boots when the disk is away.
# Arguments: the system, and what it is about to become: `profile`, the one that a boot takes, or
# `links`, the one that /etc, /bin and /sbin name.

set -euo pipefail
export PATH

# An older system without this module, switched to by hand, lets /sbin/init lead past the hook.
if [ ! -e "$runDir/boot.json" ] && [ -e "$armedFile" ] && [ ! -d /run/systemd/system ]; then
  mkdir -p "$runDir"
  reason="/sbin/init led past the hook: a system without the nix-storage module was active"
  printf '{"version":1,"decision":"rescue","reason":"%s","findings":["hook-bypassed"],"source":"","storageId":""}\n' \
    "$reason" > "$runDir/boot.json"
  printf 'nix-storage: RESCUE BOOT.\nReason: %s\n' "$reason" > "$runDir/rescue"
fi

# Without the disk the /nix in place is the root disk's own.
[ -e "$runDir/active" ] || exit 0

system=$(readlink -f "$1")
root=$runDir/root-disk
mkdir -p "$root"
exec 9> "$runDir/seed.lock"
flock 9

# Not recursive: the view of / without the mounts on it, with the hidden /nix in its place.
mountpoint -q "$root" || mount --bind --make-private / "$root"
trap 'umount -l "$root"' EXIT

export HOME=/root
roots=$root/nix/var/nix/gcroots
# Each boot comes by here, on a full root disk too. The hook has made sure of both, and an activation
# that stops is worse than a copy that is not made twice.
if [ "$2" = links ] && [ "$(readlink "$roots/nix-storage-current" || true)" = "$system" ] \
  && nix-store --store "$root" --check-validity "$system" > /dev/null 2>&1; then
  exit 0
fi
echo "nix-storage: copying $system to the root disk"
nix --extra-experimental-features nix-command copy --no-check-sigs --to "$root" "$system"
# On the disk before anything names it: no link may lead to what a power cut took away.
sync -f "$root"
case $2 in
  profile) nix-env --store "$root" --profile "$root/nix/var/nix/profiles/system" --set "$system" ;;
  links)
    mkdir -p "$roots"
    ln -sfn "$system" "$roots/nix-storage-current.new"
    mv -fT "$roots/nix-storage-current.new" "$roots/nix-storage-current"
    ;;
esac
sync -f "$root"
