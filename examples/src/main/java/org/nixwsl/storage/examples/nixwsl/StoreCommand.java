package org.nixwsl.storage.examples.nixwsl;

import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.StorageSdk;
import org.nixwsl.storage.store.CopyReport;
import org.nixwsl.storage.store.CopyRequest;
import org.nixwsl.storage.store.NixStore;
import org.nixwsl.storage.store.VerifyLevel;
import org.nixwsl.storage.store.VerifyReport;
import org.nixwsl.storage.store.VerifyRequest;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code nixwsl store}: proving and copying a store. */
@Command(name = "store", description = "Verify or copy a Nix store.")
final class StoreCommand {
  private static final String ROOT =
      "The directory that holds nix/, such as / or a chroot store; or one that itself holds store/"
          + " and var/, such as an instance's directory on the shared disk.";

  StoreCommand() {}

  /** Finds out which of the two kinds of directory was named. */
  static NixStore storeAt(Path root) {
    boolean itself =
        !Files.exists(root.resolve("nix")) && Files.exists(root.resolve("var").resolve("nix"));
    return itself ? NixStore.ofNixDirectory(root) : NixStore.ofRoot(root);
  }

  /** The option {@code --threads}, when it was given. */
  static OptionalInt threads(@Nullable Integer threads) {
    return threads == null ? OptionalInt.empty() : OptionalInt.of(threads);
  }

  @Command(
      name = "verify",
      description = "Compare a store with its database. Exit 1: it is damaged.")
  int verify(
      @Parameters(paramLabel = "ROOT", description = ROOT) Path root,
      @Option(
              names = "--level",
              defaultValue = "contents",
              paramLabel = "LEVEL",
              description = "existence, sizes, contents or links; contents when not given.")
          VerifyLevel level,
      @Option(
              names = "--threads",
              paramLabel = "N",
              description = "How many threads read; chosen for the machine when not given.")
          @Nullable Integer threads,
      @Mixin Output output) {
    try (StorageSdk sdk = StorageSdk.open()) {
      VerifyReport report =
          sdk.verifier()
              .verify(
                  VerifyRequest.builder()
                      .store(storeAt(root))
                      .level(level)
                      .threads(threads(threads))
                      .build(),
                  output.following());
      output.print(
          Output.object(
              "status",
              report.damaged() ? "damaged" : "ok",
              "level",
              Output.camel(report.level()),
              "paths",
              report.paths(),
              "bytes",
              report.bytes().bytes(),
              "durationMillis",
              report.duration().toMillis(),
              "findings",
              Output.findings(report.findings()),
              "notes",
              report.notes()),
          out -> print(out, report));
      return report.damaged() ? NixWsl.FINDINGS : NixWsl.OK;
    }
  }

  @Command(
      name = "copy",
      description = "Copy a store and prove the copy. Exit 1: the source is damaged.")
  int copy(
      @Parameters(paramLabel = "SRC", description = ROOT) Path source,
      @Parameters(paramLabel = "DST", description = "The directory that will hold nix/.")
          Path target,
      @Option(
              names = "--threads",
              paramLabel = "N",
              description = "How many threads read; chosen for the machine when not given.")
          @Nullable Integer threads,
      @Option(names = "--no-reread", description = "Do not read the copy back from the device.")
          boolean noReread,
      @Option(
              names = "--xattrs",
              description = "Copy extended attributes, ACLs and capabilities too.")
          boolean xattrs,
      @Option(
              names = "--update",
              description =
                  "Bring a finished copy in DST, which no instance uses, to what SRC is now. What"
                      + " SRC has not is moved to .nixwsl/trash.")
          boolean update,
      @Option(
              names = "--paranoid",
              description =
                  "Where an earlier call stopped, read and compare all that it copied instead of"
                      + " believing its journal.")
          boolean paranoid,
      @Option(
              names = "--link-identical-from",
              paramLabel = "DIR",
              description =
                  "Make hard links to identical files of the store in DIR, on the same file"
                      + " system. Damage to one of them damages both stores.")
          @Nullable Path linkIdenticalFrom,
      @Mixin Output output) {
    try (StorageSdk sdk = StorageSdk.open()) {
      CopyReport report =
          sdk.copier()
              .copy(
                  CopyRequest.builder()
                      .source(storeAt(source))
                      .target(NixStore.ofRoot(target))
                      .threads(threads(threads))
                      .reread(!noReread)
                      .copyExtendedAttributes(xattrs)
                      .update(update)
                      .paranoid(paranoid)
                      .linkIdenticalFrom(
                          Optional.ofNullable(linkIdenticalFrom).map(StoreCommand::storeAt))
                      .build(),
                  output.following());
      output.print(
          Output.object(
              "paths",
              report.paths(),
              "files",
              report.files(),
              "inodes",
              report.inodes(),
              "bytes",
              report.bytes().bytes(),
              "durationMillis",
              report.duration().toMillis(),
              "rereadMillis",
              report.reread().toMillis(),
              "findings",
              Output.findings(report.findings()),
              "leftOut",
              report.leftOut(),
              "notes",
              report.notes()),
          out -> print(out, report));
      return report.findings().stream().anyMatch(f -> f.verdict().damage())
          ? NixWsl.FINDINGS
          : NixWsl.OK;
    }
  }

  private static void print(PrintWriter out, VerifyReport report) {
    Output.print(out, report.findings());
    report.notes().forEach(note -> out.println("note: " + note));
    out.printf(
        "%s: %d paths, %s, level %s, in %s%n",
        report.damaged() ? "damaged" : "ok",
        report.paths(),
        report.bytes(),
        Output.camel(report.level()),
        Output.time(report.duration()));
  }

  private static void print(PrintWriter out, CopyReport report) {
    Output.print(out, report.findings());
    report.notes().forEach(note -> out.println("note: " + note));
    out.printf(
        "copied %d paths, %d files, %d inodes, %s in %s%n",
        report.paths(),
        report.files(),
        report.inodes(),
        report.bytes(),
        Output.time(report.duration()));
    if (!report.leftOut().isEmpty()) {
      out.printf("left out %d entries that no store needs%n", report.leftOut().size());
    }
    out.println(
        report.reread().isZero()
            ? "not read back"
            : "read back and proven in " + Output.time(report.reread()));
  }
}
