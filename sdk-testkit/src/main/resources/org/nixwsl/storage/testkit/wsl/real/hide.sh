# hide LETTER: a disk is not there any more.
set -eu
rm -rf "/sys/block/$1" "/sys/class/block/$1" "/sys/class/block/$1"[0-9]* "/dev/$1" "/dev/$1"[0-9]*
