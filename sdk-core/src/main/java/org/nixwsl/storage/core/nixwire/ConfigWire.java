package org.nixwsl.storage.core.nixwire;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.NixConfigWriter;
import org.nixwsl.storage.config.ConfigChange;
import org.nixwsl.storage.config.ConfigChange.FileChange;
import org.nixwsl.storage.config.ConfigChange.ImportState;
import org.nixwsl.storage.config.ConfigCheck.Outcome;
import org.nixwsl.storage.config.ConfigCheck.Step;
import org.nixwsl.storage.core.escape.ShText;
import org.nixwsl.storage.core.io.DurableFiles;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.core.run.UndoStack;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.Problem;

/**
 * Puts the module and its import into one configuration directory, or takes them out. First all is
 * looked at and parsed, then files change: the module before the import that names it, and the
 * other way round. What fails half-way is taken back.
 */
final class ConfigWire {
  private static final String MODULE = NixConfigWriter.MODULE_FILE;

  /** In the head of every module that was rendered; a file without it is somebody else's. */
  private static final String SIGN = "NixOS-WSL Storage SDK";

  private static final int MODULE_MODE = 0644;

  private final ConfigDirectory directory;
  private final NixTools tools;
  private final Ticker ticker;
  private final Operation operation;

  ConfigWire(ConfigDirectory directory, NixTools tools, Ticker ticker, Operation operation) {
    this.directory = directory;
    this.tools = tools;
    this.ticker = ticker;
    this.operation = operation;
  }

  /** A replacement of the user's file that is ready to be made. */
  private static final class Edit {
    private final byte[] before;
    private final byte[] after;

    Edit(byte[] before, byte[] after) {
      this.before = before;
      this.after = after;
    }

    byte[] before() {
      return before;
    }

    byte[] after() {
      return after;
    }

    Edit takenBack() {
      byte[] now = after;
      return new Edit(now, before);
    }
  }

  /** What is to happen to the import. */
  private record ImportPlan(ImportState state, Optional<Edit> edit, List<String> toDo) {
    static ImportPlan none(ImportState state, String... toDo) {
      return new ImportPlan(state, Optional.empty(), List.of(toDo));
    }
  }

  ConfigChange write(byte[] module) throws IOException, InterruptedException {
    directory.requireOwn();
    Optional<byte[]> old = ownModule();
    requireParses("the new " + MODULE, module);
    ImportPlan plan = planImport();
    FileChange change =
        old.map(o -> Arrays.equals(o, module) ? FileChange.UNCHANGED : FileChange.REPLACED)
            .orElse(FileChange.CREATED);
    try (UndoStack undo = new UndoStack(ticker)) {
      if (change != FileChange.UNCHANGED) {
        undo.push("restore " + MODULE, op -> putBack(directory.module(), old));
        putModule(module);
      }
      if (plan.edit().isPresent()) {
        Edit edit = plan.edit().get();
        Optional<byte[]> olderCopy = directory.readIfThere(directory.copyOfConfiguration());
        undo.push("take back the copy of configuration.nix", op -> putBackCopy(olderCopy));
        DurableFiles.copy(directory.configuration(), directory.copyOfConfiguration());
        undo.push("restore configuration.nix", op -> takeBack(edit));
        replaceConfiguration(edit);
      }
      undo.keep();
    }
    List<String> toDo = new ArrayList<>(plan.toDo());
    if (change == FileChange.CREATED && inGitFlake()) {
      toDo.add("Run: " + git("add -N"));
    }
    return new ConfigChange(directory.module(), change, plan.state(), keptCopy(), toDo);
  }

  ConfigChange remove() throws IOException, InterruptedException {
    directory.requireOwn();
    Optional<byte[]> module = ownModule();
    ImportPlan plan = planRemoval();
    if (plan.state() == ImportState.WRITTEN_BY_USER) {
      FileChange left = module.isPresent() ? FileChange.UNCHANGED : FileChange.ABSENT;
      return new ConfigChange(directory.module(), left, plan.state(), keptCopy(), plan.toDo());
    }
    try (UndoStack undo = new UndoStack(ticker)) {
      if (plan.edit().isPresent()) {
        Edit edit = plan.edit().get();
        undo.push("restore configuration.nix", op -> takeBack(edit));
        replaceConfiguration(edit);
        Optional<byte[]> copy = directory.readIfThere(directory.copyOfConfiguration());
        if (copy.isPresent() && Arrays.equals(copy.get(), edit.after())) {
          undo.push("restore the copy", op -> putBackCopy(copy));
          DurableFiles.delete(directory.copyOfConfiguration());
        }
      }
      DurableFiles.delete(directory.module());
      undo.keep();
    }
    List<String> toDo = new ArrayList<>(plan.toDo());
    if (module.isPresent() && inGitFlake()) {
      toDo.add("Run: " + git("rm --cached"));
    }
    return new ConfigChange(
        directory.module(),
        module.isPresent() ? FileChange.REMOVED : FileChange.ABSENT,
        plan.state(),
        keptCopy(),
        toDo);
  }

  private ImportPlan planImport() throws IOException, InterruptedException {
    Optional<byte[]> before = directory.readIfThere(directory.configuration());
    if (before.isPresent() && ModuleText.of(before.get()).marked()) {
      return ImportPlan.none(ImportState.PRESENT);
    }
    if (namedBy().isPresent()) {
      return ImportPlan.none(ImportState.WRITTEN_BY_USER);
    }
    if (directory.isFlake() || before.isEmpty()) {
      return ImportPlan.none(
          ImportState.LEFT_TO_USER,
          "Add ./"
              + MODULE
              + " to the list of modules of this instance in flake.nix: modules = [ …"
              + " ./"
              + MODULE
              + " ];");
    }
    String notOwn = directory.whyNotOwnFile(directory.configuration());
    Optional<byte[]> after =
        notOwn.isEmpty() ? ModuleText.of(before.get()).withImport() : Optional.empty();
    if (after.isEmpty()) {
      return ImportPlan.none(
          ImportState.LEFT_TO_USER,
          "Add ./"
              + MODULE
              + " to the imports in configuration.nix, which "
              + (notOwn.isEmpty() ? "has no single plain `imports = [`" : notOwn)
              + ": imports = [ ./"
              + MODULE
              + " ];");
    }
    requireParses("configuration.nix", before.get());
    requireParses("configuration.nix with the import", after.get());
    return new ImportPlan(
        ImportState.ADDED, Optional.of(new Edit(before.get(), after.get())), List.of());
  }

  private ImportPlan planRemoval() throws IOException, InterruptedException {
    Optional<Path> naming = namedBy();
    if (naming.isPresent()) {
      return ImportPlan.none(
          ImportState.WRITTEN_BY_USER,
          "Remove "
              + MODULE
              + " from "
              + PathBytes.printable(naming.get())
              + ", then call this again.");
    }
    Optional<byte[]> before = directory.readIfThere(directory.configuration());
    Optional<byte[]> after = before.flatMap(b -> ModuleText.of(b).withoutImport());
    if (after.isEmpty()) {
      return ImportPlan.none(ImportState.ABSENT);
    }
    String notOwn = directory.whyNotOwnFile(directory.configuration());
    if (!notOwn.isEmpty()) {
      return ImportPlan.none(
          ImportState.WRITTEN_BY_USER,
          "Remove the marked import of "
              + MODULE
              + " from configuration.nix, which "
              + notOwn
              + ", then call this again.");
    }
    requireParses("configuration.nix without the import", after.get());
    return new ImportPlan(
        ImportState.REMOVED, Optional.of(new Edit(before.orElseThrow(), after.get())), List.of());
  }

  /** The file of the directory that names the module outside our mark. */
  private Optional<Path> namedBy() throws IOException {
    for (Path file : directory.nixFiles()) {
      if (ModuleText.of(directory.read(file)).namedByUser()) {
        return Optional.of(file);
      }
    }
    return Optional.empty();
  }

  private Optional<byte[]> ownModule() throws IOException {
    Optional<byte[]> module = directory.readIfThere(directory.module());
    if (module.isPresent() && !isOurs(module.get())) {
      throw new ConflictException(
          Problem.of(
              ErrorCode.ALREADY_EXISTS,
              PathBytes.printable(directory.module()) + " was not written by this SDK.",
              "Rename it, with the imports that name it, and call again."));
    }
    return module;
  }

  static boolean isOurs(byte[] module) {
    return new String(module, StandardCharsets.ISO_8859_1).contains(SIGN);
  }

  private void requireParses(String name, byte[] text) throws IOException, InterruptedException {
    Step step = tools.parse(name, text, operation);
    if (step.outcome() != Outcome.PASSED) {
      throw new EnvironmentException(
          Problem.of(
              ErrorCode.CONFIG_INVALID,
              "Nix cannot parse "
                  + name
                  + " in "
                  + PathBytes.printable(directory.path())
                  + ": "
                  + step.detail(),
              "Mend what Nix complains about and call again."));
    }
  }

  private void putModule(byte[] module) throws IOException, InterruptedException {
    DurableFiles.replaceWithMode(
        directory.module(), MODULE_MODE, channel -> DurableFiles.writeFully(channel, module));
  }

  private void putBack(Path file, Optional<byte[]> old) throws IOException, InterruptedException {
    if (old.isPresent()) {
      putModule(old.get());
    } else {
      DurableFiles.delete(file);
    }
  }

  private void putBackCopy(Optional<byte[]> bytes) throws IOException, InterruptedException {
    if (bytes.isPresent()) {
      DurableFiles.copy(directory.configuration(), directory.copyOfConfiguration());
      DurableFiles.replaceKeepingOwner(
          directory.copyOfConfiguration(),
          channel -> DurableFiles.writeFully(channel, bytes.get()));
    } else {
      DurableFiles.delete(directory.copyOfConfiguration());
    }
  }

  /** Nothing, if the edit was not made or somebody else has changed the file since. */
  private void takeBack(Edit edit) throws IOException, InterruptedException {
    if (Arrays.equals(edit.after(), directory.read(directory.configuration()))) {
      replaceConfiguration(edit.takenBack());
    }
  }

  private void replaceConfiguration(Edit edit) throws IOException, InterruptedException {
    if (!Arrays.equals(edit.before(), directory.read(directory.configuration()))) {
      throw new ConflictException(
          Problem.of(
                  ErrorCode.CONFIG_CHANGED,
                  PathBytes.printable(directory.configuration())
                      + " was changed by someone else while it was worked on.",
                  "Call again.")
              .mayGoAway());
    }
    DurableFiles.replaceKeepingOwner(
        directory.configuration(), channel -> DurableFiles.writeFully(channel, edit.after()));
  }

  private Optional<Path> keptCopy() {
    return Optional.of(directory.copyOfConfiguration()).filter(directory::has);
  }

  /** A flake in a repository sees only files that git knows. */
  private boolean inGitFlake() {
    if (directory.isFlake()) {
      for (@Nullable Path p = directory.path(); p != null; p = p.getParent()) {
        if (directory.has(p.resolve(".git"))) {
          return true;
        }
      }
    }
    return false;
  }

  /** Not run from here: as root, git would run what the repository's own settings name. */
  private String git(String what) {
    return "git -C " + ShText.quoted(directory.path().toString()) + " " + what + " " + MODULE;
  }
}
