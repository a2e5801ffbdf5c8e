# Read by each bash of a boot or a switch (BASH_ENV): counts the programs that change something, and
# stops for ever before the one whose number was asked for.
if [ -e /mnt/wsl/.steps/stop-at ]; then
  nextStep() {
    local word=${1%%[[:space:]]*} count=0 last
    case $word in
      # They only read.
      *=* | readlink | mountpoint | stat | blkid | findmnt | timeout | sleep | flock | sha256sum | cat | nix-store | echo) return 0 ;;
    esac
    case $(type -t "$word") in builtin | keyword | function) return 0 ;; esac
    read -r count < /mnt/wsl/.steps/count
    read -r last < /mnt/wsl/.steps/stop-at
    count=$((count + 1))
    echo "$count" >| /mnt/wsl/.steps/count
    if [ "$count" = "$last" ]; then
      echo "${0##*-}: ${1%%$'\n'*}" >| /mnt/wsl/.steps/step
      exec 3<> /mnt/wsl/.steps/never
      echo >| /mnt/wsl/.steps/reached
      while :; do read -r -u 3; done
    fi
    return 0
  }
  set -T
  trap 'nextStep "$BASH_COMMAND"' DEBUG
fi
