package org.nixwsl.storage.testkit.wsl.command;

import java.nio.file.Path;
import java.util.List;

/** One call of wsl.exe. Immutable. */
public final class WslCall {
  private final List<String> arguments;
  private final byte[] input;
  private final boolean utf8;
  private final Path directory;

  /**
   * A call.
   *
   * @param arguments without the program
   * @param input what a program in an instance reads
   * @param utf8 whether the variable {@code WSL_UTF8} is {@code 1}
   * @param directory where relative paths begin
   */
  public WslCall(List<String> arguments, byte[] input, boolean utf8, Path directory) {
    this.arguments = List.copyOf(arguments);
    this.input = input.clone();
    this.utf8 = utf8;
    this.directory = directory;
  }

  /** A call with nothing to read, in the present directory, answered in UTF-8. */
  public static WslCall of(String... arguments) {
    return new WslCall(List.of(arguments), new byte[0], true, Path.of("").toAbsolutePath());
  }

  List<String> arguments() {
    return arguments;
  }

  byte[] input() {
    return input;
  }

  boolean utf8() {
    return utf8;
  }

  Path directory() {
    return directory;
  }
}
