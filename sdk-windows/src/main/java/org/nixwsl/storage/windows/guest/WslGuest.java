package org.nixwsl.storage.windows.guest;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.nixwsl.storage.core.escape.ShText;
import org.nixwsl.storage.core.platform.DiskFormat;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.DiskException;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.mount.BootState;
import org.nixwsl.storage.windows.wsl.WslAnswer;
import org.nixwsl.storage.windows.wsl.WslExe;

/**
 * Looks at the disks from inside an instance, as root, and does what can be done only there. Each
 * call runs one script, whose first line has its name and its arguments: {@code set -- 'look'}.
 * Thread-safe.
 */
public final class WslGuest {
  /** NixOS keeps its programs in the first, other distributions in the rest. */
  static final String PATH = "PATH=/run/current-system/sw/bin:/usr/sbin:/usr/bin:/sbin:/bin\n";

  /** The statuses of the scripts for "looked again and refused" and "a program is missing". */
  private static final int REFUSED = 40;

  private static final int TOOL_MISSING = 41;

  /** The hook that writes the line keeps quotes and backslashes out of the texts. */
  private static final Pattern BOOT =
      Pattern.compile(
          "\\{\"version\":1,\"decision\":\"([a-z]{1,20})\",\"reason\":\"([^\"]{0,4096})\","
              + "\"findings\":\\[((?:\"[a-z-]{1,50}\",?){0,20})\\],\"source\":\"([^\"]{0,4096})\",\"storageId\":\"([^\"]{0,100})\"\\}");

  private final WslExe wsl;
  private final String distribution;

  WslGuest(WslExe wsl, String distribution) {
    this.wsl = wsl;
    this.distribution = distribution;
  }

  /** Its name. */
  public String distribution() {
    return distribution;
  }

  /**
   * Looks. Changes nothing.
   *
   * @throws EnvironmentException {@code TOOL_MISSING} if the instance has no program to look with
   */
  public DiskView look(Operation operation) throws IOException, InterruptedException {
    return seen(run(operation, "look"));
  }

  /** Looks at the mounts and not at the disks, which takes no other program than a shell has. */
  public DiskView mounts(Operation operation) throws IOException, InterruptedException {
    return seen(run(operation, "look", "mounts"));
  }

  private DiskView seen(WslAnswer answer) {
    requireOk(answer);
    return DiskView.parse(answer.stdout())
        .orElseThrow(
            () ->
                new EnvironmentException(
                    Problem.of(
                            ErrorCode.WSL_FAILED,
                            "The WSL instance "
                                + distribution
                                + " was stopped while it looked at the disks.",
                            "Call again.")
                        .mayGoAway()));
  }

  /**
   * Makes a file system on a disk, after everything was asked again.
   *
   * @param marker the only thing that may be on it
   * @throws DiskException {@code DISK_NOT_BLANK} if it is not that disk, or not blank
   */
  public void format(
      DiskView.Disk disk, DiskFormat format, UUID uuid, String marker, Operation operation)
      throws IOException, InterruptedException {
    List<String> words =
        new ArrayList<>(
            List.of(
                "format",
                disk.name(),
                disk.number(),
                Long.toString(disk.sectors()),
                uuid.toString(),
                marker,
                format.program(),
                format.extended(),
                format.extendedBefore()));
    words.addAll(format.arguments(uuid));
    WslAnswer answer = run(operation, words.toArray(String[]::new));
    if (answer.exitCode() == REFUSED) {
      throw new DiskException(
          Problem.of(
              ErrorCode.DISK_NOT_BLANK,
              "The disk " + disk.node() + " was not formatted: " + refusal(answer) + ".",
              "Use a new disk. If what is on it may really go, delete the file and create it"
                  + " anew."));
    }
    requireOk(answer);
  }

  /**
   * Mounts a disk again where WSL believes it to be mounted.
   *
   * @param point where, below WSL's share
   * @throws DiskException {@code NOT_MOUNTED} if things changed since they were looked at
   */
  public void remount(
      DiskView.Disk disk, UUID uuid, String point, DiskFormat format, Operation operation)
      throws IOException, InterruptedException {
    WslAnswer answer =
        run(
            operation,
            "remount",
            disk.name(),
            disk.number(),
            uuid.toString(),
            point,
            format.type(),
            format.mountOptions());
    if (answer.exitCode() == REFUSED) {
      throw new DiskException(
          Problem.of(
                  ErrorCode.NOT_MOUNTED,
                  "The disk " + disk.node() + " was not mounted again: " + refusal(answer) + ".",
                  "Call again.")
              .mayGoAway());
    }
    requireOk(answer);
  }

  /**
   * What the hook at boot decided, if the instance has one.
   *
   * @throws StorageSdkException {@code WSL_FAILED} if it could not be read, or what it wrote is not
   *     understood
   */
  public Optional<BootState> bootState(Operation operation)
      throws IOException, InterruptedException {
    WslAnswer answer = run(operation, "boot");
    if (!answer.ok()) {
      throw answer.failure("Cannot learn how the WSL instance " + distribution + " booted");
    }
    String text = answer.stdout().strip();
    if (text.isEmpty()) {
      return Optional.empty();
    }
    Matcher line = BOOT.matcher(text);
    if (!line.matches()) {
      throw new EnvironmentException(
          Problem.of(
              ErrorCode.WSL_FAILED,
              "/run/nix-storage/boot.json in the WSL instance "
                  + distribution
                  + " is not what its hook writes.",
              "Look at it; the next start of the instance writes it anew."));
    }
    return BootState.Decision.of(line.group(1))
        .map(
            decision ->
                new BootState(
                    distribution,
                    decision,
                    line.group(2),
                    Stream.of(line.group(3).split("[\",]+", -1)).filter(f -> !f.isEmpty()).toList(),
                    line.group(4),
                    Optional.of(line.group(5)).filter(id -> !id.isEmpty())));
  }

  private WslAnswer run(Operation operation, String... words)
      throws IOException, InterruptedException {
    String first =
        Stream.of(words).map(ShText::quoted).collect(Collectors.joining(" ", "set -- ", "\n"));
    return wsl.exec(distribution, first + PATH + script(words[0]), operation);
  }

  private void requireOk(WslAnswer answer) {
    if (answer.exitCode() == TOOL_MISSING) {
      throw new EnvironmentException(
          Problem.of(
              ErrorCode.TOOL_MISSING,
              "The WSL instance "
                  + distribution
                  + " lacks blkid (util-linux) or the program that makes the file system.",
              "Install util-linux and e2fsprogs, or btrfs-progs for the layout btrfs, there, or"
                  + " start another WSL 2 instance that has them."));
    }
    if (!answer.ok()) {
      throw answer.failure("Cannot work on the disks from the WSL instance " + distribution);
    }
  }

  private static String refusal(WslAnswer answer) {
    List<String> lines = answer.stdout().lines().toList();
    return lines.isEmpty() ? "no reason given" : lines.get(0).replaceFirst("^refused: ", "");
  }

  private static String script(String name) throws IOException {
    if (name.equals("boot")) {
      return "[ ! -e /run/nix-storage/boot.json ] || cat /run/nix-storage/boot.json\n";
    }
    try (InputStream in =
        Objects.requireNonNull(WslGuest.class.getResourceAsStream(name + ".sh"), name)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }
}
