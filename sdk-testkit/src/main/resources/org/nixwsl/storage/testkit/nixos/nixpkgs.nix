# As nixpkgs/nixos: the evaluated configuration, as far as the storage's module makes it.
{ configuration }:
let
  seen = import ../../modules.nix configuration;
  rendered = if seen.modules == [ ]
    then { }
    else (import ../../stub.nix { module = builtins.head seen.modules; }).rendered;
in
{
  config = {
    wsl.wslConf = (rendered.wsl or { }).wslConf or { };
    systemd = { mounts = (rendered.systemd or { }).mounts or [ ]; };
  };
}
