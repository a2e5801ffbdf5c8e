package org.nixwsl.storage.testkit.copy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.NixConfigWriter;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.core.guest.GuestLauncher;
import org.nixwsl.storage.core.guest.GuestProgram;
import org.nixwsl.storage.core.guest.GuestWorkplace;
import org.nixwsl.storage.core.guest.ProgramShell;
import org.nixwsl.storage.core.guest.Shell;
import org.nixwsl.storage.core.migrate.CopyEngine;
import org.nixwsl.storage.core.nixwire.NixConfigEngine;
import org.nixwsl.storage.core.platform.Workplace;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.error.EnvironmentException;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.OperationCancelledException;
import org.nixwsl.storage.error.StateLeft;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.event.CancellationToken;
import org.nixwsl.storage.event.StorageEvent;
import org.nixwsl.storage.linux.LinuxPlatform;
import org.nixwsl.storage.migrate.Stage;
import org.nixwsl.storage.store.CopyReport;
import org.nixwsl.storage.store.CopyRequest;
import org.nixwsl.storage.store.NixStore;
import org.nixwsl.storage.store.StoreFinding;
import org.nixwsl.storage.store.Verdict;
import org.nixwsl.storage.store.VerifyReport;
import org.nixwsl.storage.store.VerifyRequest;
import org.nixwsl.storage.testkit.Damage;
import org.nixwsl.storage.testkit.GuestJar;
import org.nixwsl.storage.testkit.StoreFixture;
import org.nixwsl.storage.testkit.container.NixContainer;
import org.nixwsl.storage.testkit.nix.NixProgram;
import org.nixwsl.storage.testkit.nix.RealNixStore;

/** A copy by a guest, which is a process of its own that is reached through a shell. */
@Tag("once")
class GuestCopyTest {
  private static final ProcessRunner PROCESSES = new ProcessRunner();

  @TempDir Path directory;
  private LoopFileSystem disk;

  @BeforeEach
  void mount() throws IOException {
    disk = LoopFileSystem.ext4(directory, 64L << 20);
  }

  @AfterEach
  void unmount() {
    if (disk != null) {
      disk.close();
    }
  }

  @Test
  void aGuestCopiesAndVerifiesAsTheSdkItselfDoes() throws Exception {
    StoreFixture fixture = fixture();
    NixStore target = NixStore.ofNixDirectory(disk.path().resolve("instance"));
    GuestLauncher launcher = launcher(here(), GuestJar.in(directory));

    CopyReport report = copy(launcher, fixture.store(), target, RunOptions.ofDefaults());
    VerifyReport verified = verify(launcher, target);

    CopyBench.assertSame(fixture.store(), target);
    assertThat(report.paths()).isEqualTo(fixture.paths().size());
    assertThat(verified.paths()).isEqualTo(report.paths());
    assertThat(verified.findings()).isEmpty();
    assertNothingOfGuestsIsLeft();
  }

  @Test
  void theJarThatIsPublishedIsAGuest() throws Exception {
    Optional<Path> jar = publishedJar();
    assumeTrue(jar.isPresent(), "skipped: the guest jar is missing; mvn verify builds it");
    StoreFixture fixture = fixture();
    NixStore target = NixStore.ofNixDirectory(disk.path().resolve("instance"));

    copy(launcher(here(), jar.get()), fixture.store(), target, RunOptions.ofDefaults());

    CopyBench.assertSame(fixture.store(), target);
  }

  @Test
  void theClassesThatRunHereMakeAGuestThatNeedsNothingElse() throws Exception {
    StoreFixture fixture = fixture();
    NixStore target = NixStore.ofNixDirectory(disk.path().resolve("instance"));
    GuestLauncher launcher =
        new GuestLauncher(
            here(),
            GuestProgram.ofClasses(GuestCopyTest.class.getClassLoader()),
            operation -> Optional.empty(),
            Ticker.system());

    copy(launcher, fixture.store(), target, RunOptions.ofDefaults());

    CopyBench.assertSame(fixture.store(), target);
    assertThat(verify(launcher, target).findings()).isEmpty();
    assertNothingOfGuestsIsLeft();
  }

  @Test
  void damageThatTheGuestFindsIsInTheReportHere() throws Exception {
    StoreFixture fixture = fixture();
    List<String> damaged = fixture.damage(Damage.FLIP_BYTE).paths();

    VerifyReport report = verify(launcher(here(), GuestJar.in(directory)), fixture.store());

    assertThat(report.findings())
        .filteredOn(finding -> finding.verdict() == Verdict.MODIFIED)
        .extracting(StoreFinding::path)
        .containsExactlyElementsOf(damaged);
  }

  @Test
  void aGuestThatIsKilledLosesNothingAndTheNextCallGoesOn() throws Exception {
    StoreFixture fixture = fixture();
    NixStore target = NixStore.ofNixDirectory(disk.path().resolve("instance"));
    GuestLauncher launcher = launcher(here(), GuestJar.in(directory));
    RunOptions killing =
        RunOptions.builder()
            .on(
                StorageEvent.StageStarted.class,
                event -> {
                  if (event.stage() == Stage.STATE) {
                    guests().forEach(ProcessHandle::destroyForcibly);
                  }
                })
            .build();

    assertThatThrownBy(() -> copy(launcher, fixture.store(), target, killing))
        .isInstanceOf(EnvironmentException.class)
        .satisfies(
            e -> {
              assertThat(((StorageSdkException) e).code()).isEqualTo(ErrorCode.GUEST_LOST);
              assertThat(((StorageSdkException) e).stateLeft()).isEqualTo(StateLeft.RESUMABLE);
            });
    copy(launcher, fixture.store(), target, RunOptions.ofDefaults());

    CopyBench.assertSame(fixture.store(), target);
    assertNothingOfGuestsIsLeft();
  }

  @Test
  void aCancellationEndsTheGuest() throws Exception {
    StoreFixture fixture = fixture();
    NixStore target = NixStore.ofNixDirectory(disk.path().resolve("instance"));
    CancellationToken token = new CancellationToken();
    RunOptions cancelling =
        RunOptions.builder()
            .cancelWith(token)
            .on(
                StorageEvent.StageStarted.class,
                event -> {
                  if (event.stage() == Stage.COPY) {
                    token.cancel();
                  }
                })
            .build();

    assertThatThrownBy(
            () ->
                copy(launcher(here(), GuestJar.in(directory)), fixture.store(), target, cancelling))
        .isInstanceOf(OperationCancelledException.class);

    assertNothingOfGuestsIsLeft();
  }

  @Test
  void aPlaceWithoutJavaIsNamedWithWhatItSaid() throws Exception {
    GuestLauncher launcher =
        new GuestLauncher(
            here(),
            GuestProgram.at(GuestJar.in(directory)),
            operation -> Optional.of("/nowhere/bin/java"),
            Ticker.system());

    assertThatThrownBy(() -> verify(launcher, NixStore.ofRoot(directory)))
        .isInstanceOf(EnvironmentException.class)
        .hasMessageContaining("/nowhere/bin/java is not Java 17 or newer");
  }

  @Test
  void aGuestInAContainerCopiesARealStoreThere() throws Exception {
    Optional<String> why = NixContainer.whyUnavailable();
    assumeTrue(why.isEmpty(), why.orElse(""));
    assumeTrue(NixProgram.installed(), "skipped: nix-store is missing");
    Path root = Files.createDirectories(directory.resolve("real"));
    RealNixStore.make(NixProgram.in(directory), root, 3, 7);

    try (NixContainer container = new NixContainer()) {
      container.sharing(root, "/real").sharing(disk.path(), "/disk");
      GuestJar.classPath().forEach(container::showing);
      container.start();
      Shell shell =
          new ProgramShell(
              PROCESSES,
              "the container",
              List.of("docker", "exec", "-i", container.getContainerId(), "sh", "-c"));

      CopyReport report =
          copy(
              launcher(shell, GuestJar.in(directory)),
              NixStore.ofRoot(Path.of("/real")),
              NixStore.ofNixDirectory(Path.of("/disk/instance")),
              RunOptions.ofDefaults());
      var nix =
          container.execInContainer(
              "nix-store",
              "--store",
              "local?real=/disk/instance/store&state=/disk/instance/var/nix&log=/tmp",
              "--verify",
              "--check-contents");

      assertThat(report.paths()).isPositive();
      assertThat(nix.getExitCode()).as(nix.getStderr()).isZero();
      assertThat(container.execInContainer("sh", "-c", "ls -d /tmp/nixwsl-guest.*").getExitCode())
          .as("nothing of the guest is left in the container")
          .isNotZero();
    }
  }

  // --- The parts

  private StoreFixture fixture() throws IOException {
    return StoreFixture.create(Files.createDirectory(directory.resolve("source")), 78);
  }

  /** A shell of this machine whose temporary files can be told from those of others. */
  private Shell here() throws IOException {
    Path temporary = Files.createDirectories(directory.resolve("tmp"));
    return new ProgramShell(
        PROCESSES, "this machine", List.of("env", "TMPDIR=" + temporary, "sh", "-c"));
  }

  private static GuestLauncher launcher(Shell shell, Path jar) {
    return new GuestLauncher(
        shell, GuestProgram.at(jar), operation -> Optional.empty(), Ticker.system());
  }

  private static CopyReport copy(
      GuestLauncher launcher, NixStore source, NixStore target, RunOptions options) {
    try (Workplace place = workplace(launcher)) {
      return new CopyEngine(place.host(), Ticker.system())
          .copy(CopyRequest.of(source, target), options);
    }
  }

  private static VerifyReport verify(GuestLauncher launcher, NixStore store) {
    try (Workplace place = workplace(launcher)) {
      return place.verifier().verify(VerifyRequest.of(store), RunOptions.ofDefaults());
    }
  }

  private static Workplace workplace(GuestLauncher launcher) {
    NixConfigWriter here =
        new NixConfigEngine(
            PROCESSES, Ticker.system(), name -> new LinuxPlatform().instanceShell(name, PROCESSES));
    return GuestWorkplace.of(launcher, here, Ticker.system());
  }

  private static Optional<Path> publishedJar() throws IOException {
    @Nullable Path found = null;
    Path built = Path.of("..", "sdk-linux", "target");
    if (Files.isDirectory(built)) {
      try (DirectoryStream<Path> jars = Files.newDirectoryStream(built, "*-guest.jar")) {
        for (Path jar : jars) {
          found = jar;
        }
      }
    }
    return Optional.ofNullable(found);
  }

  private static Stream<ProcessHandle> guests() {
    return ProcessHandle.current()
        .descendants()
        .filter(
            child ->
                child.info().arguments().stream()
                    .flatMap(Stream::of)
                    .anyMatch(argument -> argument.endsWith("/guest.jar")));
  }

  private void assertNothingOfGuestsIsLeft() throws Exception {
    for (ProcessHandle guest : guests().toList()) {
      guest.onExit().get(20, TimeUnit.SECONDS);
    }
    try (DirectoryStream<Path> left =
        Files.newDirectoryStream(directory.resolve("tmp"), "nixwsl-guest.*")) {
      assertThat(left).as("directories of guests").isEmpty();
    }
  }
}
