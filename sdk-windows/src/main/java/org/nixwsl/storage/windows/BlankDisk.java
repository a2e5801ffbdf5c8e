package org.nixwsl.storage.windows;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.nixwsl.storage.VhdxManager;
import org.nixwsl.storage.core.platform.DiskFormat;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.disk.DiskChannel;
import org.nixwsl.storage.error.DiskException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.windows.guest.DiskView;
import org.nixwsl.storage.windows.guest.DiskView.Disk;
import org.nixwsl.storage.windows.guest.Guests;
import org.nixwsl.storage.windows.wsl.WslAnswer;
import org.nixwsl.storage.windows.wsl.WslError;
import org.nixwsl.storage.windows.wsl.WslExe;
import org.nixwsl.storage.windows.wsl.WslExe.WslDisk;

/**
 * One call that makes a file system on a blank disk. WSL does not tell which device a disk became,
 * all instances see the root disks of all others, and formatting the wrong one destroys it. So the
 * disk is known by three things at once: it is the only one that came, it has the right size, and
 * it holds a marker that was written to the file before. The caller holds the lock of the disk.
 */
final class BlankDisk {
  /** Where the marker is; the first MiB of a blank disk holds nothing else. */
  private static final int MARKER_OFFSET = 512 << 10;

  private static final int EDGE_BYTES = 1 << 20;
  private static final String MARKER_START = "nixwsl-blank-disk-";
  private static final Pattern MARKER = Pattern.compile(MARKER_START + "[0-9a-f]{64}");

  /** As long as WSL itself waits for a device. */
  private static final Duration DEVICE_LIMIT = Duration.ofSeconds(15);

  private final WslExe wsl;
  private final Guests guests;
  private final VhdxManager vhdx;
  private final SharedStorage storage;
  private final WslDisk disk;
  private final Operation operation;
  private final String what;

  BlankDisk(
      WslExe wsl,
      Guests guests,
      VhdxManager vhdx,
      SharedStorage storage,
      WslDisk disk,
      Operation operation) {
    this.wsl = wsl;
    this.guests = guests;
    this.vhdx = vhdx;
    this.storage = storage;
    this.disk = disk;
    this.operation = operation;
    this.what = "Cannot prepare " + disk.path();
  }

  /**
   * Makes the file system; the disk is detached again after that, so that it can be mounted by its
   * name and proven.
   *
   * @return the UUID of the file system
   */
  UUID format(Path file) throws IOException, InterruptedException {
    UUID uuid = storage.fileSystemUuid().orElseGet(UUID::randomUUID);
    Guests.Seen before = guests.look(what, operation);
    requireNew(before.view(), uuid);
    String marker = MARKER_START + random();
    long sectors = mark(file, marker) / 512;
    attach();
    try {
      Disk device = onlyNew(before, sectors);
      requireUnused(device);
      before.guest().format(device, DiskFormat.of(storage.layout()), uuid, marker, operation);
    } catch (StorageSdkException | IOException | InterruptedException e) {
      detachAfter(e);
      throw e;
    }
    Detachment.detach(wsl, disk, operation);
    return uuid;
  }

  private void requireNew(DiskView view, UUID uuid) {
    if (!view.carrying(uuid).isEmpty()) {
      throw notBlank("a disk with the UUID " + uuid + " is attached already");
    }
    if (view.share(storage.mountName()).isPresent()) {
      throw notBlank("a disk is mounted as wsl/" + storage.mountName() + " already");
    }
  }

  /**
   * Writes the marker to the file, if its first and its last MiB are empty.
   *
   * @return the size of the disk in bytes
   */
  private long mark(Path file, String marker) throws IOException {
    operation.checkCancelled();
    try (DiskChannel channel = vhdx.openForWriting(file)) {
      long size = channel.size();
      if (size < 4L * EDGE_BYTES) {
        throw notBlank("it is smaller than 4 MiB");
      }
      requireEmpty(read(channel, 0));
      requireEmpty(read(channel, size - EDGE_BYTES));
      channel.position(MARKER_OFFSET);
      channel.write(ByteBuffer.wrap(marker.getBytes(StandardCharsets.US_ASCII)));
      return size;
    }
  }

  private static ByteBuffer read(DiskChannel channel, long offset) throws IOException {
    ByteBuffer edge = ByteBuffer.allocate(EDGE_BYTES);
    channel.position(offset);
    while (edge.hasRemaining()) {
      if (channel.read(edge) < 0) {
        throw new IOException("The disk ends before its size");
      }
    }
    return edge.flip();
  }

  /** A marker is left where an earlier call was cut short. */
  private void requireEmpty(ByteBuffer edge) {
    String text =
        StandardCharsets.ISO_8859_1
            .decode(edge)
            .chars()
            .filter(c -> c != 0)
            .limit(200)
            .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
            .toString();
    if (!text.isEmpty() && !MARKER.matcher(text).matches()) {
      throw notBlank("there is data in its first or last MiB");
    }
  }

  private void attach() throws IOException, InterruptedException {
    WslAnswer answer =
        new Patience(operation)
            .trying(
                "attach " + disk.path(),
                () -> {
                  WslAnswer tried = wsl.attach(disk, operation);
                  if (!tried.ok() && !tried.isTo(WslError.Treatment.DONE)) {
                    throw tried.failure(what);
                  }
                  return tried;
                });
    if (!answer.ok()) {
      throw new DiskException(
          Problem.of(
              ErrorCode.VHDX_IN_USE,
              what + ": it is attached to WSL already.",
              "If it is in use, use another disk. If not, detach it with unmount, and call"
                  + " again."));
    }
  }

  /** The one disk that came. */
  private Disk onlyNew(Guests.Seen before, long sectors) throws IOException, InterruptedException {
    List<Disk> added =
        operation.await(
                "the device of " + disk.path(), DEVICE_LIMIT, () -> !added(before).isEmpty())
            ? added(before)
            : List.of();
    if (added.size() != 1 || added.get(0).sectors() != sectors) {
      throw notBlank(
          added.isEmpty()
              ? "its device did not appear"
              : "it cannot be told apart from other disks: a disk of "
                  + sectors
                  + " sectors was attached, and there came "
                  + added.stream()
                      .map(d -> d.node() + " of " + d.sectors())
                      .collect(Collectors.joining(", ")));
    }
    return added.get(0);
  }

  private List<Disk> added(Guests.Seen before) throws IOException, InterruptedException {
    return before.guest().look(operation).addedSince(before.view());
  }

  private void requireUnused(Disk device) throws IOException, InterruptedException {
    Optional<String> reason =
        device.divided()
            ? Optional.of("it has partitions")
            : device.held()
                ? Optional.of("another device is on it")
                : device.type().equals(DiskView.NOTHING)
                    ? Optional.empty()
                    : Optional.of("there is " + device.type() + " on it");
    if (reason.isPresent()) {
      throw notBlank(reason.get());
    }
    for (String name : wsl.running(operation)) {
      if (!guests.of(name).mounts(operation).mountsOf(device.number()).isEmpty()) {
        throw notBlank("the WSL instance " + name + " has it mounted");
      }
    }
  }

  private void detachAfter(Exception failure) {
    try {
      Operation.toTheEnd(
          "detach " + disk.path(), operation.ticker(), op -> Detachment.detach(wsl, disk, op));
    } catch (StorageSdkException e) {
      failure.addSuppressed(e);
    }
  }

  private static String random() {
    byte[] bytes = new byte[32];
    new SecureRandom().nextBytes(bytes);
    return HexFormat.of().formatHex(bytes);
  }

  private DiskException notBlank(String why) {
    return new DiskException(
        Problem.of(
                ErrorCode.DISK_NOT_BLANK,
                what + ": " + why + ". It was not formatted.",
                "Use a new disk, and let nothing else attach or start meanwhile. If what is on it"
                    + " may really go, delete the file and create it anew.")
            .leaving(StateLeft.NOTHING_CHANGED));
  }
}
