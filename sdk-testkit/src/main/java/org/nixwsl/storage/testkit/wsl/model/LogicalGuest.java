package org.nixwsl.storage.testkit.wsl.model;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.nixwsl.storage.testkit.wsl.model.WslState.Disk;
import org.nixwsl.storage.testkit.wsl.model.WslState.Mount;

/**
 * An instance in memory: a few programs, and the scripts of the SDK, which begin with a line that
 * names them ({@code set -- 'look'}). It answers as the script would if it ran there.
 */
final class LogicalGuest implements Guests {
  private static final Pattern WORD = Pattern.compile("'([^']*)'");
  private static final int REFUSED = 40;

  /** Major numbers of SCSI disks (Documentation/admin-guide/devices.txt), 16 disks each. */
  private static final int[] MAJOR = {8, 65, 66, 67, 68, 69, 70, 71};

  private final WslState state;

  LogicalGuest(WslState state) {
    this.state = state;
  }

  /**
   * What a program came to.
   *
   * @param exit its status
   */
  private record Ran(int exit, String out, String err) {
    static Ran of(int exit, String out) {
      return new Ran(exit, out, "");
    }

    static Ran of(int exit, String out, String err) {
      return new Ran(exit, out, err);
    }
  }

  /** Runs it at once, while nobody else uses the machine. */
  @Override
  public Program start(String instance, List<String> argv, Streams streams) throws IOException {
    Ran ran = run(instance, argv, streams.in().readAllBytes());
    streams.out().write(ran.out().getBytes(StandardCharsets.UTF_8));
    streams.err().write(ran.err().getBytes(StandardCharsets.UTF_8));
    return new Program() {
      @Override
      public int await() {
        return ran.exit();
      }

      @Override
      public void close() {
        // It has ended.
      }
    };
  }

  @Override
  public String newClient() {
    return UUID.randomUUID().toString();
  }

  /** No program outlives its call. */
  @Override
  public boolean isGone(String client) {
    return false;
  }

  private Ran run(String instance, List<String> argv, byte[] input) throws IOException {
    String program = argv.get(0).substring(argv.get(0).lastIndexOf('/') + 1);
    return switch (program) {
      case "true" -> Ran.of(0, "");
      case "false" -> Ran.of(1, "");
      case "echo" -> Ran.of(0, String.join(" ", argv.subList(1, argv.size())) + "\n");
      case "cat" -> cat(instance, argv.size() > 1 ? argv.get(1) : "", input);
      case "sh", "bash" ->
          argv.size() > 2 && argv.get(1).equals("-c")
              ? script(instance, argv.get(2))
              : script(instance, new String(input, StandardCharsets.UTF_8));
      default -> Ran.of(1, "", "execvp(" + argv.get(0) + ") failed: No such file or directory\n");
    };
  }

  private Ran cat(String instance, String file, byte[] input) {
    return switch (file) {
      case "" -> Ran.of(0, new String(input, StandardCharsets.UTF_8));
      case "/proc/self/mountinfo", "/proc/1/mountinfo" ->
          Ran.of(0, String.join("\n", mountInfo(instance)) + "\n");
      default -> Ran.of(1, "", "cat: " + file + ": No such file or directory\n");
    };
  }

  private Ran script(String instance, String text) throws IOException {
    List<String> lines = text.lines().filter(line -> !line.startsWith("PATH=")).toList();
    if (lines.isEmpty()) {
      return Ran.of(0, "");
    }
    String first = lines.get(0).strip();
    if (first.startsWith("set -- ")) {
      List<String> words = new ArrayList<>();
      Matcher word = WORD.matcher(first);
      while (word.find()) {
        words.add(word.group(1));
      }
      return switch (words.get(0)) {
        case "look" -> look(instance);
        case "format" -> format(words);
        case "remount" -> remount(words);
        case "boot" -> Ran.of(0, ""); // it has no hook
        default -> Ran.of(1, "", words.get(0) + ": not in a simulated instance\n");
      };
    }
    Ran last = Ran.of(0, "");
    StringBuilder out = new StringBuilder();
    for (String line : lines) {
      String[] words = line.strip().split(" +", -1);
      if (words[0].equals("exit")) {
        return Ran.of(words.length > 1 ? Integer.parseInt(words[1]) : last.exit(), out.toString());
      }
      last =
          words[0].isEmpty() || words[0].startsWith("#")
              ? last
              : run(instance, List.of(words), new byte[0]);
      out.append(last.out());
    }
    return Ran.of(last.exit(), out.toString());
  }

  private Ran look(String instance) throws IOException {
    StringBuilder out = new StringBuilder();
    mountInfo(instance).forEach(line -> out.append("M ").append(line).append('\n'));
    mountInfo(instance).forEach(line -> out.append("A ").append(line).append('\n'));
    for (Disk disk : state.disks) {
      DiskContents contents = contents(disk);
      for (DiskContents.Volume volume : contents.volumes()) {
        boolean whole = volume.number() == 0;
        out.append(whole ? "D " : "P ")
            .append(disk.letter)
            .append(whole ? "" : volume.number())
            .append(' ')
            .append(number(disk.letter, volume.number()))
            .append(' ')
            .append(volume.length() / 512)
            .append(whole && contents.divided() ? " 1 0 " : " 0 0 ")
            .append(type(contents, volume))
            .append(' ')
            .append(volume.uuid().isEmpty() ? "-" : volume.uuid())
            .append('\n');
      }
    }
    return Ran.of(0, out.append("E\n").toString());
  }

  /** A table of partitions is a find without a type. */
  private static String type(DiskContents contents, DiskContents.Volume volume) {
    if (!volume.type().isEmpty()) {
      return volume.type();
    }
    return volume.number() == 0 && contents.divided() ? "?" : "nothing";
  }

  private Ran format(List<String> words) throws IOException {
    Optional<Disk> disk = disk(words.get(1));
    if (disk.isEmpty() || !number(disk.get().letter, 0).equals(words.get(2))) {
      return refused("the disk is another one by now");
    }
    DiskContents contents = contents(disk.get());
    if (!Long.toString(contents.bytes() / 512).equals(words.get(3))) {
      return refused("its size is " + contents.bytes() / 512 + " sectors");
    }
    boolean mounted = state.mounts.stream().anyMatch(m -> m.letter.equals(disk.get().letter));
    boolean blank = contents.volumes().stream().allMatch(v -> v.type().isEmpty());
    if (contents.divided() || mounted || !blank || !file(disk.get()).isAbsolute()) {
      return refused("there is something on it");
    }
    String head =
        new String(DiskContents.head(file(disk.get()), 1 << 20), StandardCharsets.ISO_8859_1)
            .replace("\0", "");
    if (!head.substring(0, Math.min(200, head.length())).equals(words.get(5))) {
      return refused("its first MiB does not hold what was put there to know it by");
    }
    String type = words.get(6).replaceFirst("^mkfs[.]", "");
    DiskContents.format(file(disk.get()), 0, type, UUID.fromString(words.get(4)));
    return Ran.of(0, "");
  }

  private Ran remount(List<String> words) throws IOException {
    Optional<Disk> disk = disk(words.get(1));
    if (disk.isEmpty() || !number(disk.get().letter, 0).equals(words.get(2))) {
      return refused("the disk is another one by now");
    }
    String uuid = contents(disk.get()).volumes().get(0).uuid();
    if (!uuid.equals(words.get(3))) {
      return refused("its file system is " + uuid);
    }
    String point = words.get(4);
    if (state.mounts.stream().anyMatch(m -> m.point.equals(point))) {
      return refused("something is mounted there by now");
    }
    state.mounts.add(new Mount("", point, "/", disk.get().letter, 0, "ext4", ""));
    return Ran.of(0, "");
  }

  private static Ran refused(String why) {
    return Ran.of(REFUSED, "refused: " + why + "\n");
  }

  private Optional<Disk> disk(String letter) {
    return state.disks.stream().filter(d -> d.letter.equals(letter)).findFirst();
  }

  private Path file(Disk disk) {
    return Path.of(LogicalDevices.fileOf(state, disk));
  }

  private DiskContents contents(Disk disk) throws IOException {
    if (disk.path.equals(DiskTable.SYSTEM) || disk.path.equals(DiskTable.SWAP)) {
      String type = disk.path.equals(DiskTable.SYSTEM) ? "ext2" : "swap";
      String uuid = new UUID(0, disk.path.hashCode()).toString();
      return new DiskContents(
          disk.bytes, List.of(new DiskContents.Volume(0, 0, disk.bytes, type, uuid)));
    }
    return DiskContents.of(file(disk));
  }

  /** Lines as in proc(5), in the order of mounting. */
  private List<String> mountInfo(String instance) {
    List<String> lines = new ArrayList<>();
    WslState.Instance own = state.instances.get(instance);
    String root = "sda";
    for (Disk disk : state.disks) {
      if (own != null && disk.path.equals(own.vhd)) {
        root = disk.letter;
      }
    }
    lines.add("60 50 " + number(root, 0) + " / / rw,relatime - ext4 /dev/" + root + " rw,discard");
    lines.add("61 60 0:30 / /mnt/wsl rw,relatime shared:1 - tmpfs none rw");
    int id = 70;
    for (Mount mount : state.mounts) {
      if (mount.instance.isEmpty() || mount.instance.equals(instance)) {
        boolean readOnly = List.of(mount.options.split(",", -1)).contains("ro");
        String flags = readOnly ? "ro" : "rw";
        lines.add(
            String.join(
                " ",
                Integer.toString(id++),
                "61",
                number(mount.letter, mount.partition),
                mount.root,
                mount.point,
                flags + ",relatime",
                mount.instance.isEmpty() ? "shared:" + id + " -" : "-",
                mount.type,
                "/dev/" + mount.device(),
                mount.options.isEmpty() || readOnly ? flags : flags + "," + mount.options));
      }
    }
    return lines;
  }

  /** Major and minor number of {@code sda}, {@code sdb} and so on, and of their partitions. */
  static String number(String letter, int partition) {
    int index = 0;
    for (char c : letter.substring(2).toCharArray()) {
      index = index * 26 + (c - 'a' + 1);
    }
    index--;
    return MAJOR[index / 16 % MAJOR.length] + ":" + (index % 16 * 16 + partition);
  }
}
