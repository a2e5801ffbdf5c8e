# Runs once, in the container that becomes the image of an instance: the system of its
# configuration, as an installation leaves it.
set -euo pipefail
mkdir -p /etc/nixos /etc/mini-nixos/nixpkgs/nixos
cp /prepare/configuration.nix /etc/nixos/
cd /prepare
cp system.nix modules.nix mini-nixos.nix stub.nix nixos-rebuild /etc/mini-nixos/
cp nixpkgs.nix /etc/mini-nixos/nixpkgs/nixos/default.nix
echo 'nix-path = nixpkgs=/etc/mini-nixos/nixpkgs' >> /etc/nix/nix.conf
chmod 755 /etc/mini-nixos/nixos-rebuild
ln -s /etc/mini-nixos/nixos-rebuild /usr/local/bin/nixos-rebuild
export NIX_REMOTE=local HOME=/root
system=$(nixos-rebuild build)
nix-env --profile /nix/var/nix/profiles/system --set "$system"
rm -rf /nix/var/nix/gcroots/auto/*
"$system/activate"
