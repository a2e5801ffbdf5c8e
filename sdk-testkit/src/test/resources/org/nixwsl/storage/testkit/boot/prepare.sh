# Runs once in the container that becomes the image of all rows: builds the systems, makes the root
# disk's /nix with one of them, and beside it the tree of the shared disk with a newer one.
set -euo pipefail
cd /image
export NIX_REMOTE=local HOME=/root
build() { nix-build --option build-users-group "" --no-out-link mini-nixos.nix "$@" 2>> build.log; }
first=$(build --argstr name first)
second=$(build --argstr name second)
old=$(build --argstr name old --arg withModule false)
broken=$(build --argstr name broken --arg broken true)
third=$(build --argstr name third)
peer=$(build --argstr name peer --arg module ./nix-storage-peer.nix)
profile=/nix/var/nix/profiles/system

# The shared disk: what Nix itself copies there, with a profile of the newest system; beside it the
# directory of another instance.
for system in "$second" "$broken" "$old" "$third"; do nix copy --no-check-sigs --to /image/main "$system"; done
nix-env --store /image/main --profile "/image/main$profile" --set "$second"
nix copy --no-check-sigs --to /image/peer "$peer"
nix-env --store /image/peer --profile "/image/peer$profile" --set "$peer"
for instance in main peer; do echo "disk-$instance" > "/image/$instance/nix/var/where"; done

# The root disk: the older system and its hook; of the disk's systems those that were switched to.
nix-env --profile $profile --set "$first"
rm -f /nix/var/nix/gcroots/auto/*
ln -s "$second" /nix/var/nix/gcroots/second
ln -s "$broken" /nix/var/nix/gcroots/broken
ln -s "$old" /nix/var/nix/gcroots/old
ln -s "$peer" /nix/var/nix/gcroots/peer
nix-store --gc > /dev/null 2>&1
if nix-store --check-validity "$third" 2> /dev/null; then echo "the third system is still there" >&2; exit 1; fi
echo root-disk > /nix/var/where
echo armed > /etc/nix-storage.armed
"$first/activate"
printf '%s\n' "first=$first" "second=$second" "old=$old" "broken=$broken" "third=$third" "peer=$peer" > /etc/test-systems
cp /etc/test-systems /image/systems
