package org.nixwsl.storage.examples.nixwsl;

import java.io.PrintWriter;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.StorageSdk;
import org.nixwsl.storage.migrate.BroughtBack;
import org.nixwsl.storage.migrate.MigrationReport;
import org.nixwsl.storage.migrate.MigrationStatus;
import org.nixwsl.storage.migrate.ReclaimReport;
import org.nixwsl.storage.migrate.RollbackReport;
import org.nixwsl.storage.migrate.RollbackRequest;
import org.nixwsl.storage.mount.InstanceName;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** What is done with a move that was begun: {@code migrate resume|rollback|status|reclaim}. */
final class MoveCommands {
  private MoveCommands() {}

  private static Map<String, Object> amount(BroughtBack brought) {
    return Output.object("paths", brought.paths(), "bytes", brought.bytes().bytes());
  }

  private static String words(BroughtBack brought) {
    return "brought back  "
        + brought.paths()
        + " paths, "
        + brought.bytes().bytes()
        + " bytes, each proven";
  }

  /** The option that names the instance. */
  static final class Instance {
    @Option(
        names = "--instance",
        required = true,
        paramLabel = "NAME",
        description = "The name of its directory on the shared storage.")
    private @Nullable InstanceName name;

    Instance() {}

    private InstanceName name() {
      return Objects.requireNonNull(name);
    }
  }

  /** {@code migrate resume}. */
  @Command(
      name = "resume",
      description = "Go on with a move that was cut short. What is proven is not copied again.")
  static final class Resume implements Callable<Integer> {
    @Mixin private @Nullable Instance instance;
    @Mixin private @Nullable StorageOptions storage;
    @Mixin private @Nullable Output output;

    Resume() {}

    @Override
    public Integer call() {
      Output shown = Objects.requireNonNull(output);
      try (StorageSdk sdk = StorageSdk.open()) {
        MigrationReport report =
            sdk.migrator()
                .resume(
                    Objects.requireNonNull(storage).storage(),
                    Objects.requireNonNull(instance).name(),
                    shown.following());
        shown.print(MigrateCommand.json(report), out -> MigrateCommand.print(out, report));
        return NixWsl.OK;
      }
    }
  }

  /** {@code migrate rollback}. */
  @Command(
      name = "rollback",
      description =
          "Take a move back, finished or not. What the store on the storage has that the old one"
              + " lacks is brought into the old store first; the directory goes to the trash of the"
              + " storage.")
  static final class Rollback implements Callable<Integer> {
    @Mixin private @Nullable Instance instance;
    @Mixin private @Nullable StorageOptions storage;

    @Option(
        names = "--discard-changes-since",
        paramLabel = "ID",
        description =
            "The storage id of a committed move whose store has changed since: the changes go to"
                + " the trash and are not brought back.")
    private @Nullable UUID discard;

    @Mixin private @Nullable Output output;

    Rollback() {}

    @Override
    public Integer call() {
      Output shown = Objects.requireNonNull(output);
      try (StorageSdk sdk = StorageSdk.open()) {
        RollbackReport report =
            sdk.migrator()
                .rollBack(
                    new RollbackRequest(
                        Objects.requireNonNull(storage).storage(),
                        Objects.requireNonNull(instance).name(),
                        Optional.ofNullable(discard)),
                    shown.following());
        Map<String, Object> json =
            Output.object(
                "instance", report.instance().value(),
                "undone", report.undone().stream().map(Output::camel).toList());
        report.trash().ifPresent(name -> json.put("trash", name));
        json.put("diskDeleted", report.diskDeleted());
        report.broughtBack().ifPresent(brought -> json.put("broughtBack", amount(brought)));
        json.put("notes", report.notes());
        shown.print(json, out -> print(out, report));
        return NixWsl.OK;
      }
    }

    private static void print(PrintWriter out, RollbackReport report) {
      report.notes().forEach(note -> out.println("note: " + note));
      report.undone().forEach(stage -> out.println("  taken back  " + Output.camel(stage)));
      report.broughtBack().ifPresent(brought -> out.println(words(brought)));
      report.trash().ifPresent(name -> out.println("in the trash  " + name));
      out.println(report.diskDeleted() ? "the disk was deleted" : "the old store is in use");
    }
  }

  /** {@code migrate status}. */
  @Command(
      name = "status",
      description =
          "How far a move is; changes nothing. Exit 1: it is unfinished, or not known to be"
              + " committed.")
  static final class Status implements Callable<Integer> {
    @Mixin private @Nullable Instance instance;
    @Mixin private @Nullable StorageOptions storage;
    @Mixin private @Nullable Output output;

    Status() {}

    @Override
    public Integer call() {
      try (StorageSdk sdk = StorageSdk.open()) {
        MigrationStatus status =
            sdk.migrator()
                .status(
                    Objects.requireNonNull(storage).storage(),
                    Objects.requireNonNull(instance).name());
        Objects.requireNonNull(output).print(json(status), out -> print(out, status));
        return switch (status.phase()) {
          case NONE, COMMITTED, ROLLED_BACK -> NixWsl.OK;
          default -> NixWsl.FINDINGS;
        };
      }
    }

    private static Map<String, Object> json(MigrationStatus status) {
      Map<String, Object> json =
          Output.object(
              "instance", status.instance().value(), "phase", Output.camel(status.phase()));
      status.begun().ifPresent(begun -> json.put("begun", begun.toString()));
      status.storageId().ifPresent(id -> json.put("storageId", id.toString()));
      status.broughtBack().ifPresent(brought -> json.put("broughtBack", amount(brought)));
      json.put("storageSeen", status.storageSeen());
      json.put("inUse", status.inUse());
      json.put(
          "stages",
          status.stages().stream()
              .map(
                  s ->
                      Output.object(
                          "stage", Output.camel(s.stage()), "progress", Output.camel(s.progress())))
              .toList());
      status
          .failure()
          .ifPresent(
              f ->
                  json.put(
                      "failure",
                      Output.object(
                          "at", f.at().toString(),
                          "stage", Output.camel(f.stage()),
                          "code", f.code().name(),
                          "message", f.message())));
      json.put("notes", status.notes());
      return json;
    }

    private static void print(PrintWriter out, MigrationStatus status) {
      out.println(status.instance() + ": " + Output.camel(status.phase()));
      status.storageId().ifPresent(id -> out.println("storage id " + id));
      status
          .stages()
          .forEach(
              s -> out.printf("  %-9s %s%n", Output.camel(s.stage()), Output.camel(s.progress())));
      status.broughtBack().ifPresent(brought -> out.println(words(brought)));
      status
          .failure()
          .ifPresent(
              f ->
                  out.println(
                      "failed in "
                          + Output.camel(f.stage())
                          + ": "
                          + f.code()
                          + " "
                          + f.message()));
      status.notes().forEach(note -> out.println("note: " + note));
    }
  }

  /** {@code migrate reclaim}. */
  @Command(
      name = "reclaim",
      description = "Empty the trash of the storage: what rollbacks put there is gone then.")
  static final class Reclaim implements Callable<Integer> {
    @Mixin private @Nullable StorageOptions storage;
    @Mixin private @Nullable Output output;

    Reclaim() {}

    @Override
    public Integer call() {
      Output shown = Objects.requireNonNull(output);
      try (StorageSdk sdk = StorageSdk.open()) {
        ReclaimReport report =
            sdk.migrator().reclaim(Objects.requireNonNull(storage).storage(), shown.following());
        shown.print(
            Output.object("removed", report.removed(), "kept", report.kept()),
            out -> {
              print(out, "removed", report.removed());
              print(out, "in use, kept", report.kept());
            });
        return NixWsl.OK;
      }
    }

    private static void print(PrintWriter out, String what, List<String> names) {
      names.forEach(name -> out.println(what + "  " + name));
    }
  }
}
