# look [mounts]: prints the mounts of this namespace (M), those of all of them (A), the numbers of
# block devices (N), then disks (D) and partitions (P) unless only mounts are asked for, and E at the
# end. Changes nothing.
while IFS= read -r line; do printf 'M %s\n' "$line"; done < /proc/self/mountinfo
cat /proc/[0-9]*/mountinfo 2> /dev/null | sort -u | while IFS= read -r line; do
  printf 'A %s\n' "$line"
done
for device in /sys/class/block/sd*; do
  if [ -e "$device/dev" ] && read -r number < "$device/dev"; then
    printf 'N %s %s\n' "${device##*/}" "$number"
  fi
done
if [ "${2-}" = mounts ]; then
  printf 'E\n'
  exit 0
fi
# BusyBox has a blkid too, which cannot look at one disk and say that there is nothing on it.
blkid -V 2>&1 | grep -q libblkid || exit 41
show() { # MARK SYSFS DIVIDED: one line
  name=${2##*/}
  read -r number < "$2/dev" && read -r sectors < "$2/size" || return 0
  held=0
  for holder in "$2"/holders/*; do [ ! -e "$holder" ] || held=1; done
  type='?' uuid='-'
  # From the disk itself and from no cache. 2 is "nothing found".
  tags=$(blkid -p -s TYPE -s UUID -s PTTYPE -o export "/dev/$name" 2> /dev/null)
  case $? in
    0)
      for tag in $tags; do
        case $tag in
          TYPE=*) type=${tag#*=} ;;
          UUID=*) uuid=${tag#*=} ;;
        esac
      done
      ;;
    2) type=nothing ;;
  esac
  printf '%s %s %s %s %s %s %s %s\n' "$1" "$name" "$number" "$sectors" "$3" "$held" "$type" "$uuid"
}
for disk in /sys/block/sd*; do
  [ -e "$disk/dev" ] || continue
  divided=0
  for part in "$disk/${disk##*/}"[0-9]*; do
    [ -e "$part/dev" ] || continue
    divided=1
    show P "$part" 0
  done
  show D "$disk" "$divided"
done
printf 'E\n'
