package org.nixwsl.storage.testkit.copy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.SortedMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.core.migrate.CopyEngine;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.error.ConflictException;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.store.CopyRequest;
import org.nixwsl.storage.store.NixStore;
import org.nixwsl.storage.testkit.StoreFixture;

/**
 * A copy whose n-th call of a kind to the kernel kills the process or fails, put there by strace;
 * then the same call without a fault. The target ends as an undisturbed copy, the source is as it
 * was.
 */
@Tag("once")
class FaultTest {
  /** The calls by which a copy changes anything, in Java, in SQLite and in its child processes. */
  private static final List<String> CALLS =
      List.of(
          "mkdir",
          "link",
          "symlink",
          "rename",
          "unlink",
          "unlinkat",
          "rmdir",
          "fsync",
          "fdatasync",
          "syncfs",
          "ftruncate",
          "pwrite64",
          "chmod",
          "utimensat");

  /** Those that make, move and remove names, or bring them to the device. */
  private static final List<String> NAMING =
      List.of("mkdir", "link", "symlink", "rename", "unlink", "unlinkat", "fsync", "syncfs");

  /** A bound only: no call of a kind is made so often on a store of four paths. */
  private static final int MOST_CALLS = 400;

  private static final int PATHS = 4;

  @TempDir Path directory;
  private LoopFileSystem disk;
  private NixStore source;

  /** What the target is when the copy begins. */
  enum Beginning {
    /** Nothing: the calls that bring store paths come first. */
    EMPTY,
    /** All store paths are there: the calls that bring state and database come first. */
    PATHS_COPIED,
    /** A copy of what the source was once. */
    OUTDATED
  }

  /** What the call does instead of what it should. */
  enum Fault {
    KILL("signal=SIGKILL"),
    EIO("error=EIO"),
    ENOSPC("error=ENOSPC");

    private final String injection;

    Fault(String injection) {
      this.injection = injection;
    }
  }

  @BeforeEach
  void makeASmallStore() throws Exception {
    assumeTrue(Files.exists(Path.of("/usr/bin/strace")), "skipped: strace is missing");
    disk = LoopFileSystem.ext4(directory, 64L << 20);
    StoreFixture fixture =
        StoreFixture.create(Files.createDirectory(directory.resolve("source")), 40);
    source = fixture.store();
    List<String> kept =
        fixture.paths().stream().filter(path -> path.contains("-package-")).limit(PATHS).toList();
    for (String path : fixture.paths()) {
      if (!kept.contains(path)) {
        delete(fixture, path);
      }
    }
    sweepLinks();
    NixStore template = NixStore.ofNixDirectory(disk.path().resolve("outdated"));
    CopyBench.copy(source, template);
    delete(fixture, kept.get(0));
    sweepLinks();
    NixStore begun = NixStore.ofNixDirectory(disk.path().resolve("paths_copied"));
    CopyBench.inSession(source, begun, (session, progress) -> session.copyPaths(progress));
  }

  @AfterEach
  void unmount() {
    if (disk != null) {
      disk.close();
    }
  }

  @Test
  void goesOnAfterAKillAndAfterAnError() throws IOException {
    assertThat(survives(Beginning.EMPTY, Fault.KILL, "rename", 2)).isTrue();
    assertThat(survives(Beginning.PATHS_COPIED, Fault.EIO, "fsync", 3)).isTrue();
    assertThat(survives(Beginning.OUTDATED, Fault.KILL, "rename", 1)).isTrue();
  }

  @ParameterizedTest
  @EnumSource(Beginning.class)
  @Tag("long")
  void goesOnAfterAKillAtAnyCall(Beginning beginning) throws IOException {
    everywhere(beginning, Fault.KILL);
  }

  @ParameterizedTest
  @EnumSource(Beginning.class)
  @Tag("long")
  void goesOnAfterAnInputErrorOfAnyCall(Beginning beginning) throws IOException {
    everywhere(beginning, Fault.EIO);
  }

  @ParameterizedTest
  @EnumSource(Beginning.class)
  @Tag("long")
  void goesOnAfterAnyCallFoundTheDiskFull(Beginning beginning) throws IOException {
    everywhere(beginning, Fault.ENOSPC);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 60, 200, 400, 600, 800})
  @Tag("long")
  void goesOnAfterADiskOfSomeSizeWasFull(int kilobytes) throws Exception {
    NixStore whole =
        StoreFixture.create(Files.createDirectory(directory.resolve("whole")), 41).store();
    NixStore target = NixStore.ofNixDirectory(disk.path().resolve("instance"));
    Path filler = disk.path().resolve("filler");
    EnvironmentException full =
        assertThrows(
            EnvironmentException.class,
            () ->
                CopyBench.inSession(
                    whole,
                    target,
                    (session, progress) -> {
                      LoopFileSystem.fillBut(filler, kilobytes);
                      session.copyPaths(progress);
                      session.copyState(progress);
                    }));
    assertThat(full.code()).isEqualTo(ErrorCode.NO_SPACE);
    assertThat(target.database()).doesNotExist();
    Files.delete(filler);
    CopyBench.copy(whole, target);
    CopyBench.assertSame(whole, target);
  }

  private void everywhere(Beginning beginning, Fault fault) throws IOException {
    int faults = 0;
    for (String call : CALLS) {
      boolean each = fault == Fault.KILL && NAMING.contains(call);
      int n = 1;
      // Where one more makes no other state, 1, 2, 3, 5, 8, 13, ...
      for (int step = 1; n < MOST_CALLS && survives(beginning, fault, call, n); faults++) {
        int next = each ? n + 1 : n + step;
        step = n == 1 ? 1 : n;
        n = next;
      }
    }
    System.out.println(beginning + ", " + fault + ": " + faults + " faults survived");
    assertThat(faults).isGreaterThan(20);
  }

  /** Whether there was a call to fail. */
  private boolean survives(Beginning beginning, Fault fault, String call, int n)
      throws IOException {
    String what = beginning + " " + fault + " " + call + " " + n;
    SortedMap<String, String> before = TreeListing.of(source.directory(), FaultTest::isSource);
    byte[] database = Files.readAllBytes(source.database());
    Path place = disk.path().resolve("instance");
    if (beginning != Beginning.EMPTY) {
      Path template = disk.path().resolve(beginning.name().toLowerCase(Locale.ROOT));
      LoopFileSystem.run("cp", "-a", template.toString(), place.toString());
    }
    NixStore target = NixStore.ofNixDirectory(place);
    boolean update = beginning == Beginning.OUTDATED;
    Path trace = directory.resolve("trace");
    ProcessRunner.Result result = copyWithFault(target, update, trace, fault, call, n);
    boolean injected = Files.readString(trace).contains("(INJECTED)") || result.exitCode() == 137;
    if (result.exitCode() != 0) {
      finish(target, update, what + ": " + result.allText());
    }
    assertThat(TreeListing.of(source.directory(), FaultTest::isSource)).as(what).isEqualTo(before);
    assertThat(Files.readAllBytes(source.database())).as(what).isEqualTo(database);
    CopyBench.assertSame(source, target);
    LoopFileSystem.run("rm", "-rf", place.toString());
    return injected;
  }

  /** All but the database, beside which those who read it leave files. */
  private static boolean isSource(String name) {
    return !name.startsWith("var/nix/db");
  }

  private void finish(NixStore target, boolean update, String what) {
    CopyRequest request =
        CopyRequest.builder().source(source).target(target).update(update).build();
    try {
      new CopyEngine(CopyBench.host(), Ticker.system()).copy(request, RunOptions.ofDefaults());
    } catch (ConflictException e) {
      // The kill came after the end.
      assertThat(e.code()).as(what).isEqualTo(ErrorCode.TARGET_NOT_EMPTY);
    }
  }

  private ProcessRunner.Result copyWithFault(
      NixStore target, boolean update, Path trace, Fault fault, String call, int n) {
    Command command =
        Command.of(
                "strace",
                "-f",
                "-o",
                trace.toString(),
                "-e",
                "trace=" + call,
                "-e",
                "inject=" + call + ":" + fault.injection + ":when=" + n,
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-XX:-UsePerfData",
                "-cp",
                System.getProperty("java.class.path"),
                FaultyCopy.class.getName(),
                source.directory().toString(),
                target.directory().toString(),
                Boolean.toString(update))
            // Many times what it takes; a machine that is busy with other things is slow.
            .within(Duration.ofMinutes(10));
    return Operation.quiet("copy", operation -> new ProcessRunner().run(command, operation));
  }

  private static void delete(StoreFixture fixture, String path) throws Exception {
    String id = "(select id from ValidPaths where path = '" + path + "')";
    CopyBench.sql(
        fixture.store(), "delete from Refs where reference in " + id + " or referrer in " + id);
    CopyBench.sql(fixture.store(), "delete from ValidPaths where path = '" + path + "'");
    LoopFileSystem.run("rm", "-rf", fixture.physical(path).toString());
  }

  /** As a garbage collection does. */
  private void sweepLinks() {
    LoopFileSystem.run(
        "find", source.storeDirectory().resolve(".links").toString(), "-links", "1", "-delete");
  }
}
