package org.nixwsl.storage.examples.nixwsl;

import java.util.UUID;
import org.nixwsl.storage.StorageSdk;
import org.nixwsl.storage.config.NixModuleSettings;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.MountName;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code nixwsl config}: the NixOS module. */
@Command(
    name = "config",
    description = "Write the NixOS module that boots from the shared storage.")
final class ConfigCommand {
  ConfigCommand() {}

  @Command(name = "render", description = "Print the text of nix-storage.nix.")
  int render(
      @Option(
              names = "--instance",
              required = true,
              paramLabel = "NAME",
              description = "The name of its directory on the shared storage.")
          InstanceName instance,
      @Option(
              names = "--storage-id",
              required = true,
              paramLabel = "UUID",
              description = "What migrate run printed, and .nix-storage-id holds.")
          UUID storageId,
      @Option(
              names = "--mount-name",
              defaultValue = "nixstorage",
              paramLabel = "NAME",
              description = "The name it is mounted under; ${DEFAULT-VALUE} when not given.")
          MountName mountName,
      @Option(
              names = "--wait",
              defaultValue = "15",
              paramLabel = "SECONDS",
              description = "How long a boot waits for the disk, 0 to 15.")
          int waitSeconds,
      @Mixin Output output) {
    try (StorageSdk sdk = StorageSdk.open()) {
      String module =
          sdk.configWriter()
              .render(
                  NixModuleSettings.builder()
                      .instance(instance)
                      .storageId(storageId)
                      .mountName(mountName)
                      .waitSeconds(waitSeconds)
                      .build());
      output.print(Output.object("module", module), out -> out.print(module));
      return NixWsl.OK;
    }
  }
}
