package org.nixwsl.storage.core.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayOutputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PathBytesTest {
  @TempDir private Path folder;

  @BeforeEach
  void namesAreBytes() {
    assumeTrue(
        FileSystems.getDefault().supportedFileAttributeViews().contains("unix"),
        "skipped: a file system whose names are bytes is missing");
  }

  @Test
  void anyNameTheKernelTakesComesBackByteForByte() throws Exception {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int i = 0; i < 500; i++) {
      byte[] name = new byte[1 + random.nextInt(40)];
      for (int j = 0; j < name.length; j++) {
        int b;
        do {
          b = random.nextInt(256);
        } while (b == 0 || b == '/');
        name[j] = (byte) b;
      }
      Path path = named(folder, name);
      if (random.nextBoolean() && !isDots(name)) {
        Files.createDirectories(path);
      }
      assertThat(PathBytes.ofName(path)).as("seed %d, name %d", seed, i).isEqualTo(name);
      Path relative = path.getFileName();
      assertThat(PathBytes.of(relative)).as("seed %d, relative %d", seed, i).isEqualTo(name);
    }
  }

  @Test
  void asciiNamesAreTheirText() {
    assertThat(PathBytes.of(Path.of("/a b/c%20"))).isEqualTo(ascii("/a b/c%20"));
    assertThat(PathBytes.of(Path.of("a/b"))).isEqualTo(ascii("a/b"));
  }

  @Test
  void whatIsPrintedIsPlainAsciiAndUnambiguous() throws Exception {
    Path odd = named(folder, new byte[] {'a', (byte) 0xff, '\n', '%', ' '});
    assertThat(PathBytes.printable(PathBytes.ofName(odd))).isEqualTo("a%FF%0A%25 ");
  }

  /** As on Windows, where a path that begins with a separator is not even absolute. */
  @Test
  void whereNamesAreTextTheBytesAreUtf8() throws Exception {
    try (FileSystem zip =
        FileSystems.newFileSystem(folder.resolve("a.zip"), Map.of("create", "true"))) {
      for (String text : List.of("ä.vhdx", "/ä/b.vhdx")) {
        assertThat(PathBytes.of(zip.getPath(text)))
            .isEqualTo(text.getBytes(StandardCharsets.UTF_8));
      }
    }
  }

  private static boolean isDots(byte[] name) {
    String text = new String(name, StandardCharsets.ISO_8859_1);
    return text.equals(".") || text.equals("..");
  }

  private static Path named(Path folder, byte[] name) {
    ByteArrayOutputStream escaped = new ByteArrayOutputStream();
    for (byte b : name) {
      escaped.writeBytes(ascii(String.format(Locale.ROOT, "%%%02X", b & 0xff)));
    }
    String base = folder.toUri().getRawPath();
    return Path.of(
        URI.create(
            "file://"
                + base
                + (base.endsWith("/") ? "" : "/")
                + escaped.toString(StandardCharsets.US_ASCII)));
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }

  @Test
  void aPathOfWindowsStandsForThatOfTheInstance() {
    for (String path :
        new String[] {"\\etc\\nixos", "C:\\etc\\nixos", "etc\\nixos", "d:etc\\nixos"}) {
      assertThat(PathBytes.fromWindows(path)).isEqualTo("/etc/nixos");
    }
    assertThat(PathBytes.fromWindows("C:\\")).isEqualTo("/");
  }

  @Test
  void aPathOfLinuxStandsForItself() {
    Path path = PathBytes.toAbsolutePath(new byte[] {'/', 'a', (byte) 0xff, '\\', 'b'});
    assertThat(PathBytes.inInstance(path)).isEqualTo(PathBytes.of(path));
  }
}
