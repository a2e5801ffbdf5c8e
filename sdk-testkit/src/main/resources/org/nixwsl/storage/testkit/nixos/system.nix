# The system that a configuration stands for: with the storage's module if the configuration imports
# it, and under the label that the configuration has. All else in it is for people.
{ configuration }:
let seen = import ./modules.nix configuration; in
import ./mini-nixos.nix (
  { rebuild = ./nixos-rebuild; }
  // (if seen.modules == [ ]
    then { name = seen.label; withModule = false; }
    else { name = "${seen.label}-storage"; module = builtins.head seen.modules; })
)
