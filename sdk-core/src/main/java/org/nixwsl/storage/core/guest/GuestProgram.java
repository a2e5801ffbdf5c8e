package org.nixwsl.storage.core.guest;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.JarURLConnection;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.jar.Attributes;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.stream.Stream;
import java.util.zip.Deflater;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;

/**
 * The guest as a runnable jar: one that was built and named, or one that is put together from the
 * classes that run here, so that host and guest are always of one version. Thread-safe.
 */
public final class GuestProgram {
  /** The name for the variable that names a jar, in messages. */
  public static final String VARIABLE = "NIXWSL_GUEST_JAR";

  private static final String MAIN = "org.nixwsl.storage.linux.GuestMain";

  /** A class of each part that the guest is made of. */
  private static final List<String> PARTS =
      List.of(
          MAIN,
          "org.nixwsl.storage.core.guest.GuestServer",
          "org.nixwsl.storage.StorageSdk",
          "com.fasterxml.jackson.jr.ob.JSON",
          "com.fasterxml.jackson.core.JsonFactory",
          "dev.failsafe.Failsafe",
          "org.zeroturnaround.exec.ProcessExecutor",
          "org.slf4j.LoggerFactory",
          "org.sqlite.JDBC");

  /** What of these parts is taken: a program may come with all that it uses in one jar. */
  private static final List<String> TAKEN =
      List.of(
          "org/nixwsl/storage/",
          "com/fasterxml/jackson/",
          "dev/failsafe/",
          "org/zeroturnaround/exec/",
          "org/slf4j/",
          "org/sqlite/",
          "sqlite-jdbc.properties");

  private static final List<String> NOT_TAKEN =
      List.of(
          "org/nixwsl/storage/windows/",
          "org/nixwsl/storage/testkit/",
          "org/nixwsl/storage/examples/",
          "org/slf4j/simple/",
          "org/sqlite/native/");

  /** WSL runs on these two. */
  private static final List<String> NATIVE =
      List.of("org/sqlite/native/Linux/x86_64/", "org/sqlite/native/Linux/aarch64/");

  private final Making making;
  private byte @Nullable [] made;

  @FunctionalInterface
  private interface Making {
    byte[] run() throws IOException;
  }

  private GuestProgram(Making making) {
    this.making = making;
  }

  /** A jar that was built: {@code nixwsl-sdk-linux-...-guest.jar}. */
  public static GuestProgram at(Path jar) {
    return new GuestProgram(
        () -> {
          if (!Files.isRegularFile(jar)) {
            throw new EnvironmentException(
                Problem.of(
                    ErrorCode.NOT_FOUND,
                    "The guest program " + PathBytes.printable(jar) + " is not there.",
                    "Correct the name in " + VARIABLE + ", or build the SDK."));
          }
          return Files.readAllBytes(jar);
        });
  }

  /**
   * One that is put together from the classes of a class path or module path, when it is needed.
   */
  public static GuestProgram ofClasses(ClassLoader loader) {
    return new GuestProgram(() -> assembled(loader));
  }

  /**
   * The bytes of the jar; not copied.
   *
   * @throws EnvironmentException {@code NOT_FOUND} if it is not there, or parts of it are not
   */
  synchronized byte[] jar() throws IOException {
    byte[] jar = made;
    if (jar == null) {
      jar = making.run();
      made = jar;
    }
    return jar;
  }

  private static byte[] assembled(ClassLoader loader) throws IOException {
    Set<Path> sources = new LinkedHashSet<>();
    for (String part : PARTS) {
      sources.add(source(part, loader));
    }
    Manifest manifest = new Manifest();
    Attributes main = manifest.getMainAttributes();
    main.put(Attributes.Name.MANIFEST_VERSION, "1.0");
    main.put(Attributes.Name.MAIN_CLASS, MAIN);
    // sqlite-jdbc loads its library; JDK 25 warns of that unless it is allowed.
    main.putValue("Enable-Native-Access", "ALL-UNNAMED");
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(8 << 20);
    try (JarOutputStream jar = new JarOutputStream(bytes, manifest)) {
      jar.setLevel(Deflater.BEST_SPEED);
      Set<String> names = new HashSet<>();
      for (Path source : sources) {
        if (Files.isDirectory(source)) {
          addDirectory(source, names, jar);
        } else {
          addJar(source, names, jar);
        }
      }
      jar.putNextEntry(new JarEntry("META-INF/services/java.sql.Driver"));
      jar.write("org.sqlite.JDBC\n".getBytes(StandardCharsets.US_ASCII));
    }
    return bytes.toByteArray();
  }

  private static void addDirectory(Path directory, Set<String> names, JarOutputStream jar)
      throws IOException {
    Map<String, Path> files = new TreeMap<>();
    try (Stream<Path> all = Files.walk(directory)) {
      all.filter(Files::isRegularFile)
          .forEach(
              file -> files.put(directory.relativize(file).toString().replace('\\', '/'), file));
    }
    for (Map.Entry<String, Path> file : files.entrySet()) {
      if (taken(file.getKey()) && names.add(file.getKey())) {
        jar.putNextEntry(new JarEntry(file.getKey()));
        Files.copy(file.getValue(), jar);
      }
    }
  }

  private static void addJar(Path source, Set<String> names, JarOutputStream jar)
      throws IOException {
    try (ZipInputStream in = new ZipInputStream(Files.newInputStream(source))) {
      for (ZipEntry entry = in.getNextEntry(); entry != null; entry = in.getNextEntry()) {
        if (!entry.isDirectory() && taken(entry.getName()) && names.add(entry.getName())) {
          jar.putNextEntry(new JarEntry(entry.getName()));
          in.transferTo(jar);
        }
      }
    }
  }

  private static boolean taken(String name) {
    return NATIVE.stream().anyMatch(name::startsWith)
        || (TAKEN.stream().anyMatch(name::startsWith)
            && NOT_TAKEN.stream().noneMatch(name::startsWith));
  }

  /** The jar or the directory that a class comes from. */
  private static Path source(String type, ClassLoader loader) throws IOException {
    String name = type.replace('.', '/') + ".class";
    URL url = loader.getResource(name);
    try {
      if (url != null && url.getProtocol().equals("file")) {
        String text = url.toString();
        return Path.of(new URI(text.substring(0, text.length() - name.length())));
      }
      if (url != null && url.openConnection() instanceof JarURLConnection connection) {
        return Path.of(connection.getJarFileURL().toURI());
      }
    } catch (URISyntaxException | IllegalArgumentException e) {
      throw missing(type, "is at " + url + ", which is no file", e);
    }
    throw missing(type, url == null ? "is not on the class path" : "is at " + url, null);
  }

  private static EnvironmentException missing(String type, String why, @Nullable Exception cause) {
    Problem problem =
        Problem.of(
            ErrorCode.NOT_FOUND,
            "The program that works inside an instance cannot be put together: "
                + type
                + " "
                + why
                + ".",
            "Add org.nixwsl:nixwsl-sdk-linux to the class path beside nixwsl-sdk-windows, or name"
                + " its guest jar in "
                + VARIABLE
                + ".");
    return cause == null
        ? new EnvironmentException(problem)
        : new EnvironmentException(problem, cause);
  }
}
