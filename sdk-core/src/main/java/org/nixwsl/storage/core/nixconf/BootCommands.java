package org.nixwsl.storage.core.nixconf;

import java.time.Duration;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.config.BootChange;
import org.nixwsl.storage.config.BootControl;
import org.nixwsl.storage.core.escape.ShText;
import org.nixwsl.storage.core.platform.InstanceShell;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.DiskException;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.error.StorageSdkException;

/**
 * Calls the command {@code nix-storage} of an instance, whose text lies beside this class, and
 * knows how it answers: status 3 with a code in brackets at the end of the line is a refusal, and
 * then nothing was changed. Thread-safe.
 */
public final class BootCommands implements BootControl {
  /** Where a running NixOS has the programs of its system. */
  private static final String PROGRAM = "/run/current-system/sw/bin/nix-storage";

  /** Two systems of some gigabytes, from and to slow disks. */
  private static final Duration COPY_LIMIT = Duration.ofHours(4);

  /** What only writes a small file: WSL may have to start the instance, for up to a minute. */
  private static final Duration SHORT_LIMIT = Duration.ofMinutes(3);

  private static final int REFUSED = 3;

  /** Of the script around the command, and none of the command's own. */
  private static final int NO_COMMAND = 41;

  private static final Pattern REFUSAL =
      Pattern.compile("^nix-storage: (.{1,1000}) \\[([A-Z_]{1,40})\\]$", Pattern.MULTILINE);

  private final InstanceShell shell;
  private final Ticker ticker;
  private final String program;

  /** The command of the system that the instance runs. */
  public BootCommands(InstanceShell shell, Ticker ticker) {
    this(shell, ticker, PROGRAM);
  }

  BootCommands(InstanceShell shell, Ticker ticker, String program) {
    this.shell = shell;
    this.ticker = ticker;
    this.program = program;
  }

  @Override
  public BootChange reseed(RunOptions options) {
    return call("reseed", COPY_LIMIT, options);
  }

  @Override
  public BootChange adopt(RunOptions options) {
    return call("adopt", SHORT_LIMIT, options);
  }

  @Override
  public BootChange disarm(RunOptions options) {
    return call("disarm", SHORT_LIMIT, options);
  }

  private BootChange call(String verb, Duration limit, RunOptions options) {
    String file = ShText.quoted(program);
    String script =
        "[ -x " + file + " ] || exit " + NO_COMMAND + "\nexec " + file + " " + verb + " 2>&1\n";
    return Operation.run(
        verb + " " + shell.instance(),
        options,
        ticker,
        Map.of(),
        operation -> {
          ProcessRunner.Result result = shell.run(script, limit, operation);
          if (result.exitCode() != 0) {
            throw failure(verb, result);
          }
          return new BootChange(
              result
                  .text()
                  .lines()
                  .map(line -> line.replaceFirst("^nix-storage: ", ""))
                  .filter(line -> !line.isBlank())
                  .toList());
        });
  }

  private StorageSdkException failure(String verb, ProcessRunner.Result result) {
    if (result.exitCode() == NO_COMMAND) {
      return new EnvironmentException(
          Problem.of(
              ErrorCode.TOOL_MISSING,
              "There is no command nix-storage in "
                  + shell.instance()
                  + ": the system that runs there was built without the module.",
              "Write the module, switch, and call again; on Windows name the instance it is in."));
    }
    Matcher said = REFUSAL.matcher(result.text());
    if (result.exitCode() == REFUSED && said.find()) {
      return refusal(
          verb,
          said.group(2),
          "nix-storage " + verb + " in " + shell.instance() + ": " + said.group(1) + ".",
          result);
    }
    return failed(verb, result);
  }

  private StorageSdkException refusal(
      String verb, String code, String what, ProcessRunner.Result result) {
    return switch (code) {
      case "NOT_ROOT" -> environment(ErrorCode.NOT_ROOT, what, "Call as root.");
      case "NOT_A_STORE" ->
          environment(ErrorCode.NOT_A_STORE, what, "Look at what is in the directory, or disarm.");
      case "NOT_MOUNTED" ->
          new DiskException(
              Problem.of(ErrorCode.NOT_MOUNTED, what, "Attach the disk and call again."));
      case "WRONG_STORAGE" ->
          new DiskException(
              Problem.of(
                  ErrorCode.WRONG_STORAGE,
                  what,
                  "Attach the disk of this instance in its place, or render the module anew for the"
                      + " one that is there."));
      case "STORAGE_BUSY" ->
          new ConflictException(
              Problem.of(
                      ErrorCode.STORAGE_BUSY,
                      what,
                      "Stop the other instance with `wsl --terminate` and call again.")
                  .mayGoAway());
      default -> failed(verb, result); // of a newer command; its words are in the output
    };
  }

  private StorageSdkException failed(String verb, ProcessRunner.Result result) {
    return ProcessRunner.failed(Command.of(program, verb), result);
  }

  private static EnvironmentException environment(ErrorCode code, String what, String remedy) {
    return new EnvironmentException(Problem.of(code, what, remedy));
  }
}
