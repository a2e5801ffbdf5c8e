package org.nixwsl.storage.windows.guest;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import org.nixwsl.storage.mount.MountName;

/**
 * What an instance sees of the disks at one moment. All instances see the same disks, and below
 * WSL's share the same mounts.
 *
 * @param mounts the mount table that WSL gives a new command, in the order of mounting
 * @param everywhere the mounts of all mount namespaces of the instance, in no order
 * @param disks the disks and their partitions
 */
public record DiskView(List<MountEntry> mounts, List<MountEntry> everywhere, List<Disk> disks) {
  /** The type of a disk on which no signature is found. */
  public static final String NOTHING = "nothing";

  /** Copies the lists. */
  public DiskView {
    mounts = List.copyOf(mounts);
    everywhere = List.copyOf(everywhere);
    disks = List.copyOf(disks);
  }

  /**
   * A disk or a partition.
   *
   * @param name as in {@code /dev}, such as {@code sdc}; changes between attachments
   * @param number major and minor number, such as {@code 8:32}
   * @param sectors its size in units of 512 bytes
   * @param divided whether it has partitions
   * @param held whether another device, such as a volume group, is on it
   * @param type what {@code blkid} finds on it, such as {@code ext4}; {@link #NOTHING}, or {@code
   *     ?} for what cannot be told
   * @param uuid the UUID of the file system
   * @param whole whether it is a disk and not a partition
   */
  public record Disk(
      String name,
      String number,
      long sectors,
      boolean divided,
      boolean held,
      String type,
      Optional<UUID> uuid,
      boolean whole) {
    /** Its name as a path. */
    public String node() {
      return "/dev/" + name;
    }
  }

  /**
   * Reads what the script in {@link WslGuest} prints.
   *
   * @return empty if the end is missing, as when the instance was stopped meanwhile
   */
  static Optional<DiskView> parse(String printed) {
    List<String> lines = printed.lines().toList();
    if (lines.isEmpty() || !lines.get(lines.size() - 1).equals("E")) {
      return Optional.empty();
    }
    List<Disk> disks = new ArrayList<>();
    for (String line : lines) {
      String[] words = line.split(" ", -1);
      if ((words[0].equals("D") || words[0].equals("P"))
          && words.length == 8
          && words[3].matches("[0-9]{1,18}")) {
        disks.add(
            new Disk(
                words[1],
                words[2],
                Long.parseLong(words[3]),
                !words[4].equals("0"),
                !words[5].equals("0"),
                words[6],
                uuid(words[7]),
                words[0].equals("D")));
      }
    }
    Map<String, String> numbers = new HashMap<>();
    for (String line : lines) {
      String[] words = line.split(" ", -1);
      if (words[0].equals("N") && words.length == 3) {
        numbers.put("/dev/" + words[1], words[2]);
      }
    }
    return Optional.of(
        new DiskView(mounts("M ", lines, numbers), mounts("A ", lines, numbers), disks));
  }

  /**
   * For btrfs, which may have several devices, the kernel shows a number that is none of them: it
   * is replaced by the one of the device that is named.
   */
  private static List<MountEntry> mounts(
      String mark, List<String> lines, Map<String, String> numbers) {
    return MountEntry.parse(
            lines.stream()
                .filter(line -> line.startsWith(mark))
                .map(line -> line.substring(mark.length()))
                .collect(Collectors.joining("\n")))
        .stream()
        .map(
            entry ->
                entry.type().equals("btrfs")
                    ? entry.on(numbers.getOrDefault(entry.source(), entry.device()))
                    : entry)
        .toList();
  }

  private static Optional<UUID> uuid(String text) {
    String lower = text.toLowerCase(Locale.ROOT);
    return lower.matches("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
        ? Optional.of(UUID.fromString(lower))
        : Optional.empty();
  }

  /**
   * What is visible where WSL mounts a disk of that name: the last mount there. The share is below
   * the root of the Windows drives, which each instance may have elsewhere.
   */
  public Optional<MountEntry> share(MountName name) {
    return mounts.stream().filter(entry -> isShare(entry, name)).reduce((first, last) -> last);
  }

  /** The directory of WSL's share, such as {@code /mnt/wsl}: memory, on which disks are mounted. */
  public Optional<String> shareRoot() {
    return mounts.stream()
        .filter(entry -> entry.type().equals("tmpfs") && entry.mountPoint().endsWith("/wsl"))
        .map(MountEntry::mountPoint)
        .reduce((first, last) -> last);
  }

  /** The names under which a device is mounted below WSL's share. */
  public List<String> shares(String number) {
    return shareRoot().stream()
        .flatMap(
            root ->
                mounts.stream()
                    .filter(entry -> entry.device().equals(number))
                    .map(MountEntry::mountPoint)
                    .filter(point -> point.startsWith(root + "/"))
                    .map(point -> point.substring(root.length() + 1)))
        .toList();
  }

  /** Disks and partitions with that file system; more than one where a copy is attached. */
  public List<Disk> carrying(UUID uuid) {
    return disks.stream().filter(disk -> disk.uuid().filter(uuid::equals).isPresent()).toList();
  }

  /** The disk or partition of that number. */
  public Optional<Disk> disk(String number) {
    return disks.stream().filter(disk -> disk.number().equals(number)).findFirst();
  }

  /**
   * The numbers of the disk that a disk or partition belongs to and of all its partitions; the
   * number alone where there is no such disk.
   */
  public Set<String> wholeDisk(String number) {
    String name = disk(number).map(disk -> disk.name().replaceFirst("[0-9]+$", "")).orElse("");
    Set<String> numbers =
        disks.stream()
            .filter(disk -> disk.name().replaceFirst("[0-9]+$", "").equals(name))
            .map(Disk::number)
            .collect(Collectors.toSet());
    numbers.add(number);
    return numbers;
  }

  /** Whether an entry of any of the tables is WSL's own mount of that name, and not one like it. */
  public boolean isShare(MountEntry entry, MountName name) {
    return entry.root().equals("/")
        && shareRoot().filter(root -> entry.mountPoint().equals(root + "/" + name)).isPresent();
  }

  /** Whole disks that are not in an earlier view. */
  public List<Disk> addedSince(DiskView earlier) {
    Set<String> names = earlier.disks.stream().map(Disk::name).collect(Collectors.toSet());
    return disks.stream().filter(d -> d.whole() && !names.contains(d.name())).toList();
  }

  /** Whether a device is the root disk of this instance. */
  public boolean isRoot(String number) {
    return Arrays.asList(mounts, everywhere).stream()
        .flatMap(List::stream)
        .anyMatch(entry -> entry.mountPoint().equals("/") && entry.device().equals(number));
  }

  /** All mounts of a device, in whatever namespace. */
  public List<MountEntry> mountsOf(String number) {
    List<MountEntry> all = new ArrayList<>(mounts);
    all.addAll(everywhere);
    return all.stream().filter(entry -> entry.device().equals(number)).toList();
  }
}
