package org.nixwsl.storage.testkit.freeze;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.nixwsl.storage.core.guest.GuestFreezer;
import org.nixwsl.storage.core.guest.GuestLauncher;
import org.nixwsl.storage.core.guest.GuestProgram;
import org.nixwsl.storage.core.guest.ProgramShell;
import org.nixwsl.storage.core.platform.StoreFreezer.Token;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.testkit.GuestJar;
import org.nixwsl.storage.testkit.container.NixContainer;
import org.nixwsl.storage.testkit.copy.LoopFileSystem;
import org.testcontainers.containers.Container.ExecResult;

/**
 * An instance with a systemd, a Nix daemon, a store, a profile of two generations, and mounts that
 * are shared as on NixOS-WSL. Guests in it are the callers of freezes. Not thread-safe.
 */
final class FreezeMachine implements AutoCloseable {
  private static final Duration LIMIT = Duration.ofSeconds(20);

  /** What differs between a machine on which something is frozen and one on which nothing is. */
  private static final String FACTS =
      """
      systemctl is-active nix-daemon.socket nix-daemon.service
      grep -c ' /nix ' /proc/self/mountinfo
      ls /run/systemd/system.control
      ls /run/nixwsl | grep -v -e '^freeze.lock$' -e '^freeze.last$'
      systemctl list-units --all --plain --no-legend 'nixwsl-*'
      """;

  private final NixContainer container = new NixContainer();
  private final LoopFileSystem disk;
  private final Path jar;
  private String unfrozen = "";

  FreezeMachine(Path directory) throws Exception {
    jar = GuestJar.in(directory);
    disk = LoopFileSystem.ext4(directory, 64L << 20);
    try {
      GuestJar.classPath().forEach(container::showing);
      container.sharing(disk.path(), "/disk");
      container.start();
      prepare();
    } catch (Exception | Error e) {
      close();
      throw e;
    }
  }

  private void prepare() throws Exception {
    in(
        """
        mount --make-rshared /
        mkdir -p /run/systemd/system.control
        nix-store --init
        cd /root
        for n in 1 2; do
          echo $n >$n
          nix-env -p /nix/var/nix/profiles/test --set $(nix-store --add $n)
        done
        """);
    unfrozen = facts();
  }

  /** Runs a class of the tests inside, in a process of its own. */
  ExecResult java(Class<?> program, String... arguments) throws Exception {
    List<String> command =
        new ArrayList<>(
            List.of("java", "-cp", System.getProperty("java.class.path"), program.getName()));
    command.addAll(List.of(arguments));
    return container.execInContainer(command.toArray(String[]::new));
  }

  /**
   * A new process that calls.
   *
   * @param program what starts it, with arguments: its own follow
   */
  GuestFreezer caller(String... program) {
    List<String> command =
        new ArrayList<>(List.of("docker", "exec", "-i", container.getContainerId()));
    command.addAll(List.of(program));
    command.addAll(List.of("sh", "-c"));
    GuestLauncher launcher =
        new GuestLauncher(
            new ProgramShell(new ProcessRunner(), "the container", command),
            GuestProgram.at(jar),
            op -> Optional.empty(),
            Ticker.system());
    return Operation.quiet("start a guest", op -> GuestFreezer.open(launcher, op));
  }

  /** Runs a script that has to succeed; what it prints. */
  String in(String script) throws Exception {
    ExecResult result = run(script);
    if (result.getExitCode() != 0) {
      throw new AssertionError(
          script + "\n" + result.getExitCode() + ": " + result.getStdout() + result.getStderr());
    }
    return result.getStdout();
  }

  /** Runs a script, whatever becomes of it. */
  ExecResult run(String script) throws Exception {
    return container.execInContainer("bash", "-ec", script);
  }

  /** Kills the process that began the freeze, as a crash would. */
  void killCaller() throws Exception {
    in("kill -9 $(cut -d' ' -f1 /run/nixwsl/freeze/caller)");
  }

  /** Kills the process of the unit of a freeze. */
  void killHolder(Token token) throws Exception {
    in("kill -9 $(systemctl show -p MainPID --value " + token.unit() + ")");
  }

  /**
   * Kills the script at one of its steps, counted from now on. All that it changes it changes
   * through programs; those that it finds first are ours, count, and pass on.
   *
   * @param steps the steps at which the shell that runs the script is killed
   * @param after whether the step is done before that
   */
  void killScriptAt(List<Integer> steps, boolean after) throws Exception {
    in(
        """
        mkdir -p /run/fault /run/current-system/sw/bin
        rm -f /run/fault/* /run/current-system/sw/bin/*
        echo 0 >/run/fault/count
        echo %1$s >/run/fault/steps
        cat >/run/fault/program <<'PROGRAM'
        #!/bin/sh
        PATH=/usr/sbin:/usr/bin:/sbin:/bin
        name=${0##*/}
        grep -q freeze.sh "/proc/$PPID/cmdline" || exec "$name" "$@"
        n=$(($(cat /run/fault/count) + 1))
        echo $n >/run/fault/count
        case " $(cat /run/fault/steps) " in
          *" $n "*)
            echo "$n: $name $*" >>/run/fault/killed
            if [ %2$s = true ]; then "$name" "$@"; fi
            kill -9 $PPID
            ;;
          *) exec "$name" "$@" ;;
        esac
        PROGRAM
        chmod +x /run/fault/program
        for name in systemctl mount umount flock mkdir mv ln rm rmdir; do
          ln -s /run/fault/program /run/current-system/sw/bin/$name
        done
        """
            .formatted(String.join(" ", steps.stream().map(String::valueOf).toList()), after));
  }

  /** How many steps the script has done since, and at which it was killed. */
  String steps() throws Exception {
    return in("cat /run/fault/count; cat /run/fault/killed 2>/dev/null || true");
  }

  /** Nothing is killed any more. */
  void killNothing() throws Exception {
    in("rm -rf /run/current-system");
  }

  String facts() throws Exception {
    return said(FACTS);
  }

  String unfrozen() {
    return unfrozen;
  }

  /** Waits until what a script says is what it should say. */
  boolean comes(String due, String script) {
    return Operation.quiet("wait", op -> op.await(script, LIMIT, () -> due.equals(said(script))));
  }

  private String said(String script) throws IOException, InterruptedException {
    return container.execInContainer("bash", "-c", script).getStdout();
  }

  /** Waits until nothing is frozen any more. */
  boolean isThawed() {
    return comes(unfrozen, FACTS);
  }

  @Override
  public void close() {
    container.close();
    disk.close();
  }
}
