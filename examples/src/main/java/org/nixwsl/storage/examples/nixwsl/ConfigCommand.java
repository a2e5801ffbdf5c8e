package org.nixwsl.storage.examples.nixwsl;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Map;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.StorageSdk;
import org.nixwsl.storage.config.BootChange;
import org.nixwsl.storage.config.BootControl;
import org.nixwsl.storage.config.ConfigChange;
import org.nixwsl.storage.config.ConfigCheck;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code nixwsl config}: the NixOS module and its place in a configuration. */
@Command(
    name = "config",
    description = "Write the NixOS module that boots from the shared storage.")
final class ConfigCommand {
  private static final String DIRECTORY = "Where configuration.nix or flake.nix is; ";

  ConfigCommand() {}

  @Command(name = "render", description = "Print the text of nix-storage.nix.")
  int render(@Mixin ModuleOptions module, @Mixin Output output) {
    try (StorageSdk sdk = StorageSdk.open()) {
      String text = sdk.configWriter().render(module.settings());
      output.print(Output.object("module", text), out -> out.print(text));
      return NixWsl.OK;
    }
  }

  @Command(
      name = "write",
      description = "Write nix-storage.nix and add its import. Nothing is switched.")
  int write(
      @Mixin ModuleOptions module,
      @Option(
              names = "--dir",
              defaultValue = "/etc/nixos",
              paramLabel = "DIR",
              description = DIRECTORY + "${DEFAULT-VALUE} when not given.")
          Path directory,
      @Mixin Output output) {
    try (StorageSdk sdk = StorageSdk.open()) {
      show(
          output,
          sdk.configWriter()
              .write(directory.toAbsolutePath(), module.settings(), output.following()));
      return NixWsl.OK;
    }
  }

  @Command(
      name = "validate",
      description = "Look at a configuration without changing it. Exit 1: something is wrong.")
  int validate(
      @Option(
              names = "--dir",
              defaultValue = "/etc/nixos",
              paramLabel = "DIR",
              description = DIRECTORY + "${DEFAULT-VALUE} when not given.")
          Path directory,
      @Mixin Output output) {
    try (StorageSdk sdk = StorageSdk.open()) {
      ConfigCheck check =
          sdk.configWriter().validate(directory.toAbsolutePath(), output.following());
      output.print(
          Output.object(
              "passed",
              check.passed(),
              "steps",
              check.steps().stream()
                  .map(
                      s ->
                          Output.object(
                              "name", s.name(),
                              "outcome", Output.camel(s.outcome()),
                              "detail", s.detail()))
                  .toList(),
              "findings",
              check.findings().stream()
                  .map(
                      f ->
                          Output.object(
                              "rule", Output.camel(f.rule()),
                              "basis", Output.camel(f.basis()),
                              "where", f.where(),
                              "message", f.message()))
                  .toList()),
          out -> print(out, check));
      return check.passed() ? NixWsl.OK : NixWsl.FINDINGS;
    }
  }

  @Command(
      name = "remove",
      description =
          "Take nix-storage.nix and its import out again. Exit 1: an import is left to remove.")
  int remove(
      @Option(
              names = "--dir",
              defaultValue = "/etc/nixos",
              paramLabel = "DIR",
              description = DIRECTORY + "${DEFAULT-VALUE} when not given.")
          Path directory,
      @Mixin Output output) {
    try (StorageSdk sdk = StorageSdk.open()) {
      ConfigChange change =
          sdk.configWriter().remove(directory.toAbsolutePath(), output.following());
      show(output, change);
      return change.importState() == ConfigChange.ImportState.WRITTEN_BY_USER
          ? NixWsl.FINDINGS
          : NixWsl.OK;
    }
  }

  @Command(
      name = "reseed",
      description = "Copy the system on the shared disk to the root disk, so that it can boot.")
  int reseed(@Mixin Instance instance, @Mixin Output output) {
    return change(instance, output, BootControl::reseed);
  }

  @Command(
      name = "adopt",
      description = "Make the instance the owner of its directory on the shared disk.")
  int adopt(@Mixin Instance instance, @Mixin Output output) {
    return change(instance, output, BootControl::adopt);
  }

  @Command(
      name = "disarm",
      description = "Let the instance boot from its root disk from the next start on.")
  int disarm(@Mixin Instance instance, @Mixin Output output) {
    return change(instance, output, BootControl::disarm);
  }

  /** Whose boot is changed. */
  static final class Instance {
    @Option(
        names = "--distribution",
        paramLabel = "NAME",
        description =
            "The instance, as WSL knows it; on Windows only. Without it, the one this runs in.")
    private @Nullable String distribution;

    Instance() {}

    private BootControl of(StorageSdk sdk) {
      return distribution == null
          ? sdk.configWriter().bootControl()
          : sdk.configWriter().bootControl(distribution);
    }
  }

  private static int change(
      Instance instance, Output output, BiFunction<BootControl, RunOptions, BootChange> call) {
    try (StorageSdk sdk = StorageSdk.open()) {
      BootChange change = call.apply(instance.of(sdk), output.following());
      output.print(
          Output.object("notes", change.notes()), out -> change.notes().forEach(out::println));
      return NixWsl.OK;
    }
  }

  private static void show(Output output, ConfigChange change) {
    Map<String, Object> object =
        Output.object(
            "module", change.module().toString(),
            "moduleChange", Output.camel(change.moduleChange()),
            "importState", Output.camel(change.importState()));
    change.keptCopy().ifPresent(copy -> object.put("keptCopy", copy.toString()));
    object.put("toDo", change.toDo());
    output.print(
        object,
        out -> {
          out.println(change.module() + ": " + Output.camel(change.moduleChange()));
          out.println("import: " + Output.camel(change.importState()));
          change.keptCopy().ifPresent(copy -> out.println("the file as it was: " + copy));
          change.toDo().forEach(line -> out.println("to do: " + line));
        });
  }

  private static void print(PrintWriter out, ConfigCheck check) {
    check
        .steps()
        .forEach(
            s ->
                out.println(
                    Output.camel(s.outcome())
                        + "  "
                        + s.name()
                        + (s.detail().isEmpty() ? "" : ": " + s.detail())));
    check
        .findings()
        .forEach(
            f ->
                out.println(
                    Output.camel(f.rule())
                        + "  "
                        + f.where()
                        + " ("
                        + Output.camel(f.basis())
                        + ")\n    "
                        + f.message()));
  }
}
