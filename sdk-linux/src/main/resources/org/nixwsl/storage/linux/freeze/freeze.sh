#!/bin/sh
# Freezes the Nix store of this machine and thaws it again: freeze.sh hold|undo NAME
#
# Run by systemd, as a transient unit, in the mount namespace of PID 1. NAME is a directory in /run/nixwsl,
# which says what to do and records what is done, so that any later process can undo it:
#
#   caller     process id and start time of whoever asked (proc_pid_stat(5), field 22)
#   limits     seconds to wait for a lost caller's end, and for a caller that lives
#   stop       units to stop, in that order       block   units that must not start again
#   restart    units that ran before              mounts  how many mounts lay on /nix before
#   phase      how far it is: one word, and a reason behind "failed"
#   decision   a link, so that exactly one side makes it: "thaw" or "held"
#   mark       names the file that says, once it is there, that a held freeze stays
#
# The name /run/nixwsl/freeze is a link to the directory: the claim, of which there is one. Time is counted and
# no clock asked: clocks jump, and a machine that slept was not silent.
set -uf
PATH=/run/current-system/sw/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL

run=/run/nixwsl
name=$2
dir=$run/$name
control=/run/systemd/system.control
lock=/nix/var/nix/db/big-lock

say() { # The phase is replaced in one step: a reader sees the old or the new one.
  printf '%s\n' "$*" >"$dir/phase.new" && mv -f "$dir/phase.new" "$dir/phase"
}

ends() { # Says why the freeze ended; what follows is the undo, which systemd runs after this.
  printf '%s %s\n' "$name" "$*" >"$run/freeze.last"
  say "ending $*"
  exit 0
}

fail() {
  ln -sfn thaw "$dir/decision"
  ends "failed: $*"
}

decision() { readlink "$dir/decision" 2>/dev/null || true; }

mounts_at() { # How many mounts lie on a directory.
  n=0
  while read -r _ _ _ _ point _; do
    if [ "$point" = "$1" ]; then n=$((n + 1)); fi
  done </proc/self/mountinfo
  echo "$n"
}

caller_lives() {
  stat=$(cat "/proc/$caller/stat" 2>/dev/null) || return 1
  # The command in it may hold spaces and parentheses; behind it the start time is the twentieth word.
  set -- ${stat##*)}
  [ "${20}" = "$started" ]
}

stop_units() {
  set -- $(cat "$dir/stop")
  [ $# -eq 0 ] || systemctl stop -- "$@" || fail "cannot stop $*"
}

block_units() {
  mkdir -p "$control" || fail "cannot make $control"
  for unit in $(cat "$dir/block"); do
    ln -s /dev/null "$control/$unit" || fail "cannot block $unit"
  done
  systemctl daemon-reload || fail "systemd does not reload its units"
  # A template is tried with an instance.
  for unit in $(cat "$dir/block"); do
    case $unit in *@.*) unit=${unit%@.*}@nixwsl-proof.${unit##*.} ;; esac
    if systemctl start -- "$unit" 2>/dev/null; then fail "$unit can still be started"; fi
    if systemctl is-active --quiet -- "$unit"; then fail "$unit still runs"; fi
  done
}

take_lock() { # Nobody has the store open, and nobody opens it, while this lasts.
  if [ -L "$lock" ] || [ ! -f "$lock" ]; then return; fi
  exec 9<"$lock" || fail "cannot open $lock"
  while ! flock -n -x 9; do
    watch 1
    sleep 0.1 9>&-
  done
}

make_read_only() {
  # Prepared beside /nix and put on it when it is read-only already: there is no moment at which
  # a copy of the mount that went into another mount namespace could still be written to.
  mkdir "$dir/view" || fail "cannot make $dir/view"
  mounts_at /nix >"$dir/mounts"
  mount --bind /nix "$dir/view" &&
    mount --make-private "$dir/view" &&
    mount -o remount,bind,ro "$dir/view" &&
    mount --bind "$dir/view" /nix ||
    fail "cannot make /nix read-only"
  umount -l "$dir/view" && rmdir "$dir/view" || fail "cannot unmount $dir/view"
}

watch() { # TENTHS: ends the freeze when its caller is lost or too slow, counting the time since the last look.
  case $(decision) in
    thaw) ends "was thawed" ;;
    held)
      committed && return
      caller_lives && return
      ln -sfn thaw "$dir/decision"
      ends "thawed itself: its caller ended before the commit"
      ;;
  esac
  if caller_lives; then lost=0; else lost=$((lost + $1)); fi
  lived=$((lived + $1))
  if [ "$lost" -gt $((grace * 10)) ]; then
    if ln -sn thaw "$dir/decision"; then ends "thawed itself: its caller was lost"; fi
  elif [ "$lived" -gt $((longest * 10)) ]; then
    if ln -sn thaw "$dir/decision"; then ends "thawed itself: its caller took longer than $longest s"; fi
  fi
}

committed() { # A held freeze stays: no mark was asked for, or it is there, or nobody can tell.
  [ -e "$dir/mark" ] || return 0
  mark=$(cat "$dir/mark")
  [ -e "$mark" ] || [ ! -d "${mark%/*}" ]
}

hold() {
  read -r caller started <"$dir/caller"
  read -r grace longest <"$dir/limits"
  lost=0
  lived=0
  case $(decision) in
    thaw) exit 0 ;;
    held) # Only this process was killed: everything else still stands.
      take_lock
      ;;
    *)
      if [ -e "$dir/phase" ]; then fail "its process was killed"; fi
      [ "$(readlink /proc/self/ns/mnt)" = "$(readlink /proc/1/ns/mnt)" ] || fail "not in the mount namespace of PID 1"
      say stopping
      stop_units
      say blocking
      block_units
      say locking
      take_lock
      say mounting
      make_read_only
      ;;
  esac
  say frozen
  while :; do
    watch 10
    sleep 1 9>&-
  done
}

undo() { # Whatever is there is undone, in any order of crashes; what is not there is passed over.
  exec 8>"$run/freeze.lock" && flock 8
  [ -d "$dir" ] || exit 0
  case $(decision) in
    held) exit 0 ;;
    thaw) ;;
    *) ln -sn thaw "$dir/decision" || exit 0 ;;
  esac
  read -r last _ <"$run/freeze.last" 2>/dev/null || last=
  [ "$last" = "$name" ] || printf '%s %s\n' "$name" "was thawed" >"$run/freeze.last"
  problem=

  if [ "$(mounts_at "$dir/view")" -gt 0 ] && ! umount -l "$dir/view"; then
    problem="$dir/view is still mounted"
  fi
  before=$(cat "$dir/mounts" 2>/dev/null) || before=
  while [ -n "$before" ] && [ "$(mounts_at /nix)" -gt "$before" ]; do
    # Lazily: what was started meanwhile runs from the read-only mount.
    umount -l /nix || { problem="/nix is still read-only"; break; }
  done

  for unit in $(cat "$dir/block" 2>/dev/null); do
    if [ "$(readlink "$control/$unit")" = /dev/null ]; then
      rm -f "$control/$unit" || problem="$unit is still blocked"
    fi
  done
  # Also where no link is left: who was killed here had removed them, and systemd still knows them.
  if [ -s "$dir/block" ] && ! systemctl daemon-reload; then problem="systemd does not reload its units"; fi
  if [ -n "$problem" ]; then
    say "ending failed: $problem"
    printf '%s %s\n' "$name" "failed: $problem" >"$run/freeze.last"
    exit 1
  fi

  for unit in $(cat "$dir/restart" 2>/dev/null); do
    systemctl start -- "$unit" || problem="$problem $unit"
  done
  [ -z "$problem" ] || printf '%s %s\n' "$name" "failed: not started again:$problem" >"$run/freeze.last"

  # File by file: a directory that something is mounted on must not be gone through. The phase tells that there
  # is something to undo, and the claim is given up last.
  if [ -d "$dir/view" ]; then rmdir "$dir/view"; fi
  for file in phase phase.new caller limits stop block restart mounts mark decision freeze.sh; do
    rm -f "$dir/$file"
  done
  rmdir "$dir"
  if [ "$(readlink "$run/freeze")" = "$name" ]; then rm -f "$run/freeze"; fi
}

case $1 in
  hold) hold ;;
  undo) undo ;;
  *) exit 2 ;;
esac
