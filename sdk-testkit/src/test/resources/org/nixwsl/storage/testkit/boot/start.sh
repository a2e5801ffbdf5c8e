# The container's command at each start: lays the root disk over the image, as the root of all, and
# becomes PID 1 of the instance there.
set -e
@nodes@
mkdir -p /run/root-disk /run/new
mount -t ext4 @root@ /run/root-disk
mkdir -p /run/root-disk/upper /run/root-disk/work
# An overlay over a full disk would be mounted read-only, other than a disk itself: some blocks are
# kept for the moment.
rm -f /run/root-disk/spare
mount --make-private /
mount -t overlay -o lowerdir=/,upperdir=/run/root-disk/upper,workdir=/run/root-disk/work @root@ /run/new
dd if=/dev/zero of=/run/root-disk/spare bs=1k count=64 status=none || true
for part in proc sys dev tmp mnt/wsl; do mount --rbind /$part /run/new/$part; done
# Else what is taken away with the old root would be taken from all other instances as well.
mount --make-rprivate /mnt/wsl
mount -t tmpfs run /run/new/run
mkdir /run/new/run/old
cd /run/new
pivot_root . run/old
umount --lazy /run/old
rmdir /run/old
# Once in the life of the root disk, before the first boot.
if [ ! -e /etc/prepared ]; then
  . /etc/test-systems
  touch /etc/prepared
  @preparation@
fi
set -- env -i container=docker
if [ -e /mnt/wsl/.steps/stop-at ]; then set -- "$@" BASH_ENV=/mnt/wsl/.steps/step.sh; fi
exec "$@" /sbin/instance-init
