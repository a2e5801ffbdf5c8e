# As much of NixOS and of NixOS-WSL as a boot needs, around the rendered module, built by Nix itself:
# systems with an activation script, units, a systemd, and a stand-in for NixOS-WSL's shim. All that
# a system runs before systemd lies in its own closure, so that it is missed where the closure is.
{ name, module ? ./nix-storage.nix, withModule ? true, broken ? false, rebuild ? null }:
let
  build = name: script: attrs: derivation ({
    inherit name script;
    system = builtins.currentSystem;
    builder = "/bin/bash";
    args = [ "-ec" "PATH=/usr/bin:/bin:/usr/sbin:/sbin; eval \"$script\"" ];
  } // attrs);
  executable = fileName: text: build fileName "printf %s \"$text\" > $out; chmod 755 $out" { inherit text; };

  bash = build "bash" "mkdir -p $out/bin; cp -L /bin/bash $out/bin/bash" { };
  # Links to the programs of the image: other ones in each system, gone where the system is not.
  tools = build "tools-${name}" ''
    mkdir -p $out/bin
    for tool in blkid cat cp date echo findmnt flock grep kill ln ls mkdir mkfifo mknod mount mountpoint mv nix nix-env \
      nix-store readlink rm sed sha256sum sleep stat sync systemctl timeout touch true umount unshare; do
      ln -s "$(type -P $tool)" $out/bin/$tool
    done
  '' { };
  pkgs = {
    runtimeShell = "${bash}/bin/bash";
    coreutils = tools;
    util-linux = tools;
    writeScript = executable;
    writeScriptBin = name: text: build name "mkdir -p $out/bin; printf %s \"$text\" > $out/bin/${name}; chmod 755 $out/bin/${name}" { inherit text; };
  };
  shim = build "shim-${name}" "mkdir -p $out/bin; printf %s \"$text\" > $out/bin/systemd-shim; chmod 755 $out/bin/systemd-shim" {
    text = ''
      #!${bash}/bin/bash
      PATH=${tools}/bin
      echo ${name} > /run/test-shim
      mount --make-rshared /
      mount --bind /nix/store /nix/store
      mount -o remount,bind,ro /nix/store
      /nix/var/nix/profiles/system/activate > /run/test-activation 2>&1
      exec -a "$0" /nix/var/nix/profiles/system/systemd/lib/systemd/systemd "$@"
    '';
  };
  systemd = build "systemd-${name}" "mkdir -p $out/lib/systemd; printf %s \"$text\" > $out/lib/systemd/systemd; chmod 755 $out/lib/systemd/systemd" {
    text = "#!${bash}/bin/bash\n${if broken then "exit 1" else "exec /lib/systemd/systemd \"$@\""}\n";
  };

  rendered = (import ./stub.nix {
    inherit module pkgs;
    utils = shim;
    nixPackage = tools;
  }).rendered;
  plainShim = "ln -sfn ${shim}/bin/systemd-shim /sbin/init\n";
  steps = if withModule
    then builtins.mapAttrs (_: step: if builtins.isString step then step else step.text) rendered.system.activationScripts
    else { shimSystemd = plainShim; };
  # In NixOS's order, with links that its own steps make.
  links = ''
    ln -sfn $systemConfig/etc /etc/static
    mkdir -p /etc/systemd/system/multi-user.target.wants
    for unit in nix-daemon.service.d nix-daemon.socket.d nix-storage-share-guard.service; do
      rm -rf /etc/systemd/system/$unit
      [ ! -e /etc/static/systemd/system/$unit ] || ln -sfn /etc/static/systemd/system/$unit /etc/systemd/system/$unit
    done
    [ ! -e /etc/static/systemd/system/nix-storage-share-guard.service ] || ln -sfn ../nix-storage-share-guard.service \
      /etc/systemd/system/multi-user.target.wants/nix-storage-share-guard.service
  '';
  activate = "#!${bash}/bin/bash\nPATH=${tools}/bin:/usr/bin:/bin\nsystemConfig=@out@\n"
    + builtins.concatStringsSep "\n" (map (step: steps.${step}) (builtins.filter (step: step < "etc") (builtins.attrNames steps)))
    + "\n" + links
    + builtins.concatStringsSep "\n" (map (step: steps.${step}) (builtins.filter (step: step > "etc") (builtins.attrNames steps)))
    + (if withModule && rebuild != null then wslConf else "")
    + "\nln -sfn $systemConfig /run/current-system\n";
  wslConf = "\nprintf '[boot]\\ninitTimeout=${toString rendered.wsl.wslConf.boot.initTimeout}\\n' > /etc/wsl.conf\n";
  lines = section: attrs: "[${section}]\n" + builtins.concatStringsSep "" (builtins.concatLists (map
    (key: map (value: "${key}=${if value == true then "yes" else toString value}\n") (if builtins.isList attrs.${key} then attrs.${key} else [ attrs.${key} ]))
    (builtins.attrNames attrs)));
  guard = rendered.systemd.services.nix-storage-share-guard;
  bootLoader = if withModule then "${rendered.system.build.installBootLoader}" else "${tools}/bin/true";
in
build "nixos-system-${name}" ''
  mkdir -p $out/bin $out/etc/systemd/system
  printf %s "''${activate//@out@/$out}" > $out/activate
  printf %s "''${switch//@out@/$out}" > $out/bin/switch-to-configuration
  chmod 755 $out/activate $out/bin/switch-to-configuration
  ln -s ${systemd} $out/systemd
  if [ -n "$rebuild" ]; then
    mkdir -p $out/sw/bin
    printf %s "$rebuild" > $out/sw/bin/nixos-rebuild
    chmod 755 $out/sw/bin/nixos-rebuild
  fi
  if [ -n "$command" ]; then ln -s $command/bin/nix-storage $out/bin/nix-storage; fi
  if [ -n "$daemon" ]; then
    for kind in service socket; do
      mkdir -p $out/etc/systemd/system/nix-daemon.$kind.d
      printf %s "$daemon" > $out/etc/systemd/system/nix-daemon.$kind.d/nix-storage.conf
    done
    printf %s "$guard" > $out/etc/systemd/system/nix-storage-share-guard.service
  fi
  eval "$extra"
'' {
  inherit activate;
  rebuild = if rebuild == null then "" else builtins.readFile rebuild;
  switch = ''
    #!${bash}/bin/bash
    PATH=${tools}/bin:/usr/bin:/bin
    case $1 in switch | boot) ${bootLoader} @out@ || exit 1 ;; esac
    case $1 in switch | test) NIXOS_ACTION=$1 @out@/activate || exit 2; systemctl daemon-reload ;; esac
  '';
  command = if withModule then builtins.head rendered.environment.systemPackages else "";
  daemon = if withModule then lines "Unit" rendered.systemd.services.nix-daemon.unitConfig else "";
  guard = if withModule then lines "Unit" guard.unitConfig + lines "Service" guard.serviceConfig else "";
  extra = if withModule then rendered.system.extraSystemBuilderCmds else "";
}
