package org.nixwsl.storage.testkit;

import java.util.Random;
import org.nixwsl.storage.testkit.FileTree.Directory;
import org.nixwsl.storage.testkit.FileTree.Regular;
import org.nixwsl.storage.testkit.FileTree.Symlink;

/** Trees with any names, targets, types and sizes that a file system takes. */
final class RandomTrees {
  /** Around padding, the digest's batch and the walker's buffer. */
  private static final int[] SIZES = {
    0, 1, 7, 8, 9, 63, 64, 4096, 65335, 65336, 65536, 65537, 262143, 262144, 262145, 524288
  };

  private RandomTrees() {}

  static FileTree next(Random random, int depth) {
    int kind = random.nextInt(10);
    if (kind < 5 && depth > 0) {
      Directory directory = Directory.empty();
      for (int i = random.nextInt(8); i > 0; i--) {
        directory = directory.with(name(random), next(random, depth - 1));
      }
      return directory;
    }
    if (kind < 7) {
      return new Symlink(name(random));
    }
    byte[] contents =
        new byte[random.nextInt(4) == 0 ? SIZES[random.nextInt(SIZES.length)] : random.nextInt(99)];
    random.nextBytes(contents);
    return new Regular(contents, random.nextBoolean());
  }

  /** Bytes from 1 to 255 without the slash; half of the names plain, so that prefixes occur. */
  private static String name(Random random) {
    boolean plain = random.nextBoolean();
    StringBuilder name = new StringBuilder();
    for (int i = random.nextInt(plain ? 3 : 12); i >= 0; i--) {
      char c = plain ? "ab.-0~".charAt(random.nextInt(6)) : (char) (1 + random.nextInt(255));
      name.append(c == '/' ? 'x' : c);
    }
    String result = name.toString();
    return result.equals(".") || result.equals("..") ? "dots" : result;
  }
}
