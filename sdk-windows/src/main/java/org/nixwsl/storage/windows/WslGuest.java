package org.nixwsl.storage.windows;

import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Pattern;
import org.nixwsl.storage.core.escape.ShText;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.DiskException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StateLeft;

/** What an instance sees of the disks, read as root inside it. Changes nothing there. */
final class WslGuest {
  /** NixOS keeps its programs in the first, other distributions in the rest. */
  private static final String PATH =
      "PATH=/run/current-system/sw/bin:/usr/sbin:/usr/bin:/sbin:/bin\n";

  private static final Pattern DISK = Pattern.compile("/dev/sd[a-z]{1,3}");

  private final WslExe wsl;
  private final String distribution;

  WslGuest(WslExe wsl, String distribution) {
    this.wsl = wsl;
    this.distribution = distribution;
  }

  /** Its name. */
  String distribution() {
    return distribution;
  }

  /** Its mount table. */
  List<MountEntry> mounts(Operation operation) throws IOException, InterruptedException {
    return MountEntry.parse(output("cat /proc/self/mountinfo", operation));
  }

  /**
   * The UUID of the file system on a disk, read from the disk itself and not from a cache.
   *
   * @throws DiskException {@code WRONG_STORAGE} if there is none, or if a second disk carries it: a
   *     copy of the VHDX is attached, and nothing tells the two apart
   */
  UUID fileSystemUuid(String device, Operation operation) throws IOException, InterruptedException {
    if (!DISK.matcher(device).matches()) {
      throw wrong(
          device + " is not a disk that WSL attached", "Detach it and mount the disk anew.");
    }
    String script =
        "uuid() { blkid -p -s UUID -o value \"$1\"; }\n"
            + "wanted=$(uuid "
            + ShText.quoted(device)
            + ")\n"
            + "printf '%s\\n' \"$wanted\"\n"
            + "for disk in /dev/sd[a-z] /dev/sd[a-z][a-z]; do\n"
            + "  if [ -b \"$disk\" ] && [ \"$(uuid \"$disk\")\" = \"$wanted\" ]; then"
            + " printf '%s\\n' \"$disk\"; fi\n"
            + "done\n";
    List<String> lines = output(script, operation).lines().toList();
    UUID uuid =
        lines.stream()
            .findFirst()
            .flatMap(WslGuest::uuid)
            .orElseThrow(
                () -> wrong(device + " shows no file system", "Prepare the disk as a blank one."));
    if (lines.size() > 2) {
      throw wrong(
          "The file system "
              + uuid
              + " is on more than one disk: "
              + lines.subList(1, lines.size()),
          "Detach the copy and call again.");
    }
    return uuid;
  }

  private String output(String script, Operation operation)
      throws IOException, InterruptedException {
    WslAnswer answer = wsl.exec(distribution, PATH + script, operation);
    if (!answer.ok()) {
      throw answer.failure("Cannot look at the disks from the WSL instance " + distribution);
    }
    return answer.stdout();
  }

  private static Optional<UUID> uuid(String text) {
    String lower = text.strip().toLowerCase(Locale.ROOT);
    return lower.matches("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
        ? Optional.of(UUID.fromString(lower))
        : Optional.empty();
  }

  private static DiskException wrong(String what, String remedy) {
    return new DiskException(
        Problem.of(ErrorCode.WRONG_STORAGE, what + ".", remedy).leaving(StateLeft.NEEDS_CLEANUP));
  }
}
