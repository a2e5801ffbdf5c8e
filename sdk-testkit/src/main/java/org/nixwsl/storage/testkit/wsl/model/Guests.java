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
    private final List<String> elsewhere;

    private Ran(int exit, byte[] stdout, byte[] stderr, List<String> elsewhere) {
      this.exit = exit;
      this.stdout = stdout;
      this.stderr = stderr;
      this.elsewhere = List.copyOf(elsewhere);
    }

    /** A program that printed text. */
    public static Ran of(int exit, String stdout) {
      return of(exit, stdout, "");
    }

    /** A program that printed text and errors. */
    public static Ran of(int exit, String stdout, String stderr) {
      return new Ran(
          exit,
          stdout.getBytes(StandardCharsets.UTF_8),
          stderr.getBytes(StandardCharsets.UTF_8),
          List.of());
    }

    /** A program that is still to be started, as a command of this machine. */
    public static Ran elsewhere(List<String> command) {
      return new Ran(0, new byte[0], new byte[0], command);
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

    /**
     * What is to be started in the place of this process, so that input and output go straight
     * through; empty if it has run already.
     */
    public List<String> elsewhere() {
      return elsewhere;
    }
  }

  /**
   * Runs a program in an instance that runs.
   *
   * @param argv the program with its arguments
   * @param input what it reads; not used by programs that run elsewhere
   */
  Ran run(String instance, List<String> argv, byte[] input)
      throws IOException, InterruptedException;

  /** Instances in memory, which know a few programs and the scripts of the SDK. */
  static Guests inMemory(WslState state) {
    return new LogicalGuest(state);
  }
}
