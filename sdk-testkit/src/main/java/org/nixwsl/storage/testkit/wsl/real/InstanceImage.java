package org.nixwsl.storage.testkit.wsl.real;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What an instance is made from that is a container: an image of the Docker engine of this machine,
 * with {@code sh}, {@code env}, {@code mount}, {@code mknod} and {@code pivot_root} on its path and
 * systemd behind {@code /sbin/init}. Immutable.
 */
public final class InstanceImage {
  private final String name;
  private final List<Path> shown;

  private InstanceImage(String name, List<Path> shown) {
    if (!name.matches("[a-zA-Z0-9][a-zA-Z0-9._/:@-]*")) {
      throw new IllegalArgumentException("Not the name of an image: '" + name + "'");
    }
    this.name = name;
    this.shown = List.copyOf(shown);
  }

  /**
   * An image that is there: none is pulled.
   *
   * @param name its tag or number
   */
  public static InstanceImage of(String name) {
    return new InstanceImage(name, List.of());
  }

  /** The image that {@code NIXWSL_TEST_IMAGE} names; {@code ./dev test} sets it. */
  public static Optional<InstanceImage> ofTheEnvironment() {
    return Optional.ofNullable(System.getenv("NIXWSL_TEST_IMAGE"))
        .filter(name -> !name.isBlank())
        .map(InstanceImage::of);
  }

  /**
   * The same with a file or directory of this machine shown inside, read-only, under its own name.
   *
   * @param path absolute, without a colon or a line end
   */
  public InstanceImage showing(Path path) {
    if (!path.isAbsolute() || path.toString().matches("(?s).*[:\n].*")) {
      throw new IllegalArgumentException("Cannot be shown in a container: " + path);
    }
    List<Path> more = new ArrayList<>(shown);
    more.add(path);
    return new InstanceImage(name, more);
  }

  /** The tag or number. */
  public String name() {
    return name;
  }

  List<Path> shown() {
    return shown;
  }

  /** Reads one that was written; empty if there is no such file. */
  static Optional<InstanceImage> read(Path file) throws IOException {
    if (Files.notExists(file)) {
      return Optional.empty();
    }
    List<String> lines = Files.readAllLines(file);
    List<Path> shown = lines.stream().skip(1).map(Path::of).toList();
    return Optional.of(new InstanceImage(lines.get(0), shown));
  }

  void write(Path file) throws IOException {
    List<String> lines = new ArrayList<>(List.of(name));
    shown.forEach(path -> lines.add(path.toString()));
    Files.write(file, lines);
  }
}
