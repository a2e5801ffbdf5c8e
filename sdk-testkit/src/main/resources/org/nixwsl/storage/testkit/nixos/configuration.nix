{ config, lib, pkgs, ... }:

{
  imports = [
  ];

  wsl.enable = true;
  wsl.defaultUser = "nixos";

  system.stateVersion = "25.05";
}
