# vm ROOT SHARE: the first process of the virtual machine, in namespaces of its own. It sees the
# programs of the host, read-only, and keeps no mount of the host in use, but for SHARE if there is
# one: its share is then that of the host.
set -eu
root=$1 share=$2
if [ -n "$share" ]; then
  # What is mounted here from now on must not appear on the host.
  while read -r id parent number where point options rest; do
    case "$options $rest" in
      *" shared:"*) [ "$point" = "$share" ] || mount --make-private "$(printf '%b' "$point")" ;;
    esac
  done < /proc/self/mountinfo
fi
mount -t tmpfs -o mode=755 vm "$root"
cd "$root"
for top in bin sbin lib lib32 lib64 libx32 usr etc; do
  if [ -L "/$top" ]; then
    cp -P "/$top" "$top"
  elif [ -d "/$top" ]; then
    mkdir "$top"
    mount --bind "/$top" "$top"
    mount -o remount,bind,ro "$top"
  fi
done
mkdir dev instances mnt mnt/wsl old proc root run sys tmp
chmod 1777 tmp
mount -t tmpfs -o mode=755 dev dev
for node in null:3 zero:5 full:7 random:8 urandom:9; do
  mknod -m 666 "dev/${node%:*}" c 1 "${node#*:}"
done
ln -s /proc/self/fd dev/fd
mount --bind /sys sys
mount -t tmpfs -o mode=755 disks sys/block
mount -t tmpfs -o mode=755 disks sys/class/block
mount -t proc proc proc
# One share for all: what is mounted below it in one instance is mounted in all of them.
if [ -n "$share" ]; then
  mount --bind "$share" mnt/wsl
else
  mount -t tmpfs -o mode=755 none mnt/wsl
  mount --make-shared mnt/wsl
fi
pivot_root . old
cd /
umount -l /old
rmdir /old
printf 'ready\n' >&3
exec 3>&-
exec sleep infinity
