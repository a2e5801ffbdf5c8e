package org.nixwsl.storage.linux.freeze;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.nixwsl.storage.core.platform.StoreFreezer.Token;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.process.ProcessRunner.Result;
import org.nixwsl.storage.core.run.Operation;

/**
 * What is asked of the service manager of this machine. Every argument is a fixed word or a name.
 */
final class Systemd {
  /** Only there while systemd runs as PID 1 (sd_booted(3)). */
  private static final Path BOOTED = Path.of("/run/systemd/system");

  /** Longer than a unit may take to stop, which is 90 s by default, and then to start. */
  private static final Duration UNDO_LIMIT = Duration.ofMinutes(10);

  private final ProcessRunner processes;

  Systemd(ProcessRunner processes) {
    this.processes = processes;
  }

  static boolean runs() {
    return Files.isDirectory(BOOTED, LinkOption.NOFOLLOW_LINKS);
  }

  /** The units that use the store. */
  NixUnits units(List<String> more, Operation operation) throws IOException, InterruptedException {
    List<String> patterns = NixUnits.patterns(more);
    // This one has to succeed: no answer must not be taken for no units.
    Result loaded = processes.runOk(list("list-units", patterns), operation);
    // This one ends with 1 where nothing matches.
    Result files = processes.run(list("list-unit-files", patterns), operation);
    return NixUnits.of(lines(files), lines(loaded));
  }

  private static Command list(String verb, List<String> patterns) {
    List<String> argv =
        new ArrayList<>(
            List.of("systemctl", verb, "--all", "--full", "--plain", "--no-legend", "--no-pager"));
    argv.add("--");
    argv.addAll(patterns);
    return Command.of(argv);
  }

  private static List<String> lines(Result result) {
    return result.text().lines().toList();
  }

  /**
   * Starts the script as a unit of its own. When its process is killed, systemd runs the undo, and
   * starts it again if the freeze is to stay: then the undo has left the script where it is.
   */
  void start(Claim claim, Operation operation) throws IOException, InterruptedException {
    String name = claim.token().text();
    processes.runOk(
        Command.of(
            "systemd-run",
            "--quiet",
            "--collect",
            "--unit=" + claim.token().unit(),
            "--description=Freeze of the Nix store",
            "--property=Type=exec",
            "--property=Restart=on-failure",
            "--property=ConditionPathExists=" + claim.scriptPath(),
            "--property=ExecStopPost=/bin/sh " + claim.scriptPath() + " undo " + name,
            "--property=TimeoutStopSec=" + UNDO_LIMIT.toSeconds(),
            "--",
            "/bin/sh",
            claim.scriptPath(),
            "hold",
            name),
        operation);
  }

  /** Ends the unit, which undoes the freeze; comes back when that is done. */
  void stop(Token token, Operation operation) throws IOException, InterruptedException {
    processes.run(
        Command.of("systemctl", "stop", "--", token.unit()).within(UNDO_LIMIT), operation);
  }

  /** Runs the undo without the unit, in the mount namespace of PID 1. */
  Result undo(Claim claim, Operation operation) throws IOException, InterruptedException {
    return processes.run(
        Command.of(
                "systemd-run",
                "--quiet",
                "--collect",
                "--wait",
                "--pipe",
                "--description=Thaw of the Nix store",
                "--",
                "/bin/sh",
                claim.scriptPath(),
                "undo",
                claim.token().text())
            .within(UNDO_LIMIT),
        operation);
  }

  /** Whether a unit is anything but down. */
  boolean up(String unit, Operation operation) throws IOException, InterruptedException {
    String state =
        processes.run(Command.of("systemctl", "is-active", "--", unit), operation).text().strip();
    return !state.equals("inactive") && !state.equals("failed") && !state.equals("unknown");
  }
}
