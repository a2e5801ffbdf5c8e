# poweroff: unmounts the disks of the share, the last one first, as systemd does on its way down.
# What is in use stays.
set --
while read -r id parent number root point rest; do
  case $point in
    /mnt/wsl/*) set -- "$point" "$@" ;;
  esac
done < /proc/self/mountinfo
for point; do
  umount "$(printf '%b' "$point")"
done
exit 0
