# remount NAME NUMBER UUID POINT TYPE OPTIONS: mounts a disk again where WSL believes it to be mounted.
name=$2 number=$3 uuid=$4 point=$5 type=$6 options=$7
refuse() { printf 'refused: %s\n' "$1"; exit 40; }
command -v blkid > /dev/null || exit 41
for sysfs in "/sys/class/block/$name"; do
  read -r found < "$sysfs/dev" && [ "$found" = "$number" ] || refuse "the disk is another one by now"
done
found=$(blkid -p -s UUID -o value "/dev/$name" 2> /dev/null)
[ "$found" = "$uuid" ] || refuse "its file system is $found"
if grep -qF " $point " /proc/self/mountinfo; then refuse "something is mounted there by now"; fi
mkdir -p "$point" && mount -t "$type" ${options:+-o "$options"} "/dev/$name" "$point" || exit 42
