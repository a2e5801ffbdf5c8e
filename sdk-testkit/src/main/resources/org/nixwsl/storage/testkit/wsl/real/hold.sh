# hold DIRECTORY: a program that has a directory of the share open.
set -eu
cd "$1"
printf 'ready\n' >&3
exec 3>&-
exec sleep infinity
