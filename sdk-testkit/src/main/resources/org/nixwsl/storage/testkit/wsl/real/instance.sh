# instance NAME DEVICE: the first process of an instance, in namespaces of its own inside those of
# the virtual machine. Its root is a file system of its own with the programs of the host on it.
set -eu
root=/instances/$1 device=$2
mkdir -p "$root"
if ! mount -t ext4 -o errors=remount-ro "/dev/$device" "$root"; then
  printf 'corrupt\n' >&3
  exit 1
fi
cd "$root"
for top in bin sbin lib lib32 lib64 libx32 usr etc; do
  if [ -L "/$top" ]; then
    [ -L "$top" ] || cp -P "/$top" "$top"
  elif [ -d "/$top" ]; then
    mkdir -p "$top"
    mount --bind "/$top" "$top"
  fi
done
mkdir -p dev home mnt/wsl nix proc root run sys tmp var
mount --rbind /dev dev
mount --rbind /sys sys
mount -t proc proc proc
mount -t tmpfs -o mode=755 run run
mount -t tmpfs -o mode=1777 tmp tmp
# Moved as WSL does: it stays one with the share of the others.
mount --move /mnt/wsl mnt/wsl
# Ready only in its own root: whoever enters before that would be in the virtual machine's.
exec chroot . sh -c "printf 'ready\n' >&3; exec 3>&-; exec sleep infinity"
