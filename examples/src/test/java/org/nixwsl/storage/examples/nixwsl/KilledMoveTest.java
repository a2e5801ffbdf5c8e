package org.nixwsl.storage.examples.nixwsl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nixwsl.storage.store.NixStore;
import org.nixwsl.storage.testkit.ScratchDirectory;
import org.nixwsl.storage.testkit.StoreFixture;
import org.nixwsl.storage.testkit.nix.NixProgram;

/**
 * A process that moves a store is killed by SIGKILL, and the command line, which knows nothing of
 * it, says how far it is, takes it up or takes it back.
 */
@Tag("once")
class KilledMoveTest {
  private static final int KILLED = 137;

  private ScratchDirectory scratch;
  private Path root;

  /** Where it is killed. */
  record Moment(String stage, String edge) {}

  static Stream<Moment> moments() {
    return Stream.of("PREFLIGHT", "ATTACH", "COPY", "STATE", "PROVE", "COMMIT")
        .flatMap(stage -> Stream.of(new Moment(stage, "begin"), new Moment(stage, "end")));
  }

  @BeforeEach
  void make() throws IOException {
    assumeTrue(
        System.getProperty("os.name").equals("Linux"),
        "skipped: Linux, where stores are, is missing");
    scratch = ScratchDirectory.in(Path.of("/var/tmp"), "nixwsl-test-");
    root = Files.createDirectory(scratch.path().resolve("root"));
    StoreFixture.create(root, 5);
    Files.createDirectory(scratch.path().resolve("storage"));
  }

  @AfterEach
  void remove() throws IOException {
    if (scratch != null) {
      scratch.close();
    }
  }

  private static Cli migrate(String verb, Path place) {
    return Cli.run(
        Stream.of(
                Stream.<Object>of("migrate", verb, "--json"),
                verb.equals("reclaim") ? Stream.<Object>of() : Stream.of("--instance", "one"),
                Stream.<Object>of("--directory", place))
            .flatMap(words -> words)
            .toArray());
  }

  private void kill(Path place, Moment moment) throws Exception {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                KilledMove.class.getName(),
                root.toString(),
                place.toString(),
                moment.stage(),
                moment.edge())
            .inheritIO()
            .start();
    assertThat(process.waitFor()).isEqualTo(KILLED);
  }

  private void assertWhole(Path store) throws IOException {
    Cli verified = Cli.run("store", "verify", root, "--json");
    assertThat(verified.json()).as("the old store").containsEntry("status", "ok");
    if (NixProgram.installed()) {
      NixProgram nix = NixProgram.in(Files.createTempDirectory(scratch.path(), "nix"));
      NixProgram.Opinion opinion = nix.verify(NixStore.ofNixDirectory(store));
      assertThat(opinion.healthy()).as(opinion.output()).isTrue();
    }
  }

  private void takeUp(Path place) throws IOException {
    Cli resumed = migrate("resume", place);
    assertThat(resumed.exitCode()).as(resumed.err()).isZero();
    assertThat(migrate("status", place).json())
        .containsEntry("phase", "committed")
        .containsEntry("storageId", resumed.json().get("storageId"));
    assertWhole(Path.of((String) resumed.json().get("mountPoint"), "one"));
  }

  private void takeBack(Path place) {
    Cli back = migrate("rollback", place);
    assertThat(back.exitCode()).as(back.err()).isZero();
    assertThat(migrate("status", place).json()).containsEntry("phase", "rolledBack");
    assertThat(place.resolve("one")).doesNotExist();
    assertThat(Cli.run("store", "verify", root, "--json").json()).containsEntry("status", "ok");
  }

  @Test
  void isTakenUpAndTakenBackByTheCommandLine() throws Exception {
    Path place = scratch.path().resolve("storage");
    assertThat(migrate("status", place).json()).containsEntry("phase", "none");
    assertThat(migrate("resume", place).error()).containsEntry("code", "MOVE_NOT_FOUND");
    kill(place, new Moment("COPY", "end"));
    Cli status = migrate("status", place);
    assertThat(status.exitCode()).isEqualTo(NixWsl.FINDINGS);
    assertThat(status.json()).containsEntry("phase", "unfinished");
    takeUp(place);
    takeBack(place);
    assertThat(migrate("reclaim", place).json().get("removed")).asString().contains("one.");
    kill(place, new Moment("COMMIT", "end"));
    assertThat(migrate("status", place).json()).containsEntry("phase", "committed");
    takeBack(place);
  }

  @ParameterizedTest
  @MethodSource("moments")
  @Tag("long")
  void isTakenUpAndTakenBackFromEachStage(Moment moment) throws Exception {
    Path place = scratch.path().resolve("storage");
    kill(place, moment);
    if (moment.stage().equals("PREFLIGHT")) {
      assertThat(migrate("status", place).json()).containsEntry("phase", "none");
      return;
    }
    takeUp(place);
    takeBack(place);
    kill(place, moment);
    takeBack(place);
  }
}
