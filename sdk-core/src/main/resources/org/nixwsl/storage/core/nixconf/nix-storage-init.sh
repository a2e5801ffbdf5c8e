# Chooses the /nix that this instance boots from: the directory on the shared disk, or the one on
# the root disk. Runs as PID 1 before systemd, in the place of the NixOS-WSL shim, and always ends
# by starting a shim, which makes the store read-only, activates and starts systemd.
#
# No `set -e`: PID 1 must not end, so every failure is led to `rescue` by hand. What is read from
# the disk is not trusted: it may come from another machine.

# WSL starts PID 1 without PATH; what is started by name through another program needs it.
export PATH
# An exec that fails must not end PID 1 where something else is left to try.
shopt -s execfail

LC_ALL=C
initName=$0
initArguments=("$@")
instanceDir=$mountPoint/$instance
ownDir=$mountPoint/.nixwsl
lockFile=$ownDir/locks/$instance
registerDir=$ownDir/instances/$instance
roots=/nix/var/nix/gcroots
findings=
why=

# The text without what could end a JSON string or steer a terminal.
plain() {
  local text=${1//[^[:print:]]/?}
  printf '%s' "${text//[\"\\]/?}"
}

# Tells people and the host what was decided (disk, rescue or unarmed) and why.
report() {
  printf '{"version":1,"decision":"%s","reason":"%s","findings":[%s],"source":"%s","storageId":"%s"}\n' \
    "$1" "$(plain "$2")" "$findings" "$(plain "$instanceDir")" "$storageId" > "$runDir/boot.json"
}

log() {
  { printf '<4>nix-storage: %s\n' "$(plain "$1")" > /dev/kmsg; } 2> /dev/null
}

# What does not keep the instance from booting but must not go unseen. $1 is a fixed name.
finding() {
  findings+=${findings:+,}\"$1\"
  log "finding: $1"
}

# Becomes a shim, in the environment that WSL gives.
become() {
  export -n PATH
  exec -a "$initName" "$1" "${initArguments[@]}"
}

# Goes on with the boot on the root disk's /nix, with the shim of the system there. A system that is
# older than this module does not name its shim; then the one known here has to do.
bootRoot() {
  local own=/nix/var/nix/profiles/system/nix-storage-shim
  if [ -x "$own" ]; then become "$own"; fi
  become "$shim"
}

# Boots from the root disk although the instance belongs to the shared one, and says so.
rescue() {
  exec 9>&- # the lease, if it was taken
  report rescue "$1"
  printf '%s\n' \
    "nix-storage: RESCUE BOOT. This instance runs from its root disk, not from the shared disk." \
    "Reason: $(plain "$1")" \
    "Nothing is lost, but what is changed now is not there once the disk is back. Mend the cause" \
    "(nix-storage help), then stop this instance from Windows with: wsl --terminate NAME" \
    > "$runDir/rescue"
  log "rescue boot: $1"
  bootRoot
}

# Where a path below /nix leads to on the shared disk. Its links are absolute and mean the disk's
# own /nix, which is not in place yet. A bound, because links can form a ring.
onDisk() {
  local path=$1 link
  for _ in 1 2 3 4 5 6 7 8; do
    [ -L "$instanceDir${path#/nix}" ] || break
    link=$(readlink "$instanceDir${path#/nix}")
    case $link in
      /*) path=$link ;;
      *) path=${path%/*}/$link ;;
    esac
  done
  printf '%s' "$path"
}

# Replaces a small file as a whole, durably; never writes through a link.
keep() {
  rm -f -- "$1.new" && (set -o noclobber && printf '%s\n' "$2" > "$1.new") \
    && sync -- "$1.new" && mv -fT -- "$1.new" "$1" && sync -- "${1%/*}"
} 2> /dev/null

# A directory of ours, made if absent; a link in its place is refused.
directory() {
  [ ! -L "$1" ] && { [ -d "$1" ] || mkdir -m 0700 -- "$1" 2> /dev/null; }
}

# The first line of a small file as $line; empty if there is none.
firstLine() {
  line=
  if [ -f "$1" ] && [ ! -L "$1" ]; then IFS= read -r -n 64 line < "$1"; fi
}

findDevices() {
  local found
  found=$(timeout 3 blkid -c /dev/null -t "UUID=$fileSystemUuid" -o device)
  devices=()
  if [ -n "$found" ]; then mapfile -t devices <<< "$found"; fi
}

# Major and minor number of the device that is mounted. For btrfs the kernel shows a number that is
# none of its devices', and the name has to tell.
mountedDevice() {
  if [ "$fileSystemType" = btrfs ]; then
    mountpoint -x "$(findmnt -n -v -o SOURCE --mountpoint "$mountPoint")"
  else
    mountpoint -d "$mountPoint"
  fi
}

# Mounts the disk where WSL has attached it only. The device is locked, so that of two instances
# that start at a time one mounts; the mount appears in both.
mountDisk() {
  [ -n "$fileSystemUuid" ] || return 1
  findDevices
  case ${#devices[@]} in
    0) why=", and no device carries the UUID $fileSystemUuid" && return 1 ;;
    1) ;;
    *) rescue "${#devices[@]} devices carry the UUID $fileSystemUuid (is a copy of the disk attached?)" ;;
  esac
  # Every user may make names in WSL's share. Behind a link lies any directory, /etc too, and what
  # belongs to a user can become a link at any moment.
  if [ -L "$mountPoint" ] || ! { [ -d "$mountPoint" ] || mkdir -- "$mountPoint" 2> /dev/null; } \
    || [ ! -O "$mountPoint" ]; then
    why=", and it is not a directory of root's"
    return 1
  fi
  # shellcheck disable=SC2016  # expanded by the inner shell
  timeout 5 flock "${devices[0]}" "$BASH" -c \
    'mountpoint -q "$2" || mount -t "$3" ${4:+-o "$4"} -- "$1" "$2"' \
    mount "${devices[0]}" "$mountPoint" "$fileSystemType" "$mountOptions" 2> /dev/null \
    || { why=", and ${devices[0]} cannot be mounted there" && return 1; }
}

mkdir -p "$runDir"
rm -f "$runDir/active" "$runDir/rescue" "$runDir/boot.json" "$runDir/lease"

# Until the move to the shared disk is committed, the root disk is the right one: no wait, no fuss.
if [ ! -e "$armedFile" ]; then
  report unarmed "$armedFile is absent"
  bootRoot
fi

[ ! -e "$forceRescueFile" ] || rescue "$forceRescueFile exists"

# WSL may still be attaching the disk. A directory alone proves nothing: WSL leaves it behind, and
# it is then part of a RAM disk. WSL's own mount has three seconds before this script mounts.
quarters=0
until mountpoint -q "$mountPoint"; do
  if [ "$quarters" -ge $((waitSeconds * 4)) ] || [ "$SECONDS" -gt "$waitSeconds" ]; then
    mountDisk && break
    rescue "nothing is mounted on $mountPoint after $waitSeconds s$why"
  fi
  if [ "$quarters" -ge 12 ] && [ $((quarters % 4)) = 0 ] && mountDisk; then break; fi
  quarters=$((quarters + 1))
  sleep 0.25
done

[ ! -L "$mountPoint" ] || rescue "$mountPoint is a link"
# coreutils has a name of its own for ext4.
kind=$fileSystemType
[ "$kind" != ext4 ] || kind=ext2/ext3
[ "$(stat -f -c %T -- "$mountPoint")" = "$kind" ] || rescue "$mountPoint is no disk of the SDK's kind"
if [ -n "$fileSystemUuid" ]; then
  findDevices
  [ "${#devices[@]}" -le 1 ] \
    || rescue "${#devices[@]} devices carry the UUID $fileSystemUuid (is a copy of the disk attached?)"
  if [ "${#devices[@]}" = 0 ] \
    || [ "$(mountedDevice)" != "$(mountpoint -x "${devices[0]}")" ]; then
    rescue "wrong disk: the file system on $mountPoint does not have the UUID $fileSystemUuid"
  fi
fi

if [ ! -d "$instanceDir" ] || [ -L "$instanceDir" ]; then
  rescue "$instanceDir is not a directory"
fi
# All that follows compares this directory with the /nix of the root disk.
[ ! /nix -ef "$instanceDir" ] || rescue "$instanceDir is on /nix already (by fstab, or boot.command in wsl.conf?)"

# The id file is what commits a move; without it the directory may be half a store.
idFile=$instanceDir/.nix-storage-id
if [ ! -f "$idFile" ] || [ -L "$idFile" ]; then
  rescue "$idFile is missing"
fi
firstLine "$idFile"
[ "$line" = "$storageId" ] || rescue "wrong disk: the id in $idFile is '$line'"

# ext4 with errors=remount-ro still shows as mounted. Made anew each time: never written through a link.
probe=$instanceDir/.nix-storage-probe
if ! rm -f -- "$probe" 2> /dev/null || ! (set -o noclobber && : > "$probe") 2> /dev/null; then
  rescue "$instanceDir is not writable"
fi

# The lease: one directory is never bound in two running instances. It belongs to whoever has the
# file open, so that it ends with the instance however that ends.
if ! directory "$ownDir" || ! directory "$ownDir/locks" || ! directory "$ownDir/instances" \
  || ! directory "$registerDir" || [ -L "$lockFile" ] || { [ -e "$lockFile" ] && [ ! -f "$lockFile" ]; } \
  || ! { exec 9>> "$lockFile"; } 2> /dev/null; then
  rescue "the lease $lockFile cannot be opened"
fi
flock -n -x 9 || rescue "$instanceDir is in use by another instance"

# A cloned instance has another root disk.
rootUuid=$(blkid -p -s UUID -o value -- "$(findmnt -n -o SOURCE --mountpoint /)" 2> /dev/null)
[ -n "$rootUuid" ] || rescue "the UUID of the root disk cannot be read"
firstLine "$registerDir/owner"
case $line in
  "$rootUuid") ;;
  '')
    if [ -e "$registerDir/owner" ] || [ -L "$registerDir/owner" ]; then
      rescue "the owner of $instanceDir cannot be read (nix-storage adopt writes it anew)"
    fi
    keep "$registerDir/owner" "$rootUuid" || finding register-not-written
    ;;
  *) rescue "$instanceDir belongs to the instance with the root disk '$line' (nix-storage adopt changes that)" ;;
esac

# Nothing of a store may lie outside of its directory.
for part in store var var/nix var/nix/db var/nix/profiles; do
  if [ ! -d "$instanceDir/$part" ] || [ -L "$instanceDir/$part" ]; then
    rescue "$instanceDir/$part is not a directory"
  fi
done
database=$instanceDir/var/nix/db/db.sqlite
{ [ -s "$database" ] && [ -f "$database" ] && [ ! -L "$database" ]; } || rescue "$instanceDir has no Nix database"

system=$(onDisk /nix/var/nix/profiles/system)
case ${system#/nix/store/} in
  "$system" | */* | .*) rescue "the system profile in $instanceDir leads to '$system'" ;;
esac
[ -x "$instanceDir${system#/nix}/activate" ] || rescue "$system in $instanceDir is not a system"
systemd=$(onDisk "$system/systemd")
[ -x "$instanceDir${systemd#/nix}/lib/systemd/systemd" ] || rescue "$system in $instanceDir has no systemd"
# Not the shim that this script was built with: the system may be another one.
[ -L "$instanceDir${system#/nix}/nix-storage-shim" ] \
  || rescue "$system in $instanceDir is older than the nix-storage module: roll forward, or disarm"
diskShim=$(onDisk "$system/nix-storage-shim")
case $diskShim/ in
  */../*) diskShimFile= ;;
  /nix/store/*) diskShimFile=$instanceDir${diskShim#/nix} ;;
  *) diskShimFile= ;;
esac
{ [ -f "$diskShimFile" ] && [ -x "$diskShimFile" ]; } || rescue "the shim '$diskShim' is missing in $instanceDir"

# Each boot counts on both sides; a side that was restored from a backup is behind. The root disk
# notes the next number before the disk has it, so that a power cut in between is not mistaken.
firstLine "$stateDir/epoch"
rootEpoch=${line%% *} rootNext=${line##* }
firstLine "$registerDir/epoch"
diskEpoch=$line
for number in rootEpoch rootNext diskEpoch; do
  case ${!number} in
    '' | *[!0-9]* | ????????????????*) printf -v "$number" 0 ;;
    *) printf -v "$number" %d "$((10#${!number}))" ;;
  esac
done
behind=
if [ "$diskEpoch" -lt "$rootEpoch" ]; then
  finding disk-restored
  behind=" after the shared disk was restored"
elif [ "$diskEpoch" -gt "$rootNext" ]; then
  finding root-restored
  behind=" after the root disk was restored"
fi

# Nix opens a database only where it can write, and says of every path that it is not valid else.
# Activation too needs room on the root disk. The size is twice the file that SQLite writes first.
room=/nix/var/nix/.nix-storage-probe
rm -f -- "$room" 2> /dev/null
(set -o noclobber && printf '%65536s' '' > "$room") 2> /dev/null
hasRoom=$?
rm -f -- "$room" 2> /dev/null
[ "$hasRoom" = 0 ] || rescue "the root disk is full, or not writable: make room there"

# Activation lets /sbin/init, /bin/sh and /etc of the root disk name this system. If the root disk
# did not have it too, the instance could not start at all as soon as the disk is away.
if [ ! -x "$system/activate" ] \
  || ! HOME=/root NIX_REMOTE=local timeout -k 1 10 nix-store --check-validity "$system" > /dev/null 2>&1; then
  rescue "the root disk has no valid copy of $system (seed older than disk$behind): nix-storage reseed"
fi

# The shim cannot be tried, and when it does not start PID 1 ends. So it has to be, byte by byte, the
# one that the root disk has under the same name.
digest() { timeout 10 sha256sum < "$1"; }
rootDigest=$(digest "$diskShim" 2> /dev/null)
if [ -z "$rootDigest" ] || [ "$(digest "$diskShimFile" 2> /dev/null)" != "$rootDigest" ]; then
  rescue "$diskShim in $instanceDir is not the one that the root disk has"
fi

# A rehearsal: loader, libraries and systemd have to work from the disk alone.
# shellcheck disable=SC2016  # expanded by the inner shell
timeout -k 1 10 unshare --mount "$BASH" -c '
  mount --bind --make-private "$1" /nix || exit 1
  exec /nix/var/nix/profiles/system/systemd/lib/systemd/systemd --version
' rehearsal "$instanceDir" > /dev/null 2>&1 9>&- || rescue "systemd does not run from $instanceDir"

# The root disk keeps what it booted before the move, and whatever its links are about to name.
pin() {
  [ "$(readlink -- "$roots/$1")" != "$2" ] || return 0
  mkdir -p "$roots" && ln -sfn -- "$2" "$roots/$1.new" && mv -fT -- "$roots/$1.new" "$roots/$1"
}
if [ ! -L "$roots/nix-storage-premove" ]; then
  pin nix-storage-premove "$(readlink -f /nix/var/nix/profiles/system)" || finding seed-not-pinned
fi
# Activation could not do it either, and would stop half-way.
pin nix-storage-current "$system" || rescue "the root disk cannot pin $system (is it full?)"

# A full disk must not lead to rescue: garbage can be collected only where the store is in use.
epoch=$((diskEpoch > rootNext ? diskEpoch + 1 : rootNext + 1))
if ! mkdir -p "$stateDir" || ! keep "$stateDir/epoch" "$diskEpoch $epoch" \
  || ! keep "$registerDir/epoch" "$epoch" || ! keep "$stateDir/epoch" "$epoch $epoch"; then
  finding epoch-not-written
fi

# From here on the lease is this child's: it lives as long as the instance, unlike open files of a
# PID 1 that becomes systemd. The file that it holds open also makes a plain unmount fail. It waits
# without a program: one that is still being started when /nix changes might be found no more. What
# it waits for is a pipe that nobody writes to.
if ! mkfifo -m 0600 "$runDir/lease" || ! exec 8<> "$runDir/lease"; then
  rescue "$runDir/lease cannot be made"
fi
rm -f "$runDir/lease"
while :; do read -r -u 8; done > /dev/null 2>&1 &
exec 8>&- 9>&-

# Private, or the mounts below /nix would appear in all other instances and keep the disk busy.
if ! mount --bind --make-private "$instanceDir" /nix; then
  { kill "$!" && wait "$!"; } 2> /dev/null
  rescue "$instanceDir cannot be bound on /nix"
fi

# From here on builtins only: the programs of the root disk's /nix are hidden.
printf '%s\n' "$instanceDir" > "$runDir/active"
report disk "$instanceDir is bound on /nix"
log "booting from $instanceDir"
become "$diskShim"
