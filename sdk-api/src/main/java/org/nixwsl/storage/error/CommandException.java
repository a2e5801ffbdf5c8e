package org.nixwsl.storage.error;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** A program that the SDK started failed. Carries what is needed to repeat and report it. */
public final class CommandException extends StorageSdkException {
  private static final long serialVersionUID = 1L;

  private final String[] command;
  private final int exitCode;
  private final String output;

  /**
   * Describes a failed command.
   *
   * @param problem what it means
   * @param command program and arguments, as started; never holds secrets
   * @param exitCode the exit status, or -1 when the program was killed or could not be started
   * @param output the beginning and the end of what it printed, at most a few thousand characters
   */
  public CommandException(Problem problem, List<String> command, int exitCode, String output) {
    this(command, exitCode, output, problem, null);
  }

  /** The same with the failure that caused it. */
  public CommandException(
      Problem problem, List<String> command, int exitCode, String output, Throwable cause) {
    this(command, exitCode, output, problem, cause);
  }

  private CommandException(
      List<String> command,
      int exitCode,
      String output,
      Problem problem,
      @Nullable Throwable cause) {
    super(problem, cause);
    this.command = command.toArray(String[]::new);
    this.exitCode = exitCode;
    this.output = output;
  }

  /** Program and arguments, as started. */
  public List<String> command() {
    return List.of(command);
  }

  /** The exit status, or -1 when the program was killed or could not be started. */
  public int exitCode() {
    return exitCode;
  }

  /** The beginning and the end of what it printed, standard output and error together. */
  public String output() {
    return output;
  }
}
