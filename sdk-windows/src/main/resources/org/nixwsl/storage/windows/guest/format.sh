# format NAME NUMBER SECTORS UUID MARKER MKFS EXTENDED OLDER ARGUMENT...: makes a file system on a
# disk that holds the marker and nothing else. Everything is asked again here, right before it is done.
name=$2 number=$3 sectors=$4 uuid=$5 marker=$6 mkfs=$7 extended=$8 older=$9
shift 9
disk=/sys/block/$name device=/dev/$name
refuse() { printf 'refused: %s\n' "$1"; exit 40; }
command -v blkid > /dev/null && command -v "$mkfs" > /dev/null || exit 41
read -r found < "$disk/dev" && [ "$found" = "$number" ] || refuse "the disk is another one by now"
read -r found < "$disk/size" && [ "$found" = "$sectors" ] || refuse "its size is $found sectors"
for other in "$disk/$name"[0-9]* "$disk"/holders/*; do
  [ ! -e "$other" ] || refuse "it has partitions, or another device is on it"
done
if cat /proc/[0-9]*/mountinfo 2> /dev/null | grep -q " $number "; then refuse "it is mounted"; fi
blkid -p "$device" > /dev/null 2>&1
[ $? = 2 ] || refuse "there is something on it"
found=$(dd if="$device" bs=1048576 count=1 2> /dev/null | tr -d '\000' | head -c 200)
[ "$found" = "$marker" ] || refuse "its first MiB does not hold what was put there to know it by"
found=$(dd if="$device" bs=1048576 skip=$((sectors / 2048 - 1)) count=2 2> /dev/null \
  | tr -d '\000' | head -c 200)
[ -z "$found" ] || refuse "there is data in its last MiB"
dd if=/dev/zero of="$device" bs=4096 seek=128 count=1 conv=notrunc,fsync 2> /dev/null || exit 42
# An older mkfs does not know all that it could be told.
if [ -n "$extended" ] && ! "$mkfs" -n -E "$extended" "$@" "$device" > /dev/null 2>&1 < /dev/null; then
  extended=$older
fi
# mkfs itself opens the disk so that it fails if anything in the machine has it mounted.
"$mkfs" ${extended:+-E "$extended"} "$@" "$device" < /dev/null || exit 42
sync
