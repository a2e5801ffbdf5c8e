# check LETTER: whether the root of an instance can be mounted.
set -eu
mkdir -p /check
mount -t ext4 -o errors=remount-ro "/dev/$1" /check
umount /check
printf 'whole\n'
