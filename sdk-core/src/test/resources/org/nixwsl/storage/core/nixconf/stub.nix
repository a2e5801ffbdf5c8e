# The little of nixpkgs and NixOS-WSL that nix-storage.nix touches, so that it can be evaluated
# without either. Packages are directories of this machine; scripts are their text.
{ module, root ? "/mnt", gc ? true, mountFsTab ? false, fileSystems ? { }, pkgs ? null
, mounts ? [ ], automounts ? [ ], initTimeout ? 40000
, utils ? "/nix/store/stub-utils", nixPackage ? "/nix/store/stub-nix" }:
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
    hasPrefix = prefix: text: builtins.substring 0 (builtins.stringLength prefix) text == prefix;
    optional = condition: value: if condition then [ value ] else [ ];
    mkIf = condition: value: if condition then value else null;
  };
  texts = {
    runtimeShell = "/bin/bash";
    coreutils = "/usr";
    util-linux = "/usr";
    writeScript = name: text: { outPath = "/nix/store/stub-${name}"; inherit text; };
    writeScriptBin = name: text: { outPath = "/nix/store/stub-${name}"; inherit text; };
  };
  config = {
    wsl.wslConf = { automount = { inherit root mountFsTab; }; boot = { inherit initTimeout; }; };
    systemd = { inherit mounts automounts; };
    system.build.nativeUtils = utils;
    nix = { enable = true; package = nixPackage; gc.automatic = gc; };
    inherit fileSystems;
  };
  rendered = import module { inherit config lib; options.system.extraSystemBuilderCmds = { }; pkgs = if pkgs == null then texts else pkgs; };
in
{
  inherit rendered;
  texts = {
    init = rendered.system.build.nixStorageInit.text;
    seed = rendered.system.build.nixStorageSeed.text;
    bootLoader = rendered.system.build.installBootLoader.text;
    command = (builtins.head rendered.environment.systemPackages).text;
    seeding = rendered.system.activationScripts."0-nix-storage-seed";
    builder = rendered.system.extraSystemBuilderCmds;
    nix = rendered.nix or null;
    activation = rendered.system.activationScripts.shimSystemd.text;
    activationSteps = builtins.attrNames rendered.system.activationScripts;
    failed = map (a: a.message) (builtins.filter (a: !a.assertion) rendered.assertions);
    mounts = rendered.systemd.mounts or [ ];
    timers = rendered.systemd.timers;
    data = (rendered.system.build.nixStorageData or { text = null; }).text;
    prune = (rendered.systemd.services.nix-storage-prune-seed or { script = null; }).script;
    warnings = rendered.warnings;
    shell = rendered.environment.interactiveShellInit;
    wslConf = rendered.wsl.wslConf;
    services = rendered.systemd.services;
    sockets = rendered.systemd.sockets;
    hasGc = rendered ? nix;
  };
}
