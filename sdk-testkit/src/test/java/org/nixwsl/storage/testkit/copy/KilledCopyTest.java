package org.nixwsl.storage.testkit.copy;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.store.CopyReport;
import org.nixwsl.storage.store.NixStore;
import org.nixwsl.storage.testkit.OwnJvm;
import org.nixwsl.storage.testkit.StoreFixture;

/** The process that copies dies, and the same call is made again. */
@Tag("once")
class KilledCopyTest {
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

  @ParameterizedTest
  @ValueSource(strings = {"2", "20", "45", "STATE", "PROVE"})
  void theNextCallEndsAsAnUndisturbedOneDoes(String moment) throws IOException {
    StoreFixture fixture =
        StoreFixture.create(Files.createDirectory(directory.resolve("source")), 77);
    NixStore target = NixStore.ofNixDirectory(disk.path().resolve("instance"));
    int status = copyAndDie(fixture.store(), target, moment);
    assertThat(status).isEqualTo(KilledCopy.KILLED);
    assertThat(target.directory().resolve(".nixwsl-copy").resolve("journal")).exists();

    CopyReport report = CopyBench.copy(fixture.store(), target);

    CopyBench.assertSame(fixture.store(), target);
    assertThat(report.paths()).isEqualTo(fixture.paths().size());
    assertThat(report.inodes()).isEqualTo(CopyBench.inodes(fixture.store()));
    try (DirectoryStream<Path> left =
        Files.newDirectoryStream(target.storeDirectory(), ".migrating-*")) {
      assertThat(left).isEmpty();
    }
  }

  /** The name by which a file of ours is written before it has its own. */
  @Test
  void whatACrashLeftOfAnIdIsGoneAfterTheNextCall() throws IOException {
    StoreFixture fixture =
        StoreFixture.create(Files.createDirectory(directory.resolve("source")), 77);
    NixStore target = NixStore.ofNixDirectory(disk.path().resolve("instance"));
    copyAndDie(fixture.store(), target, "PROVE");
    Files.writeString(target.directory().resolve(".nixwsl-tmp-1"), "half an id");
    CopyBench.copy(fixture.store(), target);
    CopyBench.assertSame(fixture.store(), target);
  }

  private static int copyAndDie(NixStore source, NixStore target, String moment) {
    return Operation.quiet(
        "copy and die",
        operation ->
            new ProcessRunner()
                .run(
                    Command.of(
                        OwnJvm.running(
                            KilledCopy.class,
                            source.directory().toString(),
                            target.directory().toString(),
                            moment)),
                    operation)
                .exitCode());
  }
}
