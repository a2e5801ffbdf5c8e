# Looks at the system of a running NixOS, switches it, and switches it back. The line before these
# sets the arguments: what is to be done, the root directory (empty but in tests), and the rest.

verb=$1 root=$2
shift 2
export HOME=/root USER=root
# What a login would set, such as NIX_PATH: a command that wsl.exe starts has none of it.
[ ! -r "$root/etc/set-environment" ] || . "$root/etc/set-environment"
PATH=$root/run/current-system/sw/bin:/run/wrappers/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
running=$root/run/current-system
profile=$root/nix/var/nix/profiles/system

# A switch whose caller was lost may still be at work.
alone() {
  exec 9> "$root/run/nixwsl-switch.lock" && flock -w 600 9 || exit 43
}

# Whether the next start goes through the hook of the move with this id.
hooked() {
  grep -qF -- "$1" "$root/sbin/init" 2> /dev/null
}

[ -e "$running" ] && [ -e "$profile" ] && command -v nixos-rebuild > /dev/null 2>&1 || exit 41
case $verb in
  system-look)
    hooked "$1" && hook=yes || hook=no
    echo "nixwsl-system $(readlink -f "$running") $(readlink -f "$profile") $hook"
    ;;
  system-switch)
    id=$1 directory=$2 limit=$3
    alone
    if [ -e "$directory/flake.nix" ]; then
      set -- --flake "$directory"
    else
      set -- -I "nixos-config=$directory/configuration.nix"
    fi
    # Not the rest of this script as its input.
    timeout -k 30 "$limit" nixos-rebuild switch "$@" < /dev/null 2>&1
    status=$?
    # Units that do not start make it fail although the system was switched.
    if hooked "$id" && [ "$(readlink -f "$running")" = "$(readlink -f "$profile")" ]; then
      [ "$status" = 0 ] || exit 45
      exit 0
    fi
    case $status in
      0) echo "nixwsl: /sbin/init does not lead to the hook of this move" ;;
      124 | 137) echo "nixwsl: it did not end within $limit s" ;;
      *) echo "nixwsl: its exit status was $status" ;;
    esac
    exit 40
    ;;
  system-back)
    oldRunning=$1 oldProfile=$2 id=$3
    [ ! -e "$root/run/nix-storage/active" ] || exit 44
    for system in "$oldRunning" "$oldProfile"; do
      if [ ! -x "$system/bin/switch-to-configuration" ]; then
        # Somebody switched to another system by hand, as the error says.
        hooked "$id" && exit 42
        exit 46
      fi
    done
    alone
    if [ "$(readlink -f "$profile")" != "$oldProfile" ]; then
      nix-env --profile "$profile" --set "$oldProfile" < /dev/null 2>&1 || exit 40
    fi
    # Also where the links are right already: a switch that was killed may have left units behind.
    action=switch
    if [ "$oldRunning" != "$oldProfile" ]; then
      action=test
      "$oldProfile/bin/switch-to-configuration" boot < /dev/null 2>&1 || exit 40
    fi
    "$oldRunning/bin/switch-to-configuration" "$action" < /dev/null 2>&1
    status=$?
    if [ "$status" != 0 ] && [ "$(readlink -f "$running")" = "$oldRunning" ]; then
      exit 45
    fi
    [ "$status" = 0 ] || exit 40
    ;;
esac
