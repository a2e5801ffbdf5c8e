package org.nixwsl.storage.core.guest;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.nixwsl.storage.core.escape.ShText;
import org.nixwsl.storage.core.platform.InstanceShell;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;

/**
 * The Java of an instance: the one that was configured, else the {@code java} on the path, else the
 * one that Nix brings. What Nix brings is kept from being collected by a link in {@code /run},
 * which goes when the instance ends. Thread-safe.
 */
public final class InstanceJava implements GuestJava {
  /** The name for the variable that names a Java inside the instance, in messages. */
  public static final String VARIABLE = "NIXWSL_GUEST_JAVA";

  /** A Java is some hundred megabytes, and a line may be slow. */
  private static final Duration LIMIT = Duration.ofMinutes(30);

  private static final String LINK = "/run/nixwsl/guest-java";
  private static final String FOUND = "java ";

  private final InstanceShell shell;
  private final Optional<String> configured;
  private final String path;
  private final String link;

  /**
   * The Java of the instance behind a shell.
   *
   * @param configured a program that is to be taken and no other
   */
  public InstanceJava(InstanceShell shell, Optional<String> configured) {
    this(shell, configured, GuestLauncher.PATH, LINK);
  }

  InstanceJava(InstanceShell shell, Optional<String> configured, String path, String link) {
    this.shell = shell;
    this.configured = configured;
    this.path = path;
    this.link = link;
  }

  @Override
  public Optional<String> find(Operation operation) throws IOException, InterruptedException {
    String words =
        Stream.of(configured.orElse(""), Integer.toString(GuestLauncher.OLDEST_JAVA), link)
            .map(ShText::quoted)
            .collect(Collectors.joining(" "));
    String script = "set -- " + words + "\nPATH=" + path + "\nexport PATH\n" + text();
    ProcessRunner.Result result = shell.run(script, LIMIT, operation);
    Optional<String> found =
        result
            .text()
            .lines()
            .filter(line -> line.startsWith(FOUND))
            .map(line -> line.substring(FOUND.length()))
            .findFirst();
    if (result.exitCode() != 0 || found.isEmpty()) {
      String why = result.allText().strip().replaceAll("\\s+", " ");
      throw new EnvironmentException(
          Problem.of(
              ErrorCode.TOOL_MISSING,
              "No Java runs the program that is to work in "
                  + shell.instance()
                  + ": "
                  + (why.isEmpty() ? "looking for one ended with " + result.exitCode() : why)
                  + ".",
              "Put Java "
                  + GuestLauncher.OLDEST_JAVA
                  + " or newer there, such as jdk_headless of nixpkgs, or name its program in "
                  + VARIABLE
                  + "."));
    }
    return found;
  }

  private static String text() throws IOException {
    try (InputStream in =
        Objects.requireNonNull(InstanceJava.class.getResourceAsStream("find-java.sh"))) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }
}
