package org.nixwsl.storage.core.process;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A program to start. Arguments go to the operating system as they are; there is no shell. A path
 * whose bytes the platform's encoding cannot hold must not be an argument: feed it through {@link
 * #reading}. Immutable.
 */
public final class Command {
  private final List<String> argv;
  private final Map<String, String> environment;
  private final byte[] input;
  private final Duration limit;

  private Command(
      List<String> argv, Map<String, String> environment, byte[] input, Duration limit) {
    if (argv.isEmpty()) {
      throw new IllegalArgumentException("A command needs a program");
    }
    this.argv = List.copyOf(argv);
    this.environment = Map.copyOf(environment);
    this.input = input;
    this.limit = limit;
  }

  /** A command with messages in English, nothing to read, and a minute to run. */
  public static Command of(String... argv) {
    return of(List.of(argv));
  }

  /** {@link #of(String...)} for a list. */
  public static Command of(List<String> argv) {
    return new Command(argv, Map.of("LC_ALL", "C"), new byte[0], Duration.ofMinutes(1));
  }

  /** The same command, killed with its children when it runs longer than that. */
  public Command within(Duration time) {
    return new Command(argv, environment, input, time);
  }

  /** The same command with something to read on standard input, which is closed after that. */
  public Command reading(byte[] bytes) {
    return new Command(argv, environment, bytes.clone(), limit);
  }

  /** The same command with one more variable, in addition to the ones of this process. */
  public Command with(String name, String value) {
    Map<String, String> more = new LinkedHashMap<>(environment);
    more.put(name, value);
    return new Command(argv, more, input, limit);
  }

  /** Program and arguments. */
  public List<String> argv() {
    return argv;
  }

  /** The variables set in addition to the ones of this process. */
  public Map<String, String> environment() {
    return environment;
  }

  byte[] input() {
    return input;
  }

  /** How long it may run. */
  public Duration limit() {
    return limit;
  }

  @Override
  public String toString() {
    return String.join(" ", argv);
  }
}
