package org.nixwsl.storage.examples.nixwsl;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.StorageSdk;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.error.Problem;
import org.nixwsl.storage.migrate.MigrationPlan;
import org.nixwsl.storage.migrate.MigrationReport;
import org.nixwsl.storage.migrate.MigrationRequest;
import org.nixwsl.storage.mount.InstanceName;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code nixwsl migrate}: moving a store to the shared storage. */
@Command(
    name = "migrate",
    description = "Move a store to the shared storage.",
    subcommands = {
      MoveCommands.Resume.class,
      MoveCommands.Rollback.class,
      MoveCommands.Status.class,
      MoveCommands.Reclaim.class
    })
final class MigrateCommand {
  MigrateCommand() {}

  /** The options that both commands have. */
  static final class RequestOptions {
    @Option(
        names = "--source",
        defaultValue = "/",
        paramLabel = "ROOT",
        description = "The directory that holds nix/; / when not given.")
    private @Nullable Path source;

    @Option(
        names = "--instance",
        required = true,
        paramLabel = "NAME",
        description = "The name of its directory on the shared storage.")
    private @Nullable InstanceName instance;

    @Option(
        names = "--size",
        paramLabel = "SIZE",
        description = "Create the disk, of that size, when the file is not there.")
    private @Nullable ByteSize size;

    @Option(
        names = "--threads",
        paramLabel = "N",
        description = "How many threads read; chosen for the machine when not given.")
    private @Nullable Integer threads;

    @Option(
        names = "--config-dir",
        paramLabel = "DIR",
        description =
            "Where configuration.nix or flake.nix is: write the NixOS module there and import it."
                + " Not touched when not given.")
    private @Nullable Path configDirectory;

    @Option(
        names = "--distribution",
        paramLabel = "NAME",
        description = "The instance as WSL knows it; the name of its directory when not given.")
    private @Nullable String distribution;

    @Option(
        names = "--switch",
        description =
            "Switch the instance to the configuration with the module (nixos-rebuild switch). Needs"
                + " --config-dir.")
    private boolean switchSystem;

    @Option(
        names = "--restart",
        description =
            "Restart the instance after the commit and prove that it runs from the storage. From"
                + " Windows only; needs --config-dir.")
    private boolean restart;

    @Option(
        names = "--no-logon-task",
        description = "Install no task that attaches the disk after a restart of Windows.")
    private boolean noLogonTask;

    @Option(names = "--detach", description = "Unmount and detach the disk at the end.")
    private boolean detach;

    RequestOptions() {}

    private MigrationRequest request(StorageSdk sdk, StorageOptions storage) {
      boolean task = !noLogonTask && storage.isFile() && PersistCommand.possible(sdk);
      return MigrationRequest.builder()
          .source(StoreCommand.storeAt(Objects.requireNonNull(source)))
          .instance(Objects.requireNonNull(instance))
          .storage(storage.storage())
          .createDisk(Optional.ofNullable(size).map(DiskSpec::ofSize))
          .threads(StoreCommand.threads(threads))
          .configDirectory(Optional.ofNullable(configDirectory).map(Path::toAbsolutePath))
          .distribution(Optional.ofNullable(distribution))
          .switchSystem(switchSystem)
          .restart(restart)
          .addAllLogonCommand(task ? PersistCommand.command(storage.storage()) : List.of())
          .detachAtEnd(detach)
          .build();
    }
  }

  @Command(
      name = "plan",
      description =
          "Measure and tell what would be done; changes nothing. Exit 1: there is a reason to"
              + " refuse.")
  int plan(@Mixin RequestOptions options, @Mixin StorageOptions storage, @Mixin Output output) {
    try (StorageSdk sdk = StorageSdk.open()) {
      MigrationPlan plan = sdk.migrator().plan(options.request(sdk, storage), output.following());
      output.print(json(plan), out -> print(out, plan));
      return plan.runnable() ? NixWsl.OK : NixWsl.FINDINGS;
    }
  }

  @Command(name = "run", description = "Move the store. The source is read and never changed.")
  int run(@Mixin RequestOptions options, @Mixin StorageOptions storage, @Mixin Output output) {
    try (StorageSdk sdk = StorageSdk.open()) {
      MigrationPlan plan = sdk.migrator().plan(options.request(sdk, storage), output.following());
      MigrationReport report = sdk.migrator().run(plan, output.following());
      output.print(json(report), out -> print(out, report));
      return NixWsl.OK;
    }
  }

  private static Map<String, Object> json(MigrationPlan plan) {
    return Output.object(
        "runnable",
        plan.runnable(),
        "paths",
        plan.paths(),
        "inodes",
        plan.inodes(),
        "bytes",
        plan.bytes().bytes(),
        "steps",
        plan.steps().stream()
            .map(
                s ->
                    Output.object(
                        "stage",
                        Output.camel(s.stage()),
                        "text",
                        s.text(),
                        "estimateMillis",
                        s.estimate().toMillis()))
            .toList(),
        "refusals",
        plan.refusals().stream()
            .map(
                p ->
                    Output.object(
                        "code", p.code().name(), "message", p.message(), "remedy", p.remedy()))
            .toList(),
        "notes",
        plan.notes());
  }

  /** A report as JSON. */
  static Map<String, Object> json(MigrationReport report) {
    Map<String, Object> json =
        Output.object(
            "instance",
            report.instance().value(),
            "storageId",
            report.storageId().toString(),
            "mountPoint",
            report.storage().mountPoint().toString(),
            "device",
            report.storage().device(),
            "fileSystemType",
            report.storage().fileSystemType(),
            "paths",
            report.copy().paths(),
            "files",
            report.copy().files(),
            "inodes",
            report.copy().inodes(),
            "bytes",
            report.copy().bytes().bytes(),
            "durationMillis",
            report.copy().duration().toMillis(),
            "rereadMillis",
            report.copy().reread().toMillis(),
            "leftOut",
            report.copy().leftOut(),
            "notes",
            report.copy().notes(),
            "stages",
            report.stages().stream()
                .map(
                    s ->
                        Output.object(
                            "stage",
                            Output.camel(s.stage()),
                            "durationMillis",
                            s.duration().toMillis()))
                .toList());
    report.downtime().ifPresent(time -> json.put("downtimeMillis", time.toMillis()));
    report.restartTime().ifPresent(time -> json.put("restartMillis", time.toMillis()));
    report.storage().fileSystemUuid().ifPresent(u -> json.put("fileSystemUuid", u.toString()));
    report.diskFileSize().ifPresent(size -> json.put("diskFileSize", size.bytes()));
    return json;
  }

  private static void print(PrintWriter out, MigrationPlan plan) {
    out.printf("%d store paths, %d inodes, %s%n", plan.paths(), plan.inodes(), plan.bytes());
    plan.steps()
        .forEach(
            s ->
                out.printf(
                    "  %-9s %s (about %s)%n",
                    Output.camel(s.stage()), s.text(), Output.time(s.estimate())));
    plan.notes().forEach(note -> out.println("note: " + note));
    for (Problem refusal : plan.refusals()) {
      out.println("refused " + refusal.code() + ": " + refusal.message());
      out.println("  what to do: " + refusal.remedy());
    }
    out.println(plan.runnable() ? "can be run" : "cannot be run");
  }

  /** A report for people. */
  static void print(PrintWriter out, MigrationReport report) {
    report.copy().notes().forEach(note -> out.println("note: " + note));
    report
        .stages()
        .forEach(
            s -> out.printf("  %-9s %s%n", Output.camel(s.stage()), Output.time(s.duration())));
    out.printf(
        "moved and proven: %d store paths, %d files, %d inodes, %s%n",
        report.copy().paths(),
        report.copy().files(),
        report.copy().inodes(),
        report.copy().bytes());
    out.printf("storage id %s%n", report.storageId());
    out.printf("now in     %s%n", report.storage().instanceDirectory(report.instance()));
    report.diskFileSize().ifPresent(size -> out.printf("disk file  %s%n", size));
    report
        .downtime()
        .ifPresent(time -> out.printf("the old store stood still for %s%n", Output.time(time)));
    report
        .restartTime()
        .ifPresent(time -> out.printf("the instance was restarted in %s%n", Output.time(time)));
  }
}
