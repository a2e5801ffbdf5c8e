# down GUARDED: the systemd of an instance ends it. What it unmounts on its way is unmounted for all,
# unless the share is guarded as WSL does it.
set -eu
[ "$1" != guarded ] || mount --make-rslave /mnt/wsl
systemctl poweroff
