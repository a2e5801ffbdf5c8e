package org.nixwsl.storage.testkit.wsl.command;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.nixwsl.storage.testkit.wsl.model.Guests;

/**
 * One call of wsl.exe. Immutable, save that what it reads from a stream of its caller can be read
 * once.
 */
public final class WslCall {
  private final List<String> arguments;
  private final byte[] input;
  private final boolean utf8;
  private final Path directory;
  private final Optional<Guests.Streams> caller;
  private final boolean keepsOutput;

  private WslCall(
      List<String> arguments,
      byte[] input,
      boolean utf8,
      Path directory,
      Optional<Guests.Streams> caller,
      boolean keepsOutput) {
    this.arguments = List.copyOf(arguments);
    this.input = input;
    this.utf8 = utf8;
    this.directory = directory;
    this.caller = caller;
    this.keepsOutput = keepsOutput;
  }

  /**
   * A call.
   *
   * @param arguments without the program
   * @param input what a program in an instance reads
   * @param utf8 whether the variable {@code WSL_UTF8} is {@code 1}
   * @param directory where relative paths begin
   */
  public WslCall(List<String> arguments, byte[] input, boolean utf8, Path directory) {
    this(arguments, input.clone(), utf8, directory, Optional.empty(), true);
  }

  /** A call with nothing to read, in the present directory, answered in UTF-8. */
  public static WslCall of(String... arguments) {
    return new WslCall(List.of(arguments), new byte[0], true, Path.of("").toAbsolutePath());
  }

  /**
   * The same call between streams of its caller: a program in an instance reads and prints there
   * while it runs, where instances are real. What wsl.exe says itself is in the output as ever.
   */
  public WslCall between(Guests.Streams streams) {
    return new WslCall(arguments, input, utf8, directory, Optional.of(streams), false);
  }

  /** The same call with its input read to the end, and its output kept. */
  WslCall whole() throws IOException {
    byte[] all = caller.isPresent() && reads() ? caller.get().in().readAllBytes() : input;
    return new WslCall(arguments, all, utf8, directory, Optional.empty(), true);
  }

  /** The same call with the output of its program kept with the rest. */
  WslCall keepingOutput() {
    return new WslCall(arguments, input, utf8, directory, caller, true);
  }

  /** Whether standard input is for a program or an import, and not for wsl.exe, which has none. */
  private boolean reads() {
    return arguments.contains("--exec")
        || arguments.contains("-e")
        || arguments.contains("--")
        || arguments.contains("-")
        || arguments.stream().noneMatch(word -> word.startsWith("--") || word.matches("-[lvts]"));
  }

  /** Between what a program in an instance runs. */
  Guests.Streams streams(Console console) {
    InputStream in =
        caller.map(Guests.Streams::in).orElseGet(() -> new ByteArrayInputStream(input));
    return caller.filter(streams -> !keepsOutput).orElseGet(() -> console.reading(in));
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
