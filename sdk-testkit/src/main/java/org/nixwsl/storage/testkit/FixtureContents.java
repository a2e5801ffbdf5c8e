package org.nixwsl.storage.testkit;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.nixwsl.storage.testkit.FileTree.Directory;
import org.nixwsl.storage.testkit.FileTree.Regular;
import org.nixwsl.storage.testkit.FileTree.Symlink;

/** What the paths of a fixture hold. */
final class FixtureContents {
  private static final int GROUPS = 12;

  /** Packages in a group: each refers to the one before it, and all share a file. */
  static final int PACKAGES = 4;

  /** Nix from 2.28.7 refuses more than 64 levels. */
  private static final int DEPTH = 60;

  private final long seed;
  private final Random random;
  private final List<StorePath> paths = new ArrayList<>();

  /**
   * One path.
   *
   * @param references logical paths that come before it, or itself
   */
  record StorePath(String logicalPath, FileTree tree, List<String> references) {}

  FixtureContents(long seed) {
    this.seed = seed;
    this.random = new Random(seed);
    for (int group = 0; group < GROUPS; group++) {
      packages(group);
    }
    oddities();
  }

  List<StorePath> paths() {
    return List.copyOf(paths);
  }

  private void packages(int group) {
    Regular shared = new Regular(bytes(500 + random.nextInt(9000)), false);
    String before = "";
    for (int i = 0; i < PACKAGES; i++) {
      String name = "package-" + group + "-" + i + "-1.0";
      String path = StoreFixture.logicalPath(name, seed);
      Directory bin =
          Directory.empty()
              .with("run", new Regular(bytes(100 + random.nextInt(20000)), true))
              .with("link", new Symlink("run"));
      Directory share =
          Directory.empty()
              .with("shared.txt", shared)
              .with("empty", new Regular(new byte[0], false))
              .with("own.txt", Regular.text("belongs to " + path + "\n"));
      FileTree tree = Directory.empty().with("bin", bin).with("share", share);
      List<String> references = new ArrayList<>(List.of(path));
      if (!before.isEmpty()) {
        references.add(before);
      }
      paths.add(new StorePath(path, tree, references));
      before = path;
    }
  }

  private void oddities() {
    Directory names = Directory.empty();
    for (String name :
        List.of(
            "plain",
            "with space",
            "two\nlines",
            "latin1-\u00e9",
            "broken-\u00ff\u00fe\u0080",
            "utf8-\u00c3\u00a9",
            "surrogate-\u00ed\u00a0\u0080",
            "bmp-\u00ef\u00bf\u00bd",
            "astral-\u00f0\u009f\u0098\u0080",
            "percent%41",
            "question?hash#",
            "-rf",
            "...",
            "\u0001\u007f",
            "Case",
            "case",
            "ab.c",
            "ab-c",
            "ab0",
            "n".repeat(255))) {
      names = names.with(name, Regular.text(name.length() + "\n"));
    }
    names = names.with("ab", Directory.empty().with("z", Regular.text("1")));
    names = names.with("to-bytes-\u00ff", new Symlink("broken-\u00ff\u00fe\u0080"));
    add("odd-names-1.0", names);

    Directory links = Directory.empty();
    for (String target : List.of("/nowhere/at/all", "self", "../../..", "a\nb", "x".repeat(4000))) {
      links = links.with("to-" + links.entries().size(), new Symlink(target));
    }
    add("odd-links-1.0", links);

    Directory sizes = Directory.empty();
    for (int size : List.of(1, 7, 8, 9, 4095, 4096, 4097, 65535, 65536, 65537, 262144, 262145)) {
      sizes = sizes.with("size-" + size, new Regular(bytes(size), size % 2 == 0));
    }
    add("odd-sizes-1.0", sizes);

    FileTree deep = Regular.text("bottom\n");
    for (int i = 0; i < DEPTH; i++) {
      deep = Directory.empty().with("d" + i, deep);
    }
    add("odd-deep-1.0", deep);

    Directory many = Directory.empty();
    for (int i = 0; i < 200; i++) {
      many = many.with("empty-" + i, new Regular(new byte[0], i % 100 == 0));
    }
    add("odd-empty-1.0", many.with("directory", Directory.empty()));

    add("odd-file", Regular.text("a path that is a file\n"));
    add("odd-script", new Regular(new byte[] {'#', '!', '\n'}, true));
    add("odd-empty-file", new Regular(new byte[0], false));
    add("odd-empty-directory", Directory.empty());
    add("odd-symlink", new Symlink(paths.get(0).logicalPath()));
  }

  private void add(String name, FileTree tree) {
    paths.add(new StorePath(StoreFixture.logicalPath(name, seed), tree, List.of()));
  }

  private byte[] bytes(int size) {
    byte[] bytes = new byte[size];
    random.nextBytes(bytes);
    return bytes;
  }
}
