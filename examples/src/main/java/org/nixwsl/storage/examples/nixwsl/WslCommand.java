package org.nixwsl.storage.examples.nixwsl;

import java.io.PrintWriter;
import java.util.Map;
import java.util.Optional;
import org.nixwsl.storage.StorageSdk;
import org.nixwsl.storage.mount.MountedStorage;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code nixwsl wsl}: attaching the shared storage, on Linux through a loop device. */
@Command(name = "wsl", description = "Attach and detach the shared storage.")
final class WslCommand {
  WslCommand() {}

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
