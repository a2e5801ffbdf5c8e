package org.nixwsl.storage.testkit.wsl.command;

import java.nio.charset.StandardCharsets;

/** What a call came to. Immutable. */
public final class WslOutput {
  private final Ending ending;
  private final int exit;
  private final byte[] stdout;
  private final byte[] stderr;

  WslOutput(Ending ending, int exit, byte[] stdout, byte[] stderr) {
    this.ending = ending;
    this.exit = exit;
    this.stdout = stdout;
    this.stderr = stderr;
  }

  /** How a call ends. */
  public enum Ending {
    /** By itself. */
    EXITED,
    /** Not at all: whoever waits has to kill it. */
    HANGS,
    /** It was killed. */
    DIED
  }

  /** How it ended, if it did. */
  public Ending ending() {
    return ending;
  }

  /** Its status as Windows gives it: -1 where wsl.exe itself failed. */
  public int exit() {
    return exit;
  }

  /** Its output, its errors too; a copy. */
  public byte[] stdout() {
    return stdout.clone();
  }

  /** Warnings, and the errors of programs in an instance; a copy. */
  public byte[] stderr() {
    return stderr.clone();
  }

  /** The output of a call in UTF-8. */
  public String text() {
    return new String(stdout, StandardCharsets.UTF_8);
  }

  /** The errors of a call in UTF-8. */
  public String errors() {
    return new String(stderr, StandardCharsets.UTF_8);
  }
}
