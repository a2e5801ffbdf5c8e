# start LOG READY PROGRAM...: starts a program that lives on, and prints its number. It writes to 3
# when it is up.
log=$1 ready=$2
shift 2
setsid "$@" < /dev/null > "$log" 2>&1 3> "$ready" &
printf '%s\n' "$!"
