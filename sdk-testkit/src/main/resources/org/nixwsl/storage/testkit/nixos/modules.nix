# What the other files see of a configuration: the storage's modules that it imports, and its label.
configuration:
let
  written = import configuration;
  config = if builtins.isFunction written then written { config = { }; lib = { }; pkgs = { }; } else written;
in
{
  modules = builtins.filter (module: builtins.isPath module && baseNameOf module == "nix-storage.nix") (config.imports or [ ]);
  label = ((config.system or { }).nixos or { }).label or "mini";
}
