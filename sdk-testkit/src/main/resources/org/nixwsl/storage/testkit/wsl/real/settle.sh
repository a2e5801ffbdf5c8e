# settle MILLISECONDS: waits for the end of the boot, as WSL does: then it goes on regardless.
set -u
left=$1
while [ "$left" -gt 0 ]; do
  case $(systemctl is-system-running 2> /dev/null) in
    running | degraded) exit 0 ;;
  esac
  sleep 0.25
  left=$((left - 250))
done
exit 0
