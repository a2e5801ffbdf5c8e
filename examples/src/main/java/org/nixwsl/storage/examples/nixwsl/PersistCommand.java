package org.nixwsl.storage.examples.nixwsl;

import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.StorageSdk;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.mount.MountName;
import org.nixwsl.storage.mount.Persistence;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.mount.StorageLayout;
import org.nixwsl.storage.mount.StorageLocation;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code nixwsl wsl persist}: the task that runs {@code nixwsl wsl ensure} at each logon. */
@Command(name = "persist", description = "Mount the storage at each logon of this Windows user.")
final class PersistCommand {
  PersistCommand() {}

  private static final class Name {
    @Option(
        names = "--mount-name",
        defaultValue = "nixstorage",
        paramLabel = "NAME",
        description = "The name it is mounted under; nixstorage when not given.")
    private @Nullable MountName value;

    private Name() {}

    private MountName get() {
      return Objects.requireNonNull(value);
    }
  }

  @Command(name = "install", description = "Install the task, or replace it.")
  int install(@Mixin StorageOptions storage, @Mixin Output output) {
    try (StorageSdk sdk = StorageSdk.open()) {
      SharedStorage wanted = storage.storage();
      show(
          Optional.of(sdk.mounter().persistence().install(wanted.mountName(), command(wanted))),
          output);
      return NixWsl.OK;
    }
  }

  @Command(name = "query", description = "Tell whether the task is installed. Exit 1: it is not.")
  int query(@Mixin Name name, @Mixin Output output) {
    try (StorageSdk sdk = StorageSdk.open()) {
      Optional<Persistence.Task> task = sdk.mounter().persistence().query(name.get());
      show(task, output);
      return task.isPresent() ? NixWsl.OK : NixWsl.FINDINGS;
    }
  }

  @Command(name = "remove", description = "Remove the task; nothing to do is no error.")
  int remove(@Mixin Name name, @Mixin Output output) {
    try (StorageSdk sdk = StorageSdk.open()) {
      boolean removed = sdk.mounter().persistence().remove(name.get());
      output.print(
          Output.object("removed", removed),
          out -> out.println(removed ? "removed" : "not installed"));
      return NixWsl.OK;
    }
  }

  @Command(name = "run", description = "Start the task now, and do not wait for it.")
  int run(@Mixin Name name, @Mixin Output output) {
    try (StorageSdk sdk = StorageSdk.open()) {
      sdk.mounter().persistence().runNow(name.get());
      output.print(Output.object("started", true), out -> out.println("started"));
      return NixWsl.OK;
    }
  }

  private static void show(Optional<Persistence.Task> task, Output output) {
    var json = Output.object("installed", task.isPresent());
    task.ifPresent(
        t -> {
          json.put("task", t.name());
          json.put("enabled", t.enabled());
          json.put("asUser", t.asUser());
        });
    output.print(
        json,
        out ->
            out.println(
                task.map(
                        t ->
                            t.name()
                                + (t.enabled() ? "" : "  (switched off)")
                                + (t.asUser() ? "" : "  (not as the user, or elevated)"))
                    .orElse("not installed")));
  }

  /** Whether this platform has such tasks. */
  static boolean possible(StorageSdk sdk) {
    try {
      sdk.mounter().persistence();
      return true;
    } catch (EnvironmentException e) {
      if (e.code() == ErrorCode.UNSUPPORTED_PLATFORM) {
        return false;
      }
      throw e;
    }
  }

  /** What the task of a storage runs. */
  static List<String> command(SharedStorage storage) {
    List<String> command = new ArrayList<>(thisProgram());
    command.addAll(ensure(storage));
    return command;
  }

  private static List<String> ensure(SharedStorage storage) {
    List<String> words = new ArrayList<>(List.of("wsl", "ensure"));
    if (storage.location() instanceof StorageLocation.VhdxFile vhdx) {
      words.addAll(List.of("--disk", vhdx.file().toString()));
    } else if (storage.location() instanceof StorageLocation.PhysicalDisk) {
      throw new IllegalArgumentException(
          "A physical disk needs administrator rights, which the task does not have: use --disk.");
    } else {
      throw new IllegalArgumentException("A directory needs no task: use --disk.");
    }
    words.addAll(List.of("--mount-name", storage.mountName().value()));
    storage.fileSystemUuid().ifPresent(uuid -> words.addAll(List.of("--uuid", uuid.toString())));
    if (!storage.layout().equals(StorageLayout.ofDefaults())) {
      words.addAll(List.of("--layout", storage.layout().text()));
    }
    return words;
  }

  /** How this program was started, without a window where Java has a program for that. */
  static List<String> thisProgram() {
    Path home = Path.of(System.getProperty("java.home"), "bin");
    Path quiet = home.resolve("javaw.exe");
    String java = (Files.exists(quiet) ? quiet : home.resolve("java")).toString();
    try {
      Path code = Path.of(NixWsl.class.getProtectionDomain().getCodeSource().getLocation().toURI());
      return Files.isRegularFile(code)
          ? List.of(java, "-jar", code.toString())
          : List.of(java, "-cp", System.getProperty("java.class.path"), NixWsl.class.getName());
    } catch (URISyntaxException e) {
      throw new IllegalStateException("The JDK made this URI", e);
    }
  }
}
