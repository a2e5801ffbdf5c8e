package org.nixwsl.storage.examples.nixwsl;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;
import org.nixwsl.storage.StorageSdk;
import org.nixwsl.storage.config.NixModuleSettings;
import org.nixwsl.storage.disk.ByteSize;
import org.nixwsl.storage.disk.DiskCheck;
import org.nixwsl.storage.disk.DiskInfo;
import org.nixwsl.storage.disk.DiskSpec;
import org.nixwsl.storage.migrate.MigrationPlan;
import org.nixwsl.storage.migrate.MigrationReport;
import org.nixwsl.storage.migrate.MigrationRequest;
import org.nixwsl.storage.mount.InstanceName;
import org.nixwsl.storage.mount.SharedStorage;
import org.nixwsl.storage.store.CopyReport;
import org.nixwsl.storage.store.NixStore;
import org.nixwsl.storage.store.VerifyReport;
import org.nixwsl.storage.store.VerifyRequest;
import org.nixwsl.storage.testkit.StoreFixture;
import org.nixwsl.storage.testkit.nix.NixProgram;
import org.nixwsl.storage.testkit.nix.RealNixStore;

/** The steps of the demonstration, and the table that tells of them. */
final class DemoRun {
  private static final InstanceName INSTANCE = InstanceName.of("nixos-demo");
  private static final ByteSize DISK_SIZE = ByteSize.gibibytes(64);
  private static final Path DROP_CACHES = Path.of("/proc/sys/vm/drop_caches");

  private final StorageSdk sdk;
  private final Path work;
  private final int packages;
  private final long seed;
  private final Output output;
  private final Optional<String> noDisk = whyNoDisk();
  private final DemoTable table;

  DemoRun(StorageSdk sdk, Path work, int packages, long seed, Output output) {
    this.sdk = sdk;
    this.work = work;
    this.packages = packages;
    this.seed = seed;
    this.output = output;
    this.table = new DemoTable(output);
  }

  /** Does everything, prints the table, and tells whether everything was proven. */
  boolean run() throws IOException {
    noDisk.ifPresent(why -> say("No disk, a directory stands in for it: " + why + "."));
    Files.createDirectory(work.resolve("storage"));
    SharedStorage storage =
        noDisk.isEmpty()
            ? SharedStorage.onVhdx(work.resolve("shared.vhdx"))
            : SharedStorage.inDirectory(work.resolve("storage"));
    NixStore source = makeStore();
    try {
      MigrationReport report = migrate(source, storage);
      NixStore target = NixStore.ofNixDirectory(report.storage().instanceDirectory(INSTANCE));
      if (noDisk.isEmpty()) {
        table.step(
            "detach and attach again",
            () -> {
              sdk.mounter().unmount(storage);
              dropCaches();
              return sdk.mounter().ensureMounted(storage);
            },
            mounted -> "nothing is cached; " + mounted.device());
      }
      verify(target);
      askNix(target);
      renderModule(report);
    } finally {
      // Also after a failure: nothing of a demonstration stays attached.
      sdk.mounter().unmount(storage);
    }
    if (noDisk.isEmpty()) {
      checkDisk();
    }
    table.print(noDisk.isEmpty(), "Every path on the target is what the Nix database says.");
    return table.proven();
  }

  private NixStore makeStore() throws IOException {
    Path root = work.resolve("root");
    if (!NixProgram.installed()) {
      return table.step(
          "make a store",
          () -> StoreFixture.create(root, seed).store(),
          made -> "written in Java, as Nix is not installed");
    }
    NixProgram nix = NixProgram.in(Files.createDirectory(work.resolve("nix-work")));
    return table.step(
        "make a store",
        () -> RealNixStore.make(nix, root, packages, seed),
        made -> "by " + nix.version());
  }

  private MigrationReport migrate(NixStore source, SharedStorage storage) throws IOException {
    if (noDisk.isEmpty()) {
      table.step(
          "create the disk",
          () -> sdk.vhdx().create(work.resolve("shared.vhdx"), DiskSpec.ofSize(DISK_SIZE)),
          disk -> disk.virtualSize() + " VHDX, a file of " + disk.fileSize());
    }
    MigrationRequest request =
        MigrationRequest.builder().source(source).instance(INSTANCE).storage(storage).build();
    MigrationPlan plan =
        table.step(
            "plan",
            () -> sdk.migrator().plan(request),
            p -> p.paths() + " paths, " + p.inodes() + " inodes, " + p.bytes());
    plan.refusals().forEach(refusal -> say("refused: " + refusal.message()));
    MigrationReport report =
        table.step(
            "migrate",
            () -> sdk.migrator().run(plan, output.following()),
            r -> r.copy().paths() + " paths, " + r.copy().bytes() + ", each proven on the disk");
    for (MigrationReport.StageTime stage : report.stages()) {
      table.add("  " + Output.camel(stage.stage()), stage.duration(), told(stage, report));
    }
    return report;
  }

  private static String told(MigrationReport.StageTime stage, MigrationReport report) {
    CopyReport copy = report.copy();
    return switch (stage.stage()) {
      case ATTACH -> report.storage().device() + " on " + report.storage().mountPoint();
      case COPY ->
          copy.files() + " files, " + copy.inodes() + " inodes, " + rate(copy, stage.duration());
      case PROVE -> rate(copy, stage.duration());
      case COMMIT -> ".nix-storage-id written";
      default -> "";
    };
  }

  private void verify(NixStore target) throws IOException {
    VerifyReport report =
        table.step(
            "verify",
            () -> sdk.verifier().verify(VerifyRequest.of(target), output.following()),
            r ->
                r.damaged()
                    ? r.findings().size() + " FINDINGS"
                    : r.paths() + " paths, " + r.bytes() + ", all as the database says");
    table.prove(!report.damaged());
    report.findings().forEach(f -> say(Output.camel(f.verdict()) + " " + f.path()));
  }

  private void askNix(NixStore target) throws IOException {
    if (!NixProgram.installed()) {
      return;
    }
    NixProgram nix = NixProgram.in(Files.createDirectory(work.resolve("nix-opinion")));
    NixProgram.Opinion opinion =
        table.step(
            "ask Nix",
            () -> nix.verify(target),
            o -> "nix-store --verify --check-contents " + (o.healthy() ? "agrees" : "DISAGREES"));
    table.prove(opinion.healthy());
    if (!opinion.healthy()) {
      say(opinion.output());
    }
  }

  private void renderModule(MigrationReport report) throws IOException {
    table.step(
        "render the NixOS module",
        () ->
            sdk.configWriter()
                .render(
                    NixModuleSettings.builder()
                        .instance(INSTANCE)
                        .storageId(report.storageId())
                        .build()),
        text -> {
          Files.writeString(work.resolve("nix-storage.nix"), text);
          return "nix-storage.nix, " + text.lines().count() + " lines";
        });
  }

  private void checkDisk() throws IOException {
    Path file = work.resolve("shared.vhdx");
    DiskCheck check =
        table.step(
            "check the disk",
            () -> sdk.vhdx().check(file),
            c -> {
              DiskInfo info = sdk.vhdx().inspect(file);
              long errors =
                  c.findings().stream()
                      .filter(f -> f.severity() == DiskCheck.Severity.ERROR)
                      .count();
              long warnings = c.findings().size() - errors;
              return errors
                  + (errors == 1 ? " error, " : " errors, ")
                  + warnings
                  + (warnings == 1 ? " warning; a file of " : " warnings; a file of ")
                  + info.fileSize();
            });
    table.prove(check.status() != DiskCheck.Status.ERRORS);
  }

  private void say(String line) {
    output.note(line);
  }

  private static String rate(CopyReport copy, Duration duration) {
    double seconds = Math.max(0.001, duration.toMillis() / 1000.0);
    return String.format(Locale.ROOT, "%.0f MB/s", copy.bytes().bytes() / 1e6 / seconds);
  }

  /** What is missing for a real disk, if anything is. */
  private static Optional<String> whyNoDisk() {
    if (!System.getProperty("os.name").equals("Linux")) {
      return Optional.of("this is not Linux");
    }
    if (!Files.isWritable(DROP_CACHES)) {
      return Optional.of("it needs root");
    }
    return Stream.of(Path.of("/dev/fuse"), Path.of("/dev/loop-control"))
        .filter(device -> !Files.exists(device))
        .map(device -> device + " is missing")
        .findFirst()
        .or(
            () ->
                Stream.of("qemu-storage-daemon", "mkfs.ext4")
                    .filter(t -> !onPath(t))
                    .map(t -> t + " is not installed")
                    .findFirst());
  }

  private static boolean onPath(String tool) {
    String path = System.getenv("PATH");
    return path != null
        && Stream.of((path + ":/usr/sbin:/sbin").split(":", -1))
            .anyMatch(folder -> Files.isExecutable(Path.of(folder, tool)));
  }

  private static void dropCaches() throws IOException {
    Files.writeString(DROP_CACHES, "3\n");
  }
}
