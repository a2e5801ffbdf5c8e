package org.nixwsl.storage.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.core.nar.NarHash;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.linux.store.TreeSink;
import org.nixwsl.storage.linux.store.TreeWalker;
import org.nixwsl.storage.linux.store.UnreadableException;

class NarOracleTest {
  @TempDir Path directory;

  private static TreeWalker.Walk walk(Path top) {
    return Operation.quiet(
        "walk",
        operation -> {
          try {
            return new TreeWalker().walk(top, TreeSink.none(), operation, bytes -> {});
          } catch (UnreadableException e) {
            throw new IOException(e);
          }
        });
  }

  private static TreeWalker.Walk measure(Path top) {
    return Operation.quiet(
        "measure",
        operation -> {
          try {
            return new TreeWalker().measure(top, TreeSink.none(), operation);
          } catch (UnreadableException e) {
            throw new IOException(e);
          }
        });
  }

  @Test
  void hashesAnyTreeAsTheFormatSays() throws Exception {
    long seed = new Random().nextLong();
    Random random = new Random(seed);
    for (int i = 0; i < 150; i++) {
      FileTree tree = RandomTrees.next(random, 4);
      Path top = directory.resolve("tree-" + i);
      FileTreeWriter.plain().write(top, tree);

      TreeWalker.Walk walk = walk(top);

      assertThat(walk.hash()).as("seed %d, tree %d", seed, i).contains(tree.nar().hash());
      assertThat(walk.narSize()).isEqualTo(tree.nar().size());
      assertThat(measure(top).narSize()).isEqualTo(tree.nar().size());
    }
  }

  @Test
  void hashesAnyTreeAsNixDoes() throws Exception {
    NixTool.require("nix-store");
    long seed = new Random().nextLong();
    Random random = new Random(seed);
    for (int i = 0; i < 25; i++) {
      Path top = directory.resolve("tree-" + i);
      FileTreeWriter.plain().write(top, RandomTrees.next(random, 4));

      byte[] dump = NixTool.run(directory, "nix-store", "--dump", top.toString()).stdout();

      byte[] sha256 = MessageDigest.getInstance("SHA-256").digest(dump);
      assertThat(walk(top).hash()).as("seed %d, tree %d", seed, i).contains(NarHash.of(sha256));
      assertThat(walk(top).narSize()).isEqualTo(dump.length);
    }
  }
}
