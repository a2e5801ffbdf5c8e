# guard LINE FOLDER PROGRAM: waits until whoever holds the other end of LINE is gone, then has
# FOLDER cleaned up if that is still there.
exec 9< "$1"
printf 'ready\n' >&3
exec 3>&-
cat <&9 > /dev/null
[ ! -d "$2" ] || exec "$3"
