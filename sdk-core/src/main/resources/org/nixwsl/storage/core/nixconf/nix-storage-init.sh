# Chooses the /nix that this instance boots from: the directory on the shared disk, or the one on
# the root disk. Runs as PID 1 before systemd, in the place of the NixOS-WSL shim, and always ends
# by starting that shim, which makes the store read-only, activates and starts systemd.
#
# No `set -e`: PID 1 must not end, so every failure is led to `rescue` by hand. What is read from
# the disk is not trusted: it may come from another machine.

LC_ALL=C
initName=$0
initArguments=("$@")
instanceDir=$mountPoint/$instance

# The text without what could end a JSON string or steer a terminal.
plain() {
  local text=${1//[^[:print:]]/?}
  printf '%s' "${text//[\"\\]/?}"
}

# Tells people and the host what was decided (disk, rescue or unarmed) and why.
report() {
  printf '{"version":1,"decision":"%s","reason":"%s","source":"%s","storageId":"%s"}\n' \
    "$1" "$(plain "$2")" "$(plain "$instanceDir")" "$storageId" > "$runDir/boot.json"
}

log() {
  { printf '<4>nix-storage: %s\n' "$(plain "$1")" > /dev/kmsg; } 2> /dev/null
}

# Goes on with the boot, on whichever /nix is in place by now.
boot() {
  exec -a "$initName" "$shim" "${initArguments[@]}"
}

# Boots from the root disk although the instance belongs to the shared one, and says so.
rescue() {
  report rescue "$1"
  printf '%s\n' \
    "nix-storage: RESCUE BOOT. This instance runs from its root disk, not from the shared disk." \
    "Reason: $(plain "$1")" \
    "Nothing is lost, but what is changed now is not there once the disk is back. Attach the" \
    "disk from Windows, then stop this instance there with: wsl --terminate NAME" \
    > "$runDir/rescue"
  log "rescue boot: $1"
  boot
}

# Where a path below /nix leads to on the shared disk. Its links are absolute and mean the disk's
# own /nix, which is not in place yet. A bound, because links can form a ring.
onDisk() {
  local path=$1 link i
  for i in 1 2 3 4 5 6 7 8; do
    [ -L "$instanceDir${path#/nix}" ] || break
    link=$(readlink "$instanceDir${path#/nix}")
    case $link in
      /*) path=$link ;;
      *) path=${path%/*}/$link ;;
    esac
  done
  printf '%s' "$path"
}

mkdir -p "$runDir"
rm -f "$runDir/active" "$runDir/rescue" "$runDir/boot.json"

# Until the move to the shared disk is committed, the root disk is the right one: no wait, no fuss.
if [ ! -e "$armedFile" ]; then
  report unarmed "$armedFile is absent"
  boot
fi

[ ! -e "$forceRescueFile" ] || rescue "$forceRescueFile exists"

# WSL may still be attaching the disk. A directory alone proves nothing: WSL leaves it behind, and
# it is then part of a RAM disk.
tries=$((waitSeconds * 4))
until mountpoint -q "$mountPoint"; do
  [ "$tries" -gt 0 ] || rescue "nothing is mounted on $mountPoint after $waitSeconds s"
  tries=$((tries - 1))
  sleep 0.25
done

if [ ! -d "$instanceDir" ] || [ -L "$instanceDir" ]; then
  rescue "$instanceDir is not a directory"
fi

# The id file is what commits a move; without it the directory may be half a store.
idFile=$instanceDir/.nix-storage-id
if [ ! -f "$idFile" ] || [ -L "$idFile" ]; then
  rescue "$idFile is missing"
fi
id=
IFS= read -r -n 64 id < "$idFile"
[ "$id" = "$storageId" ] || rescue "wrong disk: the id in $idFile is '$id'"

# ext4 with errors=remount-ro still shows as mounted. Made anew each time: never written through a link.
probe=$instanceDir/.nix-storage-probe
if ! rm -f -- "$probe" 2> /dev/null || ! (set -o noclobber && : > "$probe") 2> /dev/null; then
  rescue "$instanceDir is not writable"
fi

[ -s "$instanceDir/var/nix/db/db.sqlite" ] || rescue "$instanceDir has no Nix database"

system=$(onDisk /nix/var/nix/profiles/system)
case ${system#/nix/store/} in
  "$system" | */* | .*) rescue "the system profile in $instanceDir leads to '$system'" ;;
esac
[ -x "$instanceDir${system#/nix}/activate" ] || rescue "$system in $instanceDir is not a system"
systemd=$(onDisk "$system/systemd")
[ -x "$instanceDir${systemd#/nix}/lib/systemd/systemd" ] || rescue "$system in $instanceDir has no systemd"
[ -x "$instanceDir${shim#/nix}" ] || rescue "$shim is missing in $instanceDir"

# Activation lets /sbin/init, /bin/sh and /etc of the root disk name this system. If the root disk
# did not have it too, the instance could not start at all as soon as the disk is away.
[ -x "$system/activate" ] || rescue "the root disk has no copy of $system (seed older than disk)"

# A rehearsal: loader, libraries and systemd have to work from the disk alone.
unshare --mount "$BASH" -c '
  mount --bind --make-private "$1" /nix || exit 1
  exec /nix/var/nix/profiles/system/systemd/lib/systemd/systemd --version
' rehearsal "$instanceDir" > /dev/null 2>&1 || rescue "systemd does not run from $instanceDir"

# Private, or the mounts below /nix would appear in all other instances and keep the disk busy.
mount --bind --make-private "$instanceDir" /nix || rescue "$instanceDir cannot be bound on /nix"

# From here on builtins only: the programs of the root disk's /nix are hidden.
printf '%s\n' "$instanceDir" > "$runDir/active"
report disk "$instanceDir is bound on /nix"
log "booting from $instanceDir"
boot
