# Finds a Java for the guest and prints its program after "java ". The lines before this one give
# the arguments and the PATH: the program that was configured or nothing, the oldest version that
# does, the link that keeps a Java which Nix fetches from being collected.
# Statuses: 40 the configured one does not do, 41 there is none and Nix brings none.
# The script itself comes on standard input: no program may read that.

find_java() {
  configured=$1 oldest=$2 link=$3
  umask 077
  if [ -n "$configured" ]; then
    if fits "$configured"; then echo "java $configured"; return 0; fi
    echo "$configured is not Java $oldest or newer"
    return 40
  fi
  if java=$(command -v java) && fits "$java"; then echo "java $java"; return 0; fi
  if fits "$link/bin/java"; then echo "java $link/bin/java"; return 0; fi
  command -v nix-build >/dev/null || command -v nix >/dev/null || {
    echo 'there is neither java nor nix on the path'
    return 41
  }
  mkdir -p "${link%/*}" || return 41
  # The second for a Nix without flakes, which takes nixpkgs from the channels.
  said=$(nix build --out-link "$link" 'nixpkgs#jdk_headless' </dev/null 2>&1) ||
    said="$said
$(nix-build '<nixpkgs>' -A jdk_headless --out-link "$link" </dev/null 2>&1)" || {
    echo 'there is no java on the path, and Nix does not bring one:'
    printf '%s\n' "$said" | tail -n 10
    return 41
  }
  if fits "$link/bin/java"; then echo "java $link/bin/java"; return 0; fi
  echo "what Nix calls jdk_headless is not Java $oldest or newer"
  return 41
}

fits() {
  [ -x "$1" ] || return 1
  version=$("$1" -version </dev/null 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p')
  [ "${version:-0}" -ge "$oldest" ] 2>/dev/null
}

find_java "$@"
exit
