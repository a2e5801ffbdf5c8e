package org.nixwsl.storage.linux.tree;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.MountedStorage;
import org.nixwsl.storage.mount.StorageLayout;

/** A layout that the kernel, or the SDK, does not have: nothing but the reason. */
final class UnsupportedLayout implements InstanceLayout {
  private static final Path KERNELS = Path.of("/proc/filesystems");

  private final StorageLayout layout;

  UnsupportedLayout(StorageLayout layout) {
    this.layout = layout;
  }

  @Override
  public List<Problem> refusals(
      InstanceName instance, Optional<MountedStorage> storage, Operation operation)
      throws IOException {
    String type = layout.fileSystemType();
    String why =
        inKernel(type)
            ? "the SDK has no code for it yet"
            : "the kernel has no "
                + type
                + " loaded (/proc/filesystems), and WSL's own kernel has none";
    return List.of(
        Problem.of(
            ErrorCode.UNSUPPORTED_PLATFORM,
            "The layout " + layout.text() + " cannot be used: " + why + ".",
            "Use the layout ext4 or btrfs."));
  }

  /**
   * Whether the kernel has a file system now. proc_filesystems(5): the type is the last word of a
   * line.
   */
  private static boolean inKernel(String type) throws IOException {
    return Files.readAllLines(KERNELS, StandardCharsets.ISO_8859_1).stream()
        .anyMatch(line -> line.strip().replaceFirst("^nodev\\s+", "").equals(type));
  }
}
