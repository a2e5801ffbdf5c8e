package org.nixwsl.storage.examples.nixwsl;

import java.io.PrintWriter;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.nixwsl.storage.StorageSdk;
import org.nixwsl.storage.WslMounter;
import org.nixwsl.storage.mount.BootState;
import org.nixwsl.storage.mount.MountedStorage;
import org.nixwsl.storage.mount.WslInstance;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * {@code nixwsl wsl}: attaching the shared storage, on Windows through {@code wsl.exe} and on Linux
 * through a loop device; and what is there of WSL.
 */
@Command(
    name = "wsl",
    description = "Attach and detach the shared storage.",
    subcommands = PersistCommand.class)
final class WslCommand {
  WslCommand() {}

  @Command(
      name = "list",
      description = "List the instances of WSL, and from which /nix those that run booted.")
  int list(@Mixin Output output) {
    try (StorageSdk sdk = StorageSdk.open()) {
      List<WslInstance> instances = sdk.mounter().instances();
      List<BootState> boots = sdk.mounter().bootStates();
      output.print(
          Output.object("instances", instances.stream().map(i -> json(i, boots)).toList()),
          out -> instances.forEach(i -> out.println(line(i, boots))));
      return NixWsl.OK;
    }
  }

  @Command(
      name = "mount",
      description = "Attach and mount the storage; with --format-blank make its file system first.")
  int mount(
      @Mixin StorageOptions storage,
      @Option(
              names = "--format-blank",
              description = "The disk is new: format it. Refused if anything is on it.")
          boolean formatBlank,
      @Mixin Output output) {
    try (StorageSdk sdk = StorageSdk.open()) {
      WslMounter mounter = sdk.mounter();
      MountedStorage mounted =
          formatBlank
              ? mounter.prepareBlankDisk(storage.storage(), output.following())
              : mounter.ensureMounted(storage.storage(), output.following());
      show(Optional.of(mounted), output);
      return NixWsl.OK;
    }
  }

  @Command(
      name = "ensure",
      description = "Attach and mount the storage, unless it is mounted already.")
  int ensure(@Mixin StorageOptions storage, @Mixin Output output) {
    try (StorageSdk sdk = StorageSdk.open()) {
      show(Optional.of(sdk.mounter().ensureMounted(storage.storage(), output.following())), output);
      return NixWsl.OK;
    }
  }

  @Command(
      name = "unmount",
      description = "Unmount and detach the storage; nothing to do is no error.")
  int unmount(@Mixin StorageOptions storage, @Mixin Output output) {
    try (StorageSdk sdk = StorageSdk.open()) {
      sdk.mounter().unmount(storage.storage(), output.following());
      show(Optional.empty(), output);
      return NixWsl.OK;
    }
  }

  @Command(name = "status", description = "Tell where the storage is mounted. Exit 1: it is not.")
  int status(@Mixin StorageOptions storage, @Mixin Output output) {
    try (StorageSdk sdk = StorageSdk.open()) {
      Optional<MountedStorage> mounted = sdk.mounter().state(storage.storage());
      show(mounted, output);
      return mounted.isPresent() ? NixWsl.OK : NixWsl.FINDINGS;
    }
  }

  private static Map<String, Object> json(WslInstance instance, List<BootState> boots) {
    Map<String, Object> json =
        Output.object(
            "name", instance.name(),
            "running", instance.running(),
            "version", instance.version(),
            "default", instance.isDefault());
    boot(instance, boots)
        .ifPresent(
            boot -> {
              json.put("decision", Output.camel(boot.decision()));
              json.put("reason", boot.reason());
              json.put("findings", boot.findings());
            });
    return json;
  }

  private static String line(WslInstance instance, List<BootState> boots) {
    return (instance.isDefault() ? "* " : "  ")
        + instance.name()
        + "  WSL "
        + instance.version()
        + "  "
        + (instance.running() ? "running" : "stopped")
        + boot(instance, boots)
            .map(
                boot ->
                    "  " + Output.camel(boot.decision()) + ": " + boot.reason() + findings(boot))
            .orElse("");
  }

  private static String findings(BootState boot) {
    return boot.findings().isEmpty() ? "" : " (" + String.join(", ", boot.findings()) + ")";
  }

  private static Optional<BootState> boot(WslInstance instance, List<BootState> boots) {
    return boots.stream().filter(boot -> boot.instance().equals(instance.name())).findFirst();
  }

  private static void show(Optional<MountedStorage> mounted, Output output) {
    Map<String, Object> json = Output.object("mounted", mounted.isPresent());
    mounted.ifPresent(
        m -> {
          json.put("mountPoint", m.mountPoint().toString());
          json.put("device", m.device());
          json.put("fileSystemType", m.fileSystemType());
          m.fileSystemUuid().ifPresent(u -> json.put("fileSystemUuid", u.toString()));
        });
    output.print(json, out -> print(out, mounted));
  }

  private static void print(PrintWriter out, Optional<MountedStorage> mounted) {
    out.println(
        mounted
            .map(m -> m.device() + " (" + m.fileSystemType() + ") on " + m.mountPoint())
            .orElse("not mounted"));
  }
}
