package org.nixwsl.storage.testkit.copy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.linux.store.StoreDatabase;
import org.nixwsl.storage.linux.store.StoreRow;
import org.nixwsl.storage.store.CopyReport;
import org.nixwsl.storage.store.NixStore;
import org.nixwsl.storage.testkit.nix.NixProgram;
import org.nixwsl.storage.testkit.nix.RealNixStore;

/** Nix itself works in the source while it is copied; the copy is what Nix left in the end. */
@Tag("once")
class LiveNixTest {
  private static final int PACKAGES = 12;

  @TempDir Path directory;
  private LoopFileSystem disk;
  private NixProgram nix;
  private Path files;
  private Path root;
  private NixStore source;
  private NixStore target;

  @BeforeEach
  void makeAStore() throws IOException {
    assumeTrue(NixProgram.installed(), "skipped: Nix is missing");
    disk = LoopFileSystem.ext4(directory, 256L << 20);
    nix = NixProgram.in(Files.createDirectory(directory.resolve("work")));
    files = Files.createDirectory(directory.resolve("files"));
    root = directory.resolve("source");
    source = RealNixStore.make(nix, root, PACKAGES, 5);
    target = NixStore.ofNixDirectory(disk.path().resolve("instance"));
  }

  @AfterEach
  void unmount() {
    if (disk != null) {
      disk.close();
    }
  }

  @Test
  void addsBuildsAndOptimisesWhileTheStoreIsCopied() throws Exception {
    ExecutorService alongside = Executors.newSingleThreadExecutor();
    List<CopyReport> reports = new ArrayList<>();
    try {
      CopyBench.inSession(
          source,
          target,
          (session, progress) -> {
            Future<String> work = alongside.submit(this::work);
            session.copyPaths(progress);
            assertThat(ended(work)).as("what Nix said").isNotNull();
            // As a collection between the two passes; the lock of the copy keeps a real one out.
            deleteARowAndItsPath();
            session.copyState(progress);
            session.prove(progress);
            session.finish();
            reports.add(session.report());
          });
    } finally {
      alongside.shutdownNow();
      assertThat(alongside.awaitTermination(1, TimeUnit.MINUTES)).isTrue();
    }
    assertThat(reports.get(0).findings()).isEmpty();
    assertThat(names(target)).isEqualTo(names(source)).anyMatch(name -> name.endsWith("-live-2"));
    assertThat(names(target)).anyMatch(name -> name.endsWith("-added-3"));
    assertThat(contents(target)).isEqualTo(contents(source));
    NixProgram.Opinion opinion = nix.verify(target);
    assertThat(opinion.healthy()).as(opinion.output()).isTrue();
  }

  @Test
  void collectsGarbageBetweenACopyThatWasCutShortAndTheNext() throws Exception {
    CopyBench.inSession(source, target, (session, progress) -> session.copyPaths(progress));
    int before = names(source).size();
    assertThat(onRoot("nix-store", "--gc").exitCode()).isZero();
    assertThat(names(source)).hasSizeLessThan(before);
    work();
    CopyBench.copy(source, target);
    assertThat(names(target)).isEqualTo(names(source));
    assertThat(contents(target)).isEqualTo(contents(source));
    NixProgram.Opinion opinion = nix.verify(target);
    assertThat(opinion.healthy()).as(opinion.output()).isTrue();
  }

  /** Files are added, derivations built, and equal files linked, one after another. */
  private String work() throws IOException {
    StringBuilder said = new StringBuilder();
    for (int i = 0; i < 4; i++) {
      Path file = Files.writeString(files.resolve("added-" + i), "added " + i);
      said.append(ok("nix-store", "--add", file.toString()));
      Path expression =
          Files.writeString(
              files.resolve("live-" + i + ".nix"),
              """
              derivation {
                name = "live-%d";
                system = builtins.currentSystem;
                builder = "/bin/sh";
                args = [ "-c" "echo built > $out" ];
              }
              """
                  .formatted(i));
      String derivation = ok("nix-instantiate", expression.toString()).strip();
      said.append(build(derivation));
      if (i == 1) {
        said.append(ok("nix-store", "--optimise"));
      }
    }
    return said.toString();
  }

  /** A builder in a store that is not at /nix needs a sandbox; without one a path is added. */
  private String build(String derivation) throws IOException {
    ProcessRunner.Result result = onRoot("nix-store", "--realise", derivation);
    if (result.exitCode() == 0) {
      return result.text();
    }
    String name = derivation.replaceFirst(".*-(live-[0-9]+)\\.drv$", "$1");
    return ok("nix-store", "--add", Files.writeString(files.resolve(name), "built").toString());
  }

  private void deleteARowAndItsPath() throws IOException {
    String last =
        names(source).stream().filter(name -> name.endsWith("-added-0")).findFirst().orElseThrow();
    LoopFileSystem.run("rm", "-rf", source.storeDirectory().resolve(last).toString());
    try {
      CopyBench.sql(source, "delete from ValidPaths where path = '/nix/store/" + last + "'");
    } catch (SQLException e) {
      throw new IOException(e);
    }
  }

  private String ok(String... command) {
    ProcessRunner.Result result = onRoot(command);
    assertThat(result.exitCode()).as(result.allText()).isZero();
    return result.text();
  }

  private ProcessRunner.Result onRoot(String... command) {
    return nix.onRoot(root, List.of(command));
  }

  private static String ended(Future<String> work) throws IOException, InterruptedException {
    try {
      return work.get(5, TimeUnit.MINUTES);
    } catch (ExecutionException | TimeoutException e) {
      throw new IOException(e);
    }
  }

  private static List<String> names(NixStore store) {
    return Operation.quiet("rows", o -> StoreDatabase.of(store).read(o)).rows().stream()
        .map(StoreRow::name)
        .sorted()
        .toList();
  }

  /** Names, modes, owners, times and contents; links that Nix made since are its own affair. */
  private static List<String> contents(NixStore store) throws IOException {
    Set<String> valid = Set.copyOf(names(store));
    List<String> lines = new ArrayList<>();
    TreeListing.of(store.storeDirectory(), name -> valid.contains(name.split("/", -1)[0]))
        .forEach((name, line) -> lines.add(name + " " + line.replaceAll(" = .*", "")));
    return lines;
  }
}
