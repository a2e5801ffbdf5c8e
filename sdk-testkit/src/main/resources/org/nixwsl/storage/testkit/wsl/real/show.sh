# show LETTER NUMBER LOOP: a loop device appears as a SCSI disk, with its partitions.
set -eu
letter=$1 number=$2 loop=$3
entry() { # NAME NUMBER DIRECTORY
  mknod -m 600 "/dev/$1" b "${2%:*}" "${2#*:}"
  mkdir "$3"
  for file in dev holders ro size; do
    ln -s "/sys/dev/block/$2/$file" "$3/$file"
  done
  ln -s "$3" "/sys/class/block/$1"
}
disk=/sys/block/$letter
entry "$letter" "$number" "$disk"
for part in "/sys/dev/block/$number/${loop}p"[0-9]*; do
  [ -e "$part/dev" ] || continue
  index=${part##*p}
  read -r of_part < "$part/dev"
  entry "$letter$index" "$of_part" "$disk/$letter$index"
done
