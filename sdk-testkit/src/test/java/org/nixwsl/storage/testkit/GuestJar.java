package org.nixwsl.storage.testkit;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.jar.Attributes;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The guest made of the classes under test. */
public final class GuestJar {
  private GuestJar() {}

  /** What has to be seen where it runs. */
  public static List<Path> classPath() {
    return Stream.of(System.getProperty("java.class.path").split(":", -1))
        .filter(entry -> !entry.isEmpty())
        .map(Path::of)
        .toList();
  }

  /** A jar that only names the classes under test, so that no old build of them is tested. */
  public static Path in(Path directory) throws IOException {
    Manifest manifest = new Manifest();
    Attributes main = manifest.getMainAttributes();
    main.put(Attributes.Name.MANIFEST_VERSION, "1.0");
    main.put(Attributes.Name.MAIN_CLASS, "org.nixwsl.storage.linux.GuestMain");
    main.put(
        Attributes.Name.CLASS_PATH,
        classPath().stream()
            .map(entry -> entry.toUri().toString())
            .collect(Collectors.joining(" ")));
    Path jar = directory.resolve("guest.jar");
    try (OutputStream file = Files.newOutputStream(jar);
        JarOutputStream out = new JarOutputStream(file, manifest)) {
      out.finish();
    }
    return jar;
  }
}
