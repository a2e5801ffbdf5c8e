package org.nixwsl.storage.testkit.move;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.core.migrate.MigrationEngine;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.migrate.RollbackRequest;
import org.nixwsl.storage.migrate.Stage;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.testkit.OwnJvm;
import org.nixwsl.storage.testkit.nix.NixProgram;
import org.nixwsl.storage.testkit.nix.RealNixStore;
import org.nixwsl.storage.testkit.wsl.SimulatedWsl;
import org.nixwsl.storage.testkit.wsl.command.WslOutput;

/**
 * A simulated WSL with real disks, instances with a store that Nix made, and engines that move
 * these from outside.
 */
abstract class WslMoves {
  static final String STORAGE = "/mnt/wsl/nixstorage";
  static final ProcessRunner PROCESSES = new ProcessRunner();

  @TempDir static Path folder;
  private static byte[] store;

  @RegisterExtension final SimulatedWsl wsl = SimulatedWsl.withRealDisks();
  Path disk = Path.of("/");

  /** Made by Nix, with names and links of all kinds, and packed. */
  @BeforeAll
  static void makeAStore() throws IOException {
    assumeTrue(NixProgram.installed(), "skipped: nix-store is missing");
    Path root = Files.createDirectories(folder.resolve("real"));
    RealNixStore.make(NixProgram.in(folder), root, 3, 7);
    store = run(Command.of("tar", "-C", root.toString(), "-c", "nix")).stdout();
  }

  @BeforeEach
  void nameTheDisk() {
    disk = wsl.folder().resolve("shared.vhdx");
  }

  /** An SDK of its own: nothing is remembered but what is in files. */
  MigrationEngine engine(String... variable) {
    Map<String, String> environment = new HashMap<>();
    if (variable.length == 2) {
      environment.put(variable[0], variable[1]);
    }
    return new BehindWsl(wsl, environment).engine();
  }

  SharedStorage storage() {
    return SharedStorage.onVhdx(disk);
  }

  RollbackRequest rollback(String instance) {
    return new RollbackRequest(storage(), InstanceName.of(instance), Optional.empty());
  }

  /** An instance with the store on its own disk. */
  void instance(String name) {
    wsl.addInstance(name);
    String program = wsl.executable().toString();
    ProcessRunner.Result unpacked =
        run(Command.of(program, "-d", name, "--exec", "/bin/tar", "-C", "/", "-x").reading(store));
    assertThat(unpacked.exitCode()).as(unpacked.allText()).isZero();
  }

  static ProcessRunner.Result run(Command command) {
    return Operation.quiet("test", operation -> PROCESSES.run(command, operation));
  }

  String sh(String instance, String script) {
    WslOutput output = wsl.call("-d", instance, "--exec", "/bin/sh", "-c", script);
    assertThat(output.exit()).as("%s: %s", script, output.text()).isZero();
    return output.text();
  }

  /** A move in a process of its own, which is killed when a stage begins. */
  ProcessRunner.Result killedMove(String instance, Stage stage, String... scriptBefore) {
    return killed(KilledMove.class, instance, stage, scriptBefore);
  }

  /** The same of a rollback. */
  ProcessRunner.Result killedRollback(String instance, Stage stage) {
    return killed(KilledRollback.class, instance, stage);
  }

  private ProcessRunner.Result killed(
      Class<?> program, String instance, Stage stage, String... more) {
    List<String> command = OwnJvm.running(program, disk.toString(), instance, stage.name());
    command.addAll(List.of(more));
    return run(
        Command.of(command)
            .with("NIXWSL_WSL", wsl.executable().toString())
            .with("LOCALAPPDATA", BehindWsl.notes(wsl).toString())
            .within(Duration.ofMinutes(3)));
  }

  /** By the diff of the instance, which knows nothing of us; what a copy does not have is known. */
  void assertSound(String instance) {
    sh(
        instance,
        "cd "
            + STORAGE
            + "/"
            + instance
            + " && diff -r --no-dereference /nix/store store"
            + " && test -f var/nix/db/db.sqlite && test ! -e .nixwsl-copy");
    String at = STORAGE + "/" + instance;
    sh(
        instance,
        "nix-store --store 'local?real="
            + at
            + "/store&state="
            + at
            + "/var/nix&log=/tmp' --verify --check-contents 2>&1");
  }

  void assertNoGuestIsLeft(String instance) throws Exception {
    boolean gone =
        Operation.quiet(
            "test",
            operation ->
                operation.await(
                    "the end of the guest",
                    Duration.ofSeconds(20),
                    () -> sh(instance, "ls -d /tmp/nixwsl-guest.* 2>/dev/null; true").isEmpty()));
    assertThat(gone).as("nothing of a guest is left in %s", instance).isTrue();
  }
}
