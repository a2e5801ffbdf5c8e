# Lets this NixOS-WSL instance use the /nix on the shared disk.
#
# Written by the NixOS-WSL Storage SDK, which replaces the whole file when a setting changes. Do not
# edit it: set options in configuration.nix instead, where lib.mkForce overrules what is said here.
#
#   see how it booted       cat /run/nix-storage/boot.json
#   boot without the disk   touch /etc/nix-storage.force-rescue, then from Windows: wsl --terminate NAME
#   what else can be done   nix-storage help
#   stop using the disk     first move the store back to the root disk, then remove the import of
#                           this file; without the first step what was built since then is missing
#
{ config, lib, options, pkgs, ... }:

let
  # The settings.
  instance = "main";
  mountName = "nixstorage";
  storageId = "6f1d5b1e-0c0a-4d0e-9a77-3a1f0d7c2b10";
  verifySchedule = "monthly";
  # Of the disk's file system; "" means that it is not asked for.
  fileSystemUuid = "";
  fileSystemType = "ext4";
  mountOptions = "";
  waitSeconds = 15;

  # WSL mounts the disk below its share, which follows the root of the Windows drives.
  shareRoot = "${lib.removeSuffix "/" config.wsl.wslConf.automount.root}/wsl";
  runDir = "/run/nix-storage";
  stateDir = "/var/lib/nix-storage";
  # Made by the commit of the move, on the root disk: from then on the shared disk holds the store.
  armedFile = "/etc/nix-storage.armed";
  active = "${runDir}/active";
  rescue = "${runDir}/rescue";

  # A script: the values it works with, each quoted for the shell, then its text.
  scriptText = values: text:
    "#!${pkgs.runtimeShell}\n"
    + lib.concatStrings (lib.mapAttrsToList (key: value: "${key}=${lib.escapeShellArg value}\n") values)
    + text;
  script = name: values: text: pkgs.writeScript name (scriptText values text);

  mountPoint = "${shareRoot}/${mountName}";
  # The link by which a system names the shim that it was built with.
  shim = "${config.system.build.nativeUtils}/bin/systemd-shim";
  tools = [ pkgs.coreutils pkgs.util-linux config.nix.package ];

  init = script "nix-storage-init" {
    inherit instance storageId fileSystemUuid fileSystemType mountOptions mountPoint runDir stateDir armedFile shim;
    waitSeconds = toString waitSeconds;
    forceRescueFile = "/etc/nix-storage.force-rescue";
    PATH = lib.makeBinPath tools;
  } ''
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
      local text=''${1//[^[:print:]]/?}
      printf '%s' "''${text//[\"\\]/?}"
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
      findings+=''${findings:+,}\"$1\"
      log "finding: $1"
    }

    # Becomes a shim, in the environment that WSL gives.
    become() {
      export -n PATH
      exec -a "$initName" "$1" "''${initArguments[@]}"
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
        [ -L "$instanceDir''${path#/nix}" ] || break
        link=$(readlink "$instanceDir''${path#/nix}")
        case $link in
          /*) path=$link ;;
          *) path=''${path%/*}/$link ;;
        esac
      done
      printf '%s' "$path"
    }

    # Replaces a small file as a whole, durably; never writes through a link.
    keep() {
      rm -f -- "$1.new" && (set -o noclobber && printf '%s\n' "$2" > "$1.new") \
        && sync -- "$1.new" && mv -fT -- "$1.new" "$1" && sync -- "''${1%/*}"
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
      case ''${#devices[@]} in
        0) why=", and no device carries the UUID $fileSystemUuid" && return 1 ;;
        1) ;;
        *) rescue "''${#devices[@]} devices carry the UUID $fileSystemUuid (is a copy of the disk attached?)" ;;
      esac
      # Every user may make names in WSL's share. Behind a link lies any directory, /etc too, and what
      # belongs to a user can become a link at any moment.
      if [ -L "$mountPoint" ] || ! { [ -d "$mountPoint" ] || mkdir -- "$mountPoint" 2> /dev/null; } \
        || [ ! -O "$mountPoint" ]; then
        why=", and it is not a directory of root's"
        return 1
      fi
      # shellcheck disable=SC2016  # expanded by the inner shell
      timeout 5 flock "''${devices[0]}" "$BASH" -c \
        'mountpoint -q "$2" || mount -t "$3" ''${4:+-o "$4"} -- "$1" "$2"' \
        mount "''${devices[0]}" "$mountPoint" "$fileSystemType" "$mountOptions" 2> /dev/null \
        || { why=", and ''${devices[0]} cannot be mounted there" && return 1; }
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
      [ "''${#devices[@]}" -le 1 ] \
        || rescue "''${#devices[@]} devices carry the UUID $fileSystemUuid (is a copy of the disk attached?)"
      if [ "''${#devices[@]}" = 0 ] \
        || [ "$(mountedDevice)" != "$(mountpoint -x "''${devices[0]}")" ]; then
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
    [ "$line" = "$storageId" ] || rescue "wrong disk: the id in $idFile is ''\'$line'"

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
      ''')
        if [ -e "$registerDir/owner" ] || [ -L "$registerDir/owner" ]; then
          rescue "the owner of $instanceDir cannot be read (nix-storage adopt writes it anew)"
        fi
        keep "$registerDir/owner" "$rootUuid" || finding register-not-written
        ;;
      *) rescue "$instanceDir belongs to the instance with the root disk ''\'$line' (nix-storage adopt changes that)" ;;
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
    case ''${system#/nix/store/} in
      "$system" | */* | .*) rescue "the system profile in $instanceDir leads to ''\'$system'" ;;
    esac
    [ -x "$instanceDir''${system#/nix}/activate" ] || rescue "$system in $instanceDir is not a system"
    systemd=$(onDisk "$system/systemd")
    [ -x "$instanceDir''${systemd#/nix}/lib/systemd/systemd" ] || rescue "$system in $instanceDir has no systemd"
    # Not the shim that this script was built with: the system may be another one.
    [ -L "$instanceDir''${system#/nix}/nix-storage-shim" ] \
      || rescue "$system in $instanceDir is older than the nix-storage module: roll forward, or disarm"
    diskShim=$(onDisk "$system/nix-storage-shim")
    case $diskShim/ in
      */../*) diskShimFile= ;;
      /nix/store/*) diskShimFile=$instanceDir''${diskShim#/nix} ;;
      *) diskShimFile= ;;
    esac
    { [ -f "$diskShimFile" ] && [ -x "$diskShimFile" ]; } || rescue "the shim ''\'$diskShim' is missing in $instanceDir"

    # Each boot counts on both sides; a side that was restored from a backup is behind. The root disk
    # notes the next number before the disk has it, so that a power cut in between is not mistaken.
    firstLine "$stateDir/epoch"
    rootEpoch=''${line%% *} rootNext=''${line##* }
    firstLine "$registerDir/epoch"
    diskEpoch=$line
    for number in rootEpoch rootNext diskEpoch; do
      case ''${!number} in
        ''' | *[!0-9]* | ????????????????*) printf -v "$number" 0 ;;
        *) printf -v "$number" %d "$((10#''${!number}))" ;;
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
    (set -o noclobber && printf '%65536s' ''' > "$room") 2> /dev/null
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
    timeout -k 1 10 unshare --mount "$BASH" -c ''\'
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
  '';

  seed = script "nix-storage-seed" {
    inherit runDir armedFile;
    PATH = lib.makeBinPath tools;
  } ''
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
  '';

  command = pkgs.writeScriptBin "nix-storage" (scriptText {
    inherit instance storageId mountPoint runDir stateDir armedFile seed;
    PATH = lib.makeBinPath tools;
  } ''
    # For people and for the SDK: nix-storage COMMAND, as root.

    set -euo pipefail
    export PATH

    usage() {
      cat << 'TEXT''\'
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

    case ''${1-} in
      reseed | adopt | disarm | verify-seed | release-old-store | prune-seed) [ "$EUID" = 0 ] || fail NOT_ROOT "only root may do this" ;;
    esac

    case ''${1-} in
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
          *) system=$(readlink "$instanceDir/var/nix/profiles/''${system##*/}" || true) ;;
        esac
        case $system in
          /nix/store/*/* | /nix/store/.*) fail NOT_A_STORE "the system profile in $instanceDir leads to ''${system@Q}" ;;
          /nix/store/*) ;;
          *) fail NOT_A_STORE "the system profile in $instanceDir leads to ''${system@Q}" ;;
        esac
        NIX_REMOTE=local "''${nix[@]}" copy --no-check-sigs \
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
        if [ -L "$registerDir" ] || [ -L "''${registerDir%/*}" ]; then fail WRONG_STORAGE "$registerDir is a link"; fi
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
        sync "''${armedFile%/*}"
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
            "''${nix[@]}" store verify --recursive --no-trust
        else
          exec "''${nix[@]}" store verify --recursive --no-trust /run/current-system
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
        case ''${2-} in
          ''' | 0* | *[!0-9]* | ?????*)
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
        NIX_REMOTE=local onRootDisk "$BASH" -ec ''\'
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
  '');

  # /nix has to be in place before systemd runs: what mounts it later hides the running store.
  isStore = where: builtins.elem where [ "/nix" "/nix/" "/nix/store" "/nix/store/" ];
  initTimeout = config.wsl.wslConf.boot.initTimeout or null;

  # Nix may change a store only where it is the one that this instance is meant to have: not the
  # root disk's during a rescue boot. A leading bar means that one of the two is enough.
  withItsOwnStore = {
    unitConfig.ConditionPathExists = [ "|${active}" "|!${armedFile}" ];
  };
in
{
  assertions = [
    {
      assertion = !builtins.any isStore
        (lib.mapAttrsToList (name: entry: entry.mountPoint or name) config.fileSystems);
      message = "nix-storage.nix puts /nix in place before systemd starts; remove fileSystems.\"/nix\" and fileSystems.\"/nix/store\".";
    }
    {
      assertion = !builtins.any (unit: isStore unit.where) (config.systemd.mounts ++ config.systemd.automounts);
      message = "nix-storage.nix puts /nix in place before systemd starts; remove the entry of systemd.mounts or systemd.automounts that mounts /nix or /nix/store.";
    }
    {
      assertion = !config.wsl.wslConf.automount.mountFsTab;
      message = "nix-storage.nix needs wsl.wslConf.automount.mountFsTab = false: WSL would mount before the shared disk is there.";
    }
    {
      assertion = builtins.match "/[A-Za-z0-9._/-]*" config.wsl.wslConf.automount.root != null;
      message = "nix-storage.nix needs a wsl.wslConf.automount.root of letters, digits and . _ - / only.";
    }
  ];
  warnings = lib.optional (initTimeout == null || (builtins.isInt initTimeout && initTimeout < 40000))
    "nix-storage.nix: wsl.wslConf.boot.initTimeout should be at least 40000 ms. A boot may wait 15 s for the shared disk before systemd starts, and WSL opens the session when the time is over, ready or not.";

  # Before any other step, which is what the first character of its name is for (steps run in the
  # order of their names where nothing else is said): the root disk gets the system before its links
  # name it, on switch, on test, and at each boot. If it cannot, nothing is activated.
  system.activationScripts."0-nix-storage-seed" = ''
    if ! ${seed} "$systemConfig" links; then
      echo "nix-storage: not activated: the system could not be copied to the root disk" >&2
      exit 1
    fi
  '';

  # Instead of the step with which NixOS-WSL points /sbin/init to its shim, and in one step: with a
  # second step after that one, a crash between them would leave an instance that boots past the
  # shared disk and builds into the wrong store.
  system.activationScripts.shimSystemd.text = lib.mkForce ''
    echo "setting up /sbin/init for nix-storage..."
    ln -sfn ${init} /sbin/.init.new
    mv -T /sbin/.init.new /sbin/init
  '';

  # The hook starts the shim of the system that it boots, which may be another than its own. Releases
  # of NixOS differ in which of the two options they have.
  system.${if options.system ? extraSystemBuilderCmds then "extraSystemBuilderCmds" else "systemBuilderCommands"} = ''
    ln -s ${shim} "$out"/nix-storage-shim
  '';

  # Runs on `switch` and `boot` before anything is activated; its failure ends the switch there.
  system.build.installBootLoader = lib.mkForce (script "nix-storage-boot-loader" { inherit seed; } ''
    exec "$seed" "$1" profile
  '');
  system.build.nixStorageInit = init;
  system.build.nixStorageSeed = seed;
  environment.systemPackages = [ command ];

  # A file, not a link into a store: WSL reads it before any /nix is in place.
  environment.etc."wsl.conf".mode = "0644";
  # Longer than the wait above and what systemd needs after it; at 60 s WSL's own limit on
  # --terminate would be met.
  wsl.wslConf.boot.initTimeout = lib.mkDefault 40000;

  systemd.sockets.nix-daemon = lib.mkIf config.nix.enable withItsOwnStore;
  systemd.services.nix-daemon = lib.mkIf config.nix.enable withItsOwnStore;
  # Only where it was switched on: this module adds no garbage collection.
  systemd.services.nix-gc = lib.mkIf config.nix.gc.automatic withItsOwnStore;

  environment.interactiveShellInit = ''
    if [ -r ${rescue} ]; then ${pkgs.coreutils}/bin/cat ${rescue} >&2; fi
  '';

  # WSL from 2.9.8 on brings a unit of its own against the same harm as the next one does, but it
  # runs /bin/true, which NixOS-WSL lacks.
  wsl.extraBin = [ { src = "${pkgs.coreutils}/bin/true"; } ];

  # WSL's share is one mount for all instances: without this the shutdown of one of them unmounts
  # the disk in all others.
  systemd.services.nix-storage-share-guard = {
    description = "Keep this instance's shutdown from unmounting ${shareRoot} everywhere";
    wantedBy = [ "multi-user.target" ];
    after = [ "local-fs.target" ];
    unitConfig = {
      ConditionPathIsMountPoint = shareRoot;
      RequiresMountsFor = "${shareRoot}/${mountName}";
    };
    serviceConfig = {
      Type = "oneshot";
      RemainAfterExit = true;
      ExecStart = "${pkgs.coreutils}/bin/true";
      ExecStop = "-${pkgs.util-linux}/bin/mount --make-rslave ${shareRoot}";
    };
  };

  # Reads and reports, nothing else. (nix-store --verify would take rows out of the database.)
  systemd.services.nix-storage-verify = {
    description = "Compare the Nix store on the shared disk with its database";
    startAt = verifySchedule;
    path = [ config.nix.package ];
    unitConfig.ConditionPathExists = active;
    serviceConfig = {
      Type = "oneshot";
      Nice = 19;
      IOSchedulingClass = "idle";
    };
    script = "exec nix --extra-experimental-features nix-command store verify --all --no-trust";
  };
  # The copy on the root disk is read only when it is needed, which is the wrong day to learn that it
  # has rotted.
  systemd.services.nix-storage-verify-seed = {
    description = "Compare the systems on the root disk with their hashes";
    startAt = verifySchedule;
    unitConfig.ConditionPathExists = active;
    serviceConfig = {
      Type = "oneshot";
      Nice = 19;
      IOSchedulingClass = "idle";
    };
    script = "exec ${command}/bin/nix-storage verify-seed";
  };
  # WSL is seldom up at the hour.
  systemd.timers.nix-storage-verify.timerConfig.Persistent = true;
  systemd.timers.nix-storage-verify-seed.timerConfig.Persistent = true;
}
