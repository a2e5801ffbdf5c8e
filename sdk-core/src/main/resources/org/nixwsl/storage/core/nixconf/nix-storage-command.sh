# For people and for the SDK: nix-storage COMMAND, as root.

set -euo pipefail
export PATH

usage() {
  cat << 'TEXT'
usage: nix-storage COMMAND

  status       how this boot was decided, as JSON
  reseed       copy the system on the shared disk to the root disk, then it can boot
  adopt        make this instance the owner of its directory on the disk
  disarm       boot from the root disk from the next start on
  verify-seed  compare the copy on the root disk with its hashes; repairs nothing
  release-old-store
               allow what the root disk has from before the move to be removed from it
  prune-seed N keep the last N systems on the root disk, and what is pinned; remove the rest
TEXT
}

# What is refused ends with a code, for programs; nothing was changed then.
fail() {
  local code=$1
  shift
  echo "nix-storage: $* [$code]" >&2
  exit 3
}

nix=(nix --extra-experimental-features nix-command)
instanceDir=$mountPoint/$instance
lockFile=$mountPoint/.nixwsl/locks/$instance
registerDir=$mountPoint/.nixwsl/instances/$instance
export HOME=/root

releasedFile=$stateDir/old-store-released

# In a rescue boot the root disk's store is the one in use.
fromDisk() {
  [ -e "$runDir/active" ] || fail NOT_MOUNTED "this instance does not run from the shared disk"
}

needDisk() {
  [ ! -L "$mountPoint" ] || fail WRONG_STORAGE "$mountPoint is a link"
  mountpoint -q "$mountPoint" || fail NOT_MOUNTED "nothing is mounted on $mountPoint: attach the disk first"
  local id=
  if [ -f "$instanceDir/.nix-storage-id" ] && [ ! -L "$instanceDir/.nix-storage-id" ]; then
    IFS= read -r -n 64 id < "$instanceDir/.nix-storage-id" || true
  fi
  [ "$id" = "$storageId" ] || fail WRONG_STORAGE "wrong disk: $instanceDir does not have the id $storageId"
}

# Held until this command ends: no instance may boot from the directory meanwhile.
lease() {
  if [ -L "$mountPoint/.nixwsl" ] || [ -L "$mountPoint/.nixwsl/locks" ] || [ -L "$lockFile" ]; then
    fail WRONG_STORAGE "$lockFile is a link"
  fi
  if [ -e "$lockFile" ] && [ ! -f "$lockFile" ]; then fail WRONG_STORAGE "$lockFile is not a file"; fi
  mkdir -p "$mountPoint/.nixwsl/locks"
  exec 8>> "$lockFile"
  flock -n -x 8 || fail STORAGE_BUSY "$instanceDir is in use by another instance"
}

# Runs a command with the root disk's view as $root, in a mount namespace that ends with it.
onRootDisk() {
  export root=$runDir/root-disk-view
  mkdir -p "$root"
  # shellcheck disable=SC2016  # expanded by the inner shell
  unshare --mount --propagation private "$BASH" -c \
    'mount --bind --make-private / "$root" && exec "$@"' view "$@"
}

case ${1-} in
  reseed | adopt | disarm | verify-seed | release-old-store | prune-seed) [ "$EUID" = 0 ] || fail NOT_ROOT "only root may do this" ;;
esac

case ${1-} in
  status) cat "$runDir/boot.json" ;;
  reseed)
    if [ -e "$runDir/active" ]; then
      "$seed" /nix/var/nix/profiles/system profile
      exec "$seed" /run/current-system links
    fi
    needDisk
    lease
    # Nix follows links, as root.
    for part in store var var/nix var/nix/db var/nix/profiles; do
      if [ ! -d "$instanceDir/$part" ] || [ -L "$instanceDir/$part" ]; then
        fail NOT_A_STORE "$instanceDir/$part is not a directory"
      fi
    done
    system=$(readlink "$instanceDir/var/nix/profiles/system" || true)
    case $system in
      /*) ;;
      *) system=$(readlink "$instanceDir/var/nix/profiles/${system##*/}" || true) ;;
    esac
    case $system in
      /nix/store/*/* | /nix/store/.*) fail NOT_A_STORE "the system profile in $instanceDir leads to ${system@Q}" ;;
      /nix/store/*) ;;
      *) fail NOT_A_STORE "the system profile in $instanceDir leads to ${system@Q}" ;;
    esac
    NIX_REMOTE=local "${nix[@]}" copy --no-check-sigs \
      --from "local?real=$instanceDir/store&state=$instanceDir/var/nix" "$system"
    sync -f /nix
    # A boot needs it, and so may a collection not take it: the same name as in a boot from the disk.
    ln -sfn "$system" /nix/var/nix/gcroots/nix-storage-current.new
    mv -fT /nix/var/nix/gcroots/nix-storage-current.new /nix/var/nix/gcroots/nix-storage-current
    sync -f /nix
    echo "nix-storage: the root disk has $system now; stop this instance from Windows to boot from the disk"
    ;;
  adopt)
    if [ -e "$runDir/active" ]; then
      echo "nix-storage: this instance runs from the disk, so it is the owner"
      exit 0
    fi
    needDisk
      lease
    uuid=$(blkid -p -s UUID -o value -- "$(findmnt -n -o SOURCE --mountpoint /)")
    if [ -z "$uuid" ]; then
      echo "nix-storage: the UUID of the root disk cannot be read" >&2
      exit 1
    fi
    if [ -L "$registerDir" ] || [ -L "${registerDir%/*}" ]; then fail WRONG_STORAGE "$registerDir is a link"; fi
    mkdir -p "$registerDir"
    rm -f "$registerDir/owner.new"
    (set -o noclobber && echo "$uuid" > "$registerDir/owner.new")
    sync "$registerDir/owner.new"
    mv -fT "$registerDir/owner.new" "$registerDir/owner"
    sync "$registerDir"
    echo "nix-storage: this instance owns $instanceDir now; stop it from Windows to boot from the disk"
    ;;
  disarm)
    rm -f "$armedFile"
    sync "${armedFile%/*}"
    echo "nix-storage: from the next start on this instance boots from the root disk"
    if [ -e "$runDir/active" ]; then
      echo "nix-storage: the next start takes the root disk, without what was built on the shared one since the last switch" >&2
    fi
    ;;
  verify-seed)
    if [ -e "$runDir/active" ]; then
      # shellcheck disable=SC2016  # expanded by the inner shell
      onRootDisk "$BASH" -c \
        'exec "$@" --store "$root" "$(readlink "$root/nix/var/nix/gcroots/nix-storage-current")"' verify \
        "${nix[@]}" store verify --recursive --no-trust
    else
      exec "${nix[@]}" store verify --recursive --no-trust /run/current-system
    fi
    ;;
  release-old-store)
    fromDisk
    mkdir -p "$stateDir"
    : > "$releasedFile"
    sync "$releasedFile"
    sync "$stateDir"
    echo "nix-storage: prune-seed may now remove what the root disk has from before the move"
    ;;
  prune-seed)
    case ${2-} in
      '' | 0* | *[!0-9]* | ?????*)
        usage >&2
        exit 2
        ;;
    esac
    fromDisk
    [ -e "$releasedFile" ] \
      || fail STORE_IN_USE "the store of before the move is kept: nix-storage release-old-store gives it up"
    exec 9> "$runDir/seed.lock"
    flock 9
    # Collected with the root disk's view as root directory: roots are absolute links. Programs that
    # run are roots too, and so is what /run names.
    # shellcheck disable=SC2016  # expanded by the inner shell
    NIX_REMOTE=local onRootDisk "$BASH" -ec '
      nix-env --store "$root" --profile "$root/nix/var/nix/profiles/system" --delete-generations "+$1"
      mount --bind /proc "$root/proc"
      mount --bind /run "$root/run"
      exec chroot "$root" nix-store --gc' prune "$2"
    ;;
  help | -h | --help) usage ;;
  *)
    usage >&2
    exit 2
    ;;
esac
