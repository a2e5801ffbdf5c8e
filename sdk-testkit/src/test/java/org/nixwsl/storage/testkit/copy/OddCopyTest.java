package org.nixwsl.storage.testkit.copy;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.store.NixStore;
import org.nixwsl.storage.store.StoreFinding;
import org.nixwsl.storage.testkit.StoreFixture;

/** Copies of stores, to places and by users that are seldom. */
@Tag("once")
class OddCopyTest {
  /** What ext4 allows, see {@code EXT4_LINK_MAX} of the kernel. */
  private static final int EXT4_LINKS = 65_000;

  private static final String USER = "1234";

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
  void makesASecondInodeWhereAFileHasMoreNamesThanExt4Allows() throws IOException {
    // A file system in memory has no such limit.
    try (LoopFileSystem memory = LoopFileSystem.of("tmpfs", "size=64m,nr_inodes=0", directory)) {
      StoreFixture fixture =
          StoreFixture.create(Files.createDirectory(memory.path().resolve("source")), 65);
      String row =
          fixture.paths().stream()
              .filter(p -> Files.isDirectory(fixture.physical(p), LinkOption.NOFOLLOW_LINKS))
              .findFirst()
              .orElseThrow();
      Path many = Files.createDirectory(fixture.physical(row).resolve("many"));
      Path first = Files.writeString(many.resolve("0"), "much linked");
      int names = EXT4_LINKS + 500;
      for (int i = 1; i < names; i++) {
        Files.createLink(many.resolve(Integer.toString(i)), first);
      }
      NixStore target = NixStore.ofNixDirectory(disk.path().resolve("instance"));
      // Taken up in between: the second inode has to be found again.
      CopyBench.inSession(
          fixture.store(), target, (session, progress) -> session.copyPaths(progress));
      CopyBench.inSession(
          fixture.store(),
          target,
          (session, progress) -> {
            session.copyPaths(progress);
            session.copyState(progress);
            session.finish();
            assertThat(session.report().findings().stream().map(StoreFinding::path))
                .containsExactly(row);
          });
      Path copy =
          target.storeDirectory().resolve(row.substring("/nix/store/".length())).resolve("many");
      Map<Object, Integer> namesOfInode = new TreeMap<>();
      for (int i = 0; i < names; i++) {
        Object inode =
            Files.getAttribute(
                copy.resolve(Integer.toString(i)), "unix:ino", LinkOption.NOFOLLOW_LINKS);
        namesOfInode.merge(inode, 1, Integer::sum);
      }
      assertThat(namesOfInode).hasSize(2);
      assertThat(namesOfInode.values().stream().mapToInt(Integer::intValue).sum()).isEqualTo(names);
      assertThat(copy.resolve("1")).hasContent("much linked");
      // One more name of each was its anchor.
      assertThat(namesOfInode.values()).contains(EXT4_LINKS - 1);
    }
  }

  @Test
  void copiesToANameOfAnyBytes() throws IOException {
    StoreFixture fixture =
        StoreFixture.create(Files.createDirectory(directory.resolve("source")), 66);
    ByteArrayOutputStream place = new ByteArrayOutputStream();
    place.writeBytes(PathBytes.of(disk.path()));
    place.writeBytes("/-a \n'\"$(x)%41?#;".getBytes(StandardCharsets.US_ASCII));
    place.writeBytes(new byte[] {(byte) 0xff, (byte) 0xc3, 0x28, 0x01, 0x7f});
    NixStore target = NixStore.ofNixDirectory(PathBytes.toAbsolutePath(place.toByteArray()));
    CopyBench.copy(fixture.store(), target);
    CopyBench.assertSame(fixture.store(), target);
  }

  /** Who may read all and is not root otherwise: the classes of this test lie in root's home. */
  @Test
  void aUserWhoIsNotRootCopiesTheirOwnStore() throws IOException {
    StoreFixture fixture =
        StoreFixture.create(Files.createDirectory(directory.resolve("source")), 67);
    Path home = Files.createDirectory(disk.path().resolve("home"));
    LoopFileSystem.run("chmod", "755", directory.toString(), disk.path().toString());
    LoopFileSystem.run("chown", "-hR", USER + ":" + USER, fixture.store().directory().toString());
    LoopFileSystem.run("chown", USER + ":" + USER, home.toString());
    NixStore target = NixStore.ofNixDirectory(home.resolve("instance"));
    List<String> command =
        new ArrayList<>(List.of("setpriv", "--reuid", USER, "--regid", USER, "--clear-groups"));
    command.addAll(List.of("--inh-caps=-all,+dac_read_search", "--ambient-caps=+dac_read_search"));
    command.addAll(
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-cp",
            System.getProperty("java.class.path"),
            KilledCopy.class.getName(),
            fixture.store().directory().toString(),
            target.directory().toString(),
            KilledCopy.NEVER));
    ProcessRunner.Result result =
        Operation.quiet(
            "copy as a user", operation -> new ProcessRunner().run(Command.of(command), operation));
    assertThat(result.exitCode()).as(result.allText()).isZero();
    assertThat(result.text()).contains("The cache could not be dropped");
    CopyBench.assertSame(fixture.store(), target);
  }
}
