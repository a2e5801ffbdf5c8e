# Lets this NixOS-WSL instance use the /nix on the shared disk.
#
# Written by the NixOS-WSL Storage SDK, which replaces the whole file when a setting changes. Do not
# edit it: set options in configuration.nix instead, where lib.mkForce overrules what is said here.
#
#   see how it booted       cat /run/nix-storage/boot.json
#   boot without the disk   touch /etc/nix-storage.force-rescue, then from Windows: wsl --terminate NAME
#   stop using the disk     first move the store back to the root disk, then remove the import of
#                           this file; without the first step what was built since then is missing
#
{ config, lib, pkgs, ... }:

let
  # The settings.
  instance = "main";
  mountName = "nixstorage";
  storageId = "6f1d5b1e-0c0a-4d0e-9a77-3a1f0d7c2b10";
  waitSeconds = 15;

  # WSL mounts the disk below its share, which follows the root of the Windows drives.
  shareRoot = "${lib.removeSuffix "/" config.wsl.wslConf.automount.root}/wsl";
  runDir = "/run/nix-storage";
  # Made by the commit of the move, on the root disk: from then on the shared disk holds the store.
  armedFile = "/etc/nix-storage.armed";
  active = "${runDir}/active";
  rescue = "${runDir}/rescue";

  # A script: the values it works with, each quoted for the shell, then its text.
  script = name: values: text: pkgs.writeScript name (
    "#!${pkgs.runtimeShell}\n"
    + lib.concatStrings (lib.mapAttrsToList (key: value: "${key}=${lib.escapeShellArg value}\n") values)
    + text
  );

  init = script "nix-storage-init" {
    inherit instance storageId runDir armedFile;
    waitSeconds = toString waitSeconds;
    mountPoint = "${shareRoot}/${mountName}";
    forceRescueFile = "/etc/nix-storage.force-rescue";
    shim = "${config.system.build.nativeUtils}/bin/systemd-shim";
    PATH = lib.makeBinPath [ pkgs.coreutils pkgs.util-linux ];
  } ''
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
      local text=''${1//[^[:print:]]/?}
      printf '%s' "''${text//[\"\\]/?}"
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
      exec -a "$initName" "$shim" "''${initArguments[@]}"
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
        [ -L "$instanceDir''${path#/nix}" ] || break
        link=$(readlink "$instanceDir''${path#/nix}")
        case $link in
          /*) path=$link ;;
          *) path=''${path%/*}/$link ;;
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
    [ "$id" = "$storageId" ] || rescue "wrong disk: the id in $idFile is ''\'$id'"

    # ext4 with errors=remount-ro still shows as mounted. Made anew each time: never written through a link.
    probe=$instanceDir/.nix-storage-probe
    if ! rm -f -- "$probe" 2> /dev/null || ! (set -o noclobber && : > "$probe") 2> /dev/null; then
      rescue "$instanceDir is not writable"
    fi

    [ -s "$instanceDir/var/nix/db/db.sqlite" ] || rescue "$instanceDir has no Nix database"

    system=$(onDisk /nix/var/nix/profiles/system)
    case ''${system#/nix/store/} in
      "$system" | */* | .*) rescue "the system profile in $instanceDir leads to ''\'$system'" ;;
    esac
    [ -x "$instanceDir''${system#/nix}/activate" ] || rescue "$system in $instanceDir is not a system"
    systemd=$(onDisk "$system/systemd")
    [ -x "$instanceDir''${systemd#/nix}/lib/systemd/systemd" ] || rescue "$system in $instanceDir has no systemd"
    [ -x "$instanceDir''${shim#/nix}" ] || rescue "$shim is missing in $instanceDir"

    # Activation lets /sbin/init, /bin/sh and /etc of the root disk name this system. If the root disk
    # did not have it too, the instance could not start at all as soon as the disk is away.
    [ -x "$system/activate" ] || rescue "the root disk has no copy of $system (seed older than disk)"

    # A rehearsal: loader, libraries and systemd have to work from the disk alone.
    unshare --mount "$BASH" -c ''\'
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
  '';

  seed = script "nix-storage-seed" {
    inherit runDir;
    PATH = lib.makeBinPath [ pkgs.coreutils pkgs.util-linux config.nix.package ];
  } ''
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
    if [ "''${2:-}" = profile ]; then
      nix-env --store "$root" --profile "$root/nix/var/nix/profiles/system" --set "$system"
      sync -f "$root"
    fi
  '';

  # Nix may change a store only where it is the one that this instance is meant to have: not the
  # root disk's during a rescue boot. A leading bar means that one of the two is enough.
  withItsOwnStore = {
    unitConfig.ConditionPathExists = [ "|${active}" "|!${armedFile}" ];
  };
in
{
  assertions = [
    {
      assertion = !(config.fileSystems ? "/nix") && !(config.fileSystems ? "/nix/store");
      message = "nix-storage.nix puts /nix in place before systemd starts; remove fileSystems.\"/nix\" and fileSystems.\"/nix/store\".";
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

  # Instead of the step with which NixOS-WSL points /sbin/init to its shim, and in one step: with a
  # second step after that one, a crash between them would leave an instance that boots past the
  # shared disk and builds into the wrong store.
  system.activationScripts.shimSystemd.text = lib.mkForce ''
    if [ "''${NIXOS_ACTION:-}" = test ] && ! ${seed} "$systemConfig"; then
      # The root disk lacks this system, so that nothing on it may name it.
      echo "nix-storage: /sbin/init is left as it is: the system could not be copied to the root disk" >&2
      false
    else
      echo "setting up /sbin/init for nix-storage..."
      ln -sfn ${init} /sbin/.init.new
      mv -T /sbin/.init.new /sbin/init
    fi
  '';

  # Runs on `switch` and `boot` before anything is activated; its failure ends the switch there.
  system.build.installBootLoader = lib.mkForce (script "nix-storage-boot-loader" { inherit seed; } ''
    exec "$seed" "$1" profile
  '');
  system.build.nixStorageInit = init;
  system.build.nixStorageSeed = seed;

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
    startAt = "monthly";
    path = [ config.nix.package ];
    unitConfig.ConditionPathExists = active;
    serviceConfig = {
      Type = "oneshot";
      Nice = 19;
      IOSchedulingClass = "idle";
    };
    script = "exec nix --extra-experimental-features nix-command store verify --all --no-trust";
  };
  # WSL is seldom up at the hour.
  systemd.timers.nix-storage-verify.timerConfig.Persistent = true;
}
