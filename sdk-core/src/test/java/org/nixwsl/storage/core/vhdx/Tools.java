package org.nixwsl.storage.core.vhdx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Other programs that judge our files, and the digest of files. */
final class Tools {
  private static final Duration LIMIT = Duration.ofSeconds(60);

  private Tools() {}

  record Result(int exitCode, String output) {}

  /** Skips the test where a program is not installed. */
  static void require(String... names) {
    for (String name : names) {
      boolean found =
          Arrays.stream(System.getenv().getOrDefault("PATH", "").split(":"))
              .anyMatch(folder -> Files.isExecutable(Path.of(folder, name)));
      assumeTrue(found, "skipped: " + name + " is missing");
    }
  }

  static Result run(String... command) throws IOException, InterruptedException {
    return run(List.of(command));
  }

  static Result run(List<String> command) throws IOException, InterruptedException {
    return run(command, LIMIT);
  }

  static Result run(List<String> command, Duration limit) throws IOException, InterruptedException {
    Path output = Files.createTempFile("nixwsl-test-output", ".txt");
    try {
      Process process =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(output.toFile())
              .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
              .start();
      if (!process.waitFor(limit.toSeconds(), TimeUnit.SECONDS)) {
        process.destroyForcibly();
        throw new AssertionError("Not done after " + limit + ": " + command);
      }
      byte[] bytes = Files.readAllBytes(output);
      return new Result(process.exitValue(), new String(bytes, StandardCharsets.UTF_8));
    } finally {
      Files.delete(output);
    }
  }

  /** Runs a program that has to succeed. */
  static String succeed(String... command) throws IOException, InterruptedException {
    Result result = run(command);
    assertThat(result.exitCode()).as("%s: %s", List.of(command), result.output()).isZero();
    return result.output();
  }

  static String sha256(Path file) throws IOException {
    try (InputStream in = Files.newInputStream(file)) {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      byte[] buffer = new byte[1 << 20];
      for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
        digest.update(buffer, 0, n);
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }
}
