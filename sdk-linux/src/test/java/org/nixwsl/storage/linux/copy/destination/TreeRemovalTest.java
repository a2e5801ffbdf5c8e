package org.nixwsl.storage.linux.copy.destination;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What removing takes away, and what it never touches. */
@Tag("once")
class TreeRemovalTest {
  private static final int ROUNDS = 300;
  private static final int FILES = 40;

  @TempDir Path directory;

  @Test
  void removesTreesWithoutFollowingTheirSymlinks() throws IOException {
    Path outside = Files.createDirectory(directory.resolve("outside"));
    Files.writeString(outside.resolve("kept"), "mine");
    Path tree = directory.resolve("tree");
    Files.createDirectories(tree.resolve("a/b/c"));
    Files.createSymbolicLink(tree.resolve("a/to-outside"), outside);
    Files.createFile(tree.resolve("a/b/file"));
    tree.resolve("a/b").toFile().setWritable(false);
    TreeRemoval.remove(tree);
    assertThat(tree).doesNotExist();
    assertThat(outside.resolve("kept")).hasContent("mine");
    Files.createSymbolicLink(tree, outside);
    TreeRemoval.remove(tree);
    assertThat(Files.exists(tree, LinkOption.NOFOLLOW_LINKS)).isFalse();
    TreeRemoval.remove(directory.resolve("absent/below-absent"));
    assertThat(outside.resolve("kept")).hasContent("mine");
  }

  @Test
  void removesTreesDeeperThanAPathMayBeLong() throws IOException {
    Path tree = Files.createDirectory(directory.resolve("deep"));
    String name = "d".repeat(200);
    for (int i = 0; i < 25; i++) {
      // Grown from the top, as no call can name the bottom.
      Path bottom = Files.createDirectories(directory.resolve("grown").resolve(name));
      Files.move(tree, bottom.resolve("in"));
      Files.move(directory.resolve("grown"), tree);
    }
    TreeRemoval.remove(tree);
    assertThat(tree).doesNotExist();
  }

  @Test
  void neverLeavesTheTreeThroughASymlinkThatTakesTheNameOfADirectory() throws Exception {
    Path outside = Files.createDirectory(directory.resolve("outside"));
    for (int i = 0; i < FILES; i++) {
      Files.createFile(outside.resolve("kept" + i));
    }
    Path aside = Files.createDirectory(directory.resolve("aside"));
    for (int round = 0; round < ROUNDS; round++) {
      Path tree = Files.createDirectory(directory.resolve("tree" + round));
      Path swapped = Files.createDirectory(tree.resolve("swapped"));
      for (int i = 0; i < FILES; i++) {
        Files.createFile(swapped.resolve("kept" + i));
      }
      Path link = Files.createSymbolicLink(aside.resolve("link" + round), outside);
      Path hidden = aside.resolve("hidden" + round);
      AtomicBoolean end = new AtomicBoolean();
      Thread attacker = new Thread(() -> swap(swapped, link, hidden, end));
      attacker.start();
      try {
        TreeRemoval.remove(tree);
      } catch (FileSystemException refused) {
        // The tree changed under it: an error is as good as success here.
        assertThat(refused).isNotNull();
      } finally {
        end.set(true);
        attacker.join();
      }
      try (var files = Files.list(outside)) {
        assertThat(files.count()).as("files outside, round " + round).isEqualTo(FILES);
      }
    }
  }

  private static void swap(Path swapped, Path link, Path hidden, AtomicBoolean end) {
    while (!end.get()) {
      try {
        Files.move(swapped, hidden, StandardCopyOption.ATOMIC_MOVE);
        Files.move(link, swapped, StandardCopyOption.ATOMIC_MOVE);
        Files.move(swapped, link, StandardCopyOption.ATOMIC_MOVE);
        Files.move(hidden, swapped, StandardCopyOption.ATOMIC_MOVE);
      } catch (IOException gone) {
        return;
      }
    }
  }
}
