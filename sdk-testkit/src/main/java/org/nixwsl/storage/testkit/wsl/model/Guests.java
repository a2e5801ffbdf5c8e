package org.nixwsl.storage.testkit.wsl.model;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** The inside of the instances: where a command of {@code --exec} runs. */
public interface Guests {
  /** What a program in an instance came to. Immutable. */
  final class Ran {
    private final int exit;
    private final byte[] stdout;
    private final byte[] stderr;

    private Ran(int exit, byte[] stdout, byte[] stderr) {
      this.exit = exit;
      this.stdout = stdout;
      this.stderr = stderr;
    }

    /** A program that printed text. */
    public static Ran of(int exit, String stdout) {
      return of(exit, stdout, "");
    }

    /** A program that printed text and errors. */
    public static Ran of(int exit, String stdout, String stderr) {
      return new Ran(
          exit, stdout.getBytes(StandardCharsets.UTF_8), stderr.getBytes(StandardCharsets.UTF_8));
    }

    /** A program that printed bytes. */
    public static Ran of(int exit, byte[] stdout, byte[] stderr) {
      return new Ran(exit, stdout.clone(), stderr.clone());
    }

    /** Its status. */
    public int exit() {
      return exit;
    }

    /** Its output, as it printed it; a copy. */
    public byte[] stdout() {
      return stdout.clone();
    }

    /** Its errors; a copy. */
    public byte[] stderr() {
      return stderr.clone();
    }
  }

  /**
   * Runs a program in an instance that runs.
   *
   * @param argv the program with its arguments
   * @param input what it reads
   */
  Ran run(String instance, List<String> argv, byte[] input)
      throws IOException, InterruptedException;

  /** Instances in memory, which know a few programs and the scripts of the SDK. */
  static Guests inMemory(WslState state) {
    return new LogicalGuest(state);
  }
}
