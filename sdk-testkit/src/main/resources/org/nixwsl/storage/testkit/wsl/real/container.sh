# container SHOW LETTER PATH... -- DISK...: the first program of a container. Lays the root disk over
# the image, as the root of all, and becomes PID 1 of the instance there. SHOW is the script that
# makes a disk appear, DISK its three words.
set -eu
show=$1 letter=$2
shift 2
mount -t tmpfs -o mode=755 disks /sys/block
mount -t tmpfs -o mode=755 disks /sys/class/block
mkdir -p /mnt/wsl /run/root-disk /run/new
paths=
while [ "$1" != -- ]; do
  paths=$paths$1'
'
  shift
done
shift
while [ $# -gt 0 ]; do
  /bin/sh -c "$show" show "$1" "$2" "$3"
  shift 3
done
mount -t ext4 -o errors=remount-ro "/dev/$letter" /run/root-disk
mkdir -p /run/root-disk/upper /run/root-disk/work
mount --make-private /
mount -t overlay -o lowerdir=/,upperdir=/run/root-disk/upper,workdir=/run/root-disk/work "/dev/$letter" /run/new
printf %s "$paths" | while IFS= read -r path; do
  if [ -d "$path" ]; then
    mkdir -p "/run/new$path"
  elif [ ! -e "/run/new$path" ]; then
    mkdir -p "/run/new${path%/*}"
    : > "/run/new$path"
  fi
  mount --bind "$path" "/run/new$path"
done
mkdir -p /run/new/mnt/wsl
for part in proc sys dev tmp mnt/wsl; do mount --rbind "/$part" "/run/new/$part"; done
# Else what goes with the old root would be taken from all other instances as well.
mount --make-rprivate /mnt/wsl
mount -t tmpfs -o mode=755 run /run/new/run
mkdir /run/new/run/old
cd /run/new
pivot_root . run/old
umount --lazy /run/old
rmdir /run/old
# On a machine with cgroup v2 only, the engine hands the hierarchy over read-only.
if [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]; then
  mount -o remount,rw /sys/fs/cgroup || true
fi
exec env -i container=wsl /sbin/init
