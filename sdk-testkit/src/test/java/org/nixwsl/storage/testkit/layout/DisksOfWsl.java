package org.nixwsl.storage.testkit.layout;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.core.migrate.MigrationEngine;
import org.nixwsl.storage.core.migrate.stage.SideEffects;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.testkit.move.BehindWsl;
import org.nixwsl.storage.testkit.nix.NixProgram;
import org.nixwsl.storage.testkit.nix.RealNixStore;
import org.nixwsl.storage.testkit.wsl.SimulatedWsl;
import org.nixwsl.storage.testkit.wsl.command.WslOutput;

/** The contract through {@code wsl}: disks are attached by it, and files are in an instance. */
abstract class DisksOfWsl extends LayoutContract {
  private static final ProcessRunner PROCESSES = new ProcessRunner();

  @TempDir private static Path folder;
  private static byte[] store;

  @RegisterExtension final SimulatedWsl wsl = SimulatedWsl.withRealDisks();

  @BeforeAll
  static void makeAStore() throws IOException {
    assumeTrue(NixProgram.installed(), "skipped: nix-store is missing");
    Path root = Files.createDirectories(folder.resolve("real"));
    RealNixStore.make(NixProgram.in(folder), root, 3, 7);
    store = run(Command.of("tar", "-C", root.toString(), "-c", "nix")).stdout();
  }

  /** An instance with the store on its own disk. */
  @BeforeEach
  void addAnInstance() {
    wsl.addInstance("main");
    String program = wsl.executable().toString();
    run(Command.of(program, "-d", "main", "--exec", "/bin/tar", "-C", "/", "-x").reading(store));
  }

  @Override
  MigrationEngine engine(SideEffects effects) {
    return new BehindWsl(wsl, Map.of()).engine(effects);
  }

  @Override
  String sh(String script) {
    WslOutput output = wsl.call("-d", "main", "--exec", "/bin/sh", "-c", script);
    assertThat(output.exit()).as("%s: %s", script, output.text()).isZero();
    return output.text();
  }

  @Override
  String source() {
    return "/nix";
  }

  @Override
  void ensureMounted() {
    new BehindWsl(wsl, Map.of()).mounter().ensureMounted(storage());
  }

  private static ProcessRunner.Result run(Command command) {
    return Operation.quiet("test", operation -> PROCESSES.runOk(command, operation));
  }
}
