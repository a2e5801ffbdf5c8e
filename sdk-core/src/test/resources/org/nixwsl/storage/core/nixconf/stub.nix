# The little of nixpkgs and NixOS-WSL that nix-storage.nix touches, so that it can be evaluated
# without either. Packages are directories of this machine; scripts are their text.
{ module, root ? "/mnt", gc ? true, mountFsTab ? false, fileSystems ? { } }:
let
  lib = rec {
    removeSuffix = suffix: text:
      let cut = builtins.stringLength text - builtins.stringLength suffix; in
      if cut >= 0 && builtins.substring cut (-1) text == suffix then builtins.substring 0 cut text else text;
    escapeShellArg = text: "'" + builtins.replaceStrings [ "'" ] [ "'\\''" ] (toString text) + "'";
    makeBinPath = packages: builtins.concatStringsSep ":" (map (package: "${package}/bin") packages);
    concatStrings = builtins.concatStringsSep "";
    mapAttrsToList = f: attrs: map (name: f name attrs.${name}) (builtins.attrNames attrs);
    mkForce = value: value;
    mkDefault = value: value;
    mkIf = condition: value: if condition then value else null;
  };
  pkgs = {
    runtimeShell = "/bin/bash";
    coreutils = "/usr";
    util-linux = "/usr";
    writeScript = name: text: { outPath = "/nix/store/stub-${name}"; inherit text; };
  };
  config = {
    wsl.wslConf.automount = { inherit root mountFsTab; };
    system.build.nativeUtils = "/nix/store/stub-utils";
    nix = { enable = true; package = "/nix/store/stub-nix"; gc.automatic = gc; };
    inherit fileSystems;
  };
  rendered = import module { inherit config lib pkgs; };
in
{
  init = rendered.system.build.nixStorageInit.text;
  seed = rendered.system.build.nixStorageSeed.text;
  bootLoader = rendered.system.build.installBootLoader.text;
  activation = rendered.system.activationScripts.shimSystemd.text;
  activationSteps = builtins.attrNames rendered.system.activationScripts;
  failed = map (a: a.message) (builtins.filter (a: !a.assertion) rendered.assertions);
  shell = rendered.environment.interactiveShellInit;
  wslConf = rendered.wsl.wslConf;
  services = rendered.systemd.services;
  sockets = rendered.systemd.sockets;
  hasGc = rendered ? nix;
}
