package org.nixwsl.storage.core.nixwire;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.nixwsl.storage.core.escape.ShText;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.platform.InstanceShell;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.CommandException;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.error.StorageSdkException;

/**
 * Switches the system of a running NixOS to its configuration, and back to what it was, by a script
 * that runs inside of it. Each call may be repeated, also after one that was killed. Thread-safe.
 */
public final class SystemSwitch {
  /** A switch may build for hours; one that hangs is given up before its script is. */
  private static final Duration BUILD_LIMIT = Duration.ofHours(4);

  private static final Duration SCRIPT_LIMIT = BUILD_LIMIT.plusMinutes(15);
  private static final Duration LOOK_LIMIT = Duration.ofMinutes(3);

  // The statuses of the script.
  private static final int NO_NIXOS = 41;
  private static final int GONE = 42;
  private static final int BUSY = 43;
  private static final int ON_THE_DISK = 44;
  private static final int UNITS_FAILED = 45;
  private static final int BY_HAND = 46;

  private static final Pattern STATE =
      Pattern.compile("^nixwsl-system (\\S{1,300}) (\\S{1,300}) (yes|no)$", Pattern.MULTILINE);
  private static final Pattern STORE_PATH =
      Pattern.compile("/nix/store/[0-9a-z]{32}-[0-9A-Za-z+._?=-]{1,211}");

  private final InstanceShell shell;
  private final String root;

  /** The system of the instance that the shell leads into. */
  public SystemSwitch(InstanceShell shell) {
    this(shell, "");
  }

  /** One whose files lie in another directory, for tests. */
  SystemSwitch(InstanceShell shell, String root) {
    this.shell = shell;
    this.root = root;
  }

  /**
   * What an instance runs.
   *
   * @param running the store path of the running system
   * @param profile the one that the next boot takes
   * @param hooked whether the next start goes through the hook of the move that was asked about
   */
  public record State(String running, String profile, boolean hooked) {}

  /**
   * Looks. Changes nothing.
   *
   * @param storageId the id of the move
   * @throws EnvironmentException {@code TOOL_MISSING} if the instance is no NixOS
   */
  public State look(UUID storageId, Operation operation) throws IOException, InterruptedException {
    ProcessRunner.Result result =
        run(LOOK_LIMIT, operation, "system-look", root, storageId.toString());
    Matcher state = STATE.matcher(result.text());
    if (result.exitCode() != 0 || !state.find()) {
      throw failure("look at the system of " + shell.instance(), result);
    }
    return new State(
        storePath(state.group(1)), storePath(state.group(2)), state.group(3).equals("yes"));
  }

  private String storePath(String path) {
    String inStore = path.startsWith(root) ? path.substring(root.length()) : path;
    if (!STORE_PATH.matcher(inStore).matches()) {
      throw new EnvironmentException(
          Problem.of(
              ErrorCode.SWITCH_FAILED,
              "The system of " + shell.instance() + " is not in its store: " + path + ".",
              "Switch it by hand, and ask for the move without that."));
    }
    return path;
  }

  /**
   * {@code nixos-rebuild switch} to the configuration in a directory, and a look whether the next
   * start goes through the hook of the move.
   *
   * @param directory as the instance sees it
   * @return what to tell people; empty if there is nothing
   * @throws CommandException {@code SWITCH_FAILED} with what was printed
   */
  public Optional<String> toConfiguration(Path directory, UUID storageId, Operation operation)
      throws IOException, InterruptedException {
    String what = "nixos-rebuild switch in " + shell.instance();
    ProcessRunner.Result result =
        run(
            SCRIPT_LIMIT,
            operation,
            "system-switch",
            root,
            storageId.toString(),
            text(directory),
            Long.toString(BUILD_LIMIT.toSeconds()));
    return ended(what, result);
  }

  /**
   * Switches back: the profile first, then the old system activates itself, so that nothing is
   * evaluated or built.
   *
   * @param before what {@link #look} gave before the switch; where that is not in the store any
   *     more, and somebody switched to a system without the hook, it stays at that
   * @param storageId the id of the move
   * @return what to tell people; empty if there is nothing
   * @throws ConflictException {@code STORAGE_BUSY} if the instance runs from the storage: its root
   *     disk would not know of the switch
   */
  public Optional<String> back(State before, UUID storageId, Operation operation)
      throws IOException, InterruptedException {
    String what = "switch " + shell.instance() + " back to " + before.profile();
    return ended(
        what,
        run(
            SCRIPT_LIMIT,
            operation,
            "system-back",
            root,
            before.running(),
            before.profile(),
            storageId.toString()));
  }

  private Optional<String> ended(String what, ProcessRunner.Result result) {
    if (result.exitCode() == UNITS_FAILED) {
      return Optional.of(
          what
              + ": done, but not all units started: "
              + ProcessRunner.failed(Command.of("nixos-rebuild", "switch"), result)
                  .output()
                  .strip());
    }
    if (result.exitCode() == BY_HAND) {
      return Optional.of(
          "Not done, as it is not needed: "
              + what
              + ". That is not in the store any more, and /sbin/init does not lead to the hook of"
              + " the move: the system stays the one that was switched to by hand.");
    }
    if (result.exitCode() != 0) {
      throw failure(what, result);
    }
    return Optional.empty();
  }

  private StorageSdkException failure(String what, ProcessRunner.Result result) {
    return switch (result.exitCode()) {
      case NO_NIXOS ->
          new EnvironmentException(
              Problem.of(
                  ErrorCode.TOOL_MISSING,
                  "Cannot "
                      + what
                      + ": there is no nixos-rebuild, or no system that NixOS switched to.",
                  "Switch by hand, and ask for the move without that."));
      case GONE ->
          new EnvironmentException(
              Problem.of(
                  ErrorCode.SWITCH_FAILED,
                  "Cannot " + what + ": the system of before is not in the store any more.",
                  "Switch to a system without the module by hand, and call again."));
      case BUSY ->
          new ConflictException(
              Problem.of(
                      ErrorCode.SWITCH_FAILED,
                      "Cannot " + what + ": another switch has been running for ten minutes.",
                      "Wait until it ends and call again.")
                  .mayGoAway());
      case ON_THE_DISK ->
          new ConflictException(
              Problem.of(
                  ErrorCode.STORAGE_BUSY,
                  "Cannot " + what + ": it runs from the storage.",
                  "Let it boot from its root disk first (nix-storage disarm, then terminate it)."));
      default -> {
        CommandException failed =
            ProcessRunner.failed(Command.of("nixos-rebuild", "switch"), result);
        yield new CommandException(
            Problem.of(
                    ErrorCode.SWITCH_FAILED,
                    "Failed: " + what + ": " + failed.output().strip(),
                    "Mend what it complains about and call again.")
                .leaving(StateLeft.RESUMABLE),
            failed.command(),
            result.exitCode(),
            failed.output());
      }
    };
  }

  private ProcessRunner.Result run(Duration limit, Operation operation, String... words)
      throws IOException, InterruptedException {
    String first =
        Stream.of(words).map(ShText::quoted).collect(Collectors.joining(" ", "set -- ", "\n"));
    return shell.run(first + script(), limit, operation);
  }

  private static String script() throws IOException {
    try (InputStream in =
        Objects.requireNonNull(SystemSwitch.class.getResourceAsStream("system.sh"))) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  /** The directory as the instance writes it. */
  private static String text(Path directory) {
    if (!NixTools.isText(directory)) {
      throw new EnvironmentException(
          Problem.of(
              ErrorCode.BAD_SETTING,
              "nixos-rebuild cannot be given the name of "
                  + PathBytes.printable(directory)
                  + ", which is not UTF-8.",
              "Give the directory another name."));
    }
    return new String(PathBytes.inInstance(directory), StandardCharsets.UTF_8);
  }
}
