package org.nixwsl.storage.testkit.copy;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.RunOptions;
import org.nixwsl.storage.core.migrate.CopyEngine;
import org.nixwsl.storage.core.run.Ticker;
import org.nixwsl.storage.store.CopyReport;
import org.nixwsl.storage.store.CopyRequest;
import org.nixwsl.storage.store.NixStore;
import org.nixwsl.storage.testkit.StoreFixture;

/** Something happened to what a copy had brought before it was cut short. */
@Tag("once")
class ParanoidTest {
  @TempDir Path directory;
  private LoopFileSystem disk;
  private NixStore source;
  private NixStore target;

  @BeforeEach
  void beginACopy() throws IOException {
    disk = LoopFileSystem.ext4(directory, 64L << 20);
    source = StoreFixture.create(Files.createDirectory(directory.resolve("source")), 8).store();
    target = NixStore.ofNixDirectory(disk.path().resolve("instance"));
    CopyBench.inSession(source, target, (session, progress) -> session.copyPaths(progress));
  }

  @AfterEach
  void unmount() {
    if (disk != null) {
      disk.close();
    }
  }

  @Test
  void findsWhatTheJournalDoesNotKnow() throws IOException {
    Path contents = CopyBench.regularFileIn(target);
    FileTime time = Files.getLastModifiedTime(contents);
    byte[] bytes = Files.readAllBytes(contents);
    bytes[0] ^= 1;
    Files.write(contents, bytes);
    Files.setLastModifiedTime(contents, time);
    List<Path> others;
    try (var files = Files.walk(target.storeDirectory())) {
      others =
          files
              .filter(file -> Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS))
              .filter(file -> !file.toString().contains("/.links/"))
              .sorted()
              .skip(20)
              .limit(3)
              .toList();
    }
    Files.setAttribute(others.get(0), "unix:mode", 0600);
    Files.setLastModifiedTime(others.get(1), FileTime.fromMillis(77_000));
    Files.setAttribute(others.get(2), "unix:uid", 1234);

    CopyReport report = copy();

    CopyBench.assertSame(source, target);
    assertThat(report.findings()).isEmpty();
  }

  @Test
  void mendsNamesInLinksThatStandForOtherContents() throws IOException {
    List<Path> names;
    try (var files = Files.list(target.storeDirectory().resolve(".links"))) {
      names = files.filter(Files::isRegularFile).sorted().limit(2).toList();
    }
    Files.delete(names.get(0));
    Files.createLink(names.get(0), names.get(1));
    copy();
    CopyBench.assertSame(source, target);
  }

  @Test
  void copiesNothingAgainThatIsWhole() throws IOException {
    Path file = CopyBench.regularFileIn(target);
    Object inode = Files.getAttribute(file, "unix:ino");
    copy();
    CopyBench.assertSame(source, target);
    assertThat(Files.getAttribute(file, "unix:ino")).isEqualTo(inode);
  }

  private CopyReport copy() {
    return new CopyEngine(CopyBench.host(), Ticker.system())
        .copy(
            CopyRequest.builder()
                .source(source)
                .target(target)
                .reread(false)
                .paranoid(true)
                .build(),
            RunOptions.ofDefaults());
  }
}
