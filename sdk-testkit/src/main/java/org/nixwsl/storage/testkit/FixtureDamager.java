package org.nixwsl.storage.testkit;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;

/** Damages a fixture, each time in a path that is whole. */
final class FixtureDamager {
  private static final String PACKAGE = "-package-";

  /** Packages that share a file. */
  private static final int GROUP = FixtureContents.PACKAGES;

  private static final Set<PosixFilePermission> WRITABLE =
      PosixFilePermissions.fromString("rwxr-xr-x");

  private final StoreFixture fixture;
  private final Random random;
  private final List<String> whole;

  FixtureDamager(StoreFixture fixture, long seed) {
    this.fixture = fixture;
    this.random = new Random(~seed);
    // The packages are alike, so that each kind of damage finds what it needs in any of them.
    this.whole =
        new ArrayList<>(fixture.paths().stream().filter(p -> p.contains(PACKAGE)).toList());
    Collections.shuffle(whole, random);
  }

  DamageDone damage(Damage kind) throws IOException {
    return switch (kind) {
      case FLIP_BYTE -> rewrite(kind, "bin/run", this::flipped);
      case TRUNCATE -> rewrite(kind, "bin/run", b -> Arrays.copyOf(b, b.length / 2));
      case ZERO_FILE -> rewrite(kind, "bin/run", b -> new byte[0]);
      case ZERO_FILL -> rewrite(kind, "share/own.txt", b -> new byte[b.length]);
      case APPEND -> rewrite(kind, "share/own.txt", b -> Arrays.copyOf(b, b.length + 1));
      case FLIP_SHARED -> flipShared(kind);
      case EXECUTABLE_BIT, MODE, MODIFICATION_TIME -> metadata(kind);
      case SYMLINK_TARGET, DELETE_FILE, TYPE_CHANGE, RENAME_FILE -> replaceEntry(kind);
      case EXTRA_FILE, EXTRA_DIRECTORY, FIFO -> addEntry(kind);
      case DELETE_PATH -> deletePath(kind, p -> !leaf(p));
      case DELETE_LEAF -> deletePath(kind, FixtureDamager::leaf);
      case DELETE_ROW -> deleteRow(kind);
      case UNREGISTERED -> plant(kind);
      case DATABASE_HASH, DATABASE_NAR_SIZE, DATABASE_HASH_FORMAT -> changeRow(kind);
      case LINK_ENTRY -> changeLink(kind);
    };
  }

  private interface Change {
    byte[] of(byte[] contents);
  }

  private interface Act {
    void run() throws IOException;
  }

  /** The last package of a group: nothing refers to it. */
  private static boolean leaf(String path) {
    return path.endsWith("-3-1.0");
  }

  private String pick(Predicate<String> wanted) {
    String path =
        whole.stream()
            .filter(wanted)
            .findFirst()
            .orElseThrow(() -> new IllegalStateException("No path is left for that damage"));
    whole.remove(path);
    return path;
  }

  private static DamageDone done(Damage kind, String path) {
    return new DamageDone(kind, List.of(path), List.of());
  }

  private byte[] flipped(byte[] bytes) {
    byte[] result = bytes.clone();
    result[random.nextInt(result.length)] ^= (byte) (1 << random.nextInt(8));
    return result;
  }

  private DamageDone rewrite(Damage kind, String name, Change change) throws IOException {
    String path = pick(p -> true);
    Path file = fixture.physical(path).resolve(name);
    replaceInode(file, change.of(Files.readAllBytes(file)));
    return done(kind, path);
  }

  /** A new inode under the same name, so that files that shared the old one stay whole. */
  private void replaceInode(Path file, byte[] contents) throws IOException {
    boolean executable =
        Files.getPosixFilePermissions(file).contains(PosixFilePermission.OWNER_EXECUTE);
    changing(
        file,
        () -> {
          Path temporary = file.resolveSibling("damage.tmp");
          Files.write(temporary, contents);
          FileTreeWriter.canonical(temporary, executable);
          Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
        });
  }

  /** Opens a file's directory for a change and puts its metadata back after it. */
  private static void changing(Path file, Act act) throws IOException {
    Path directory = Objects.requireNonNull(file.getParent());
    Set<PosixFilePermission> mode = Files.getPosixFilePermissions(directory);
    FileTime time = Files.getLastModifiedTime(directory);
    Files.setPosixFilePermissions(directory, WRITABLE);
    act.run();
    Files.setPosixFilePermissions(directory, mode);
    FileTreeWriter.setTime(directory, time);
  }

  private DamageDone flipShared(Damage kind) throws IOException {
    String group = group(pick(p -> whole.stream().filter(q -> sameGroup(p, q)).count() == GROUP));
    List<String> hit = fixture.paths().stream().filter(p -> p.contains(group)).toList();
    whole.removeAll(hit);
    FileTree.Regular shared = (FileTree.Regular) fixture.tree(hit.get(0)).at("share", "shared.txt");
    Path file = fixture.physical(hit.get(0)).resolve("share/shared.txt");
    Files.setPosixFilePermissions(file, WRITABLE);
    Files.write(file, flipped(shared.contents()));
    FileTreeWriter.canonical(file, false);
    return Files.exists(links())
        ? new DamageDone(kind, hit, List.of(linkName(shared)))
        : new DamageDone(kind, hit.subList(0, 1), List.of());
  }

  private static boolean sameGroup(String one, String other) {
    return group(one).equals(group(other));
  }

  /** The part of a path that packages with the same shared file have in common. */
  private static String group(String path) {
    return path.substring(path.indexOf(PACKAGE), path.length() - "0-1.0".length());
  }

  private Path links() {
    return fixture.store().storeDirectory().resolve(".links");
  }

  private static String linkName(FileTree tree) {
    return tree.nar().hash().toBase32();
  }

  private DamageDone metadata(Damage kind) throws IOException {
    String path = pick(p -> true);
    Path file = fixture.physical(path).resolve("share/own.txt");
    replaceInode(file, Files.readAllBytes(file));
    if (kind == Damage.EXECUTABLE_BIT) {
      FileTreeWriter.canonical(file, true);
    } else if (kind == Damage.MODE) {
      Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r--r--"));
    } else {
      FileTreeWriter.setTime(file, FileTime.fromMillis(1_600_000_000_000L));
    }
    return done(kind, path);
  }

  private DamageDone replaceEntry(Damage kind) throws IOException {
    String path = pick(p -> true);
    Path top = fixture.physical(path);
    boolean symlink = kind == Damage.SYMLINK_TARGET;
    Path file = top.resolve(symlink ? "bin/link" : "share/own.txt");
    changing(
        file,
        () -> {
          if (kind == Damage.RENAME_FILE) {
            Files.move(file, file.resolveSibling("new.txt"));
            return;
          }
          Files.delete(file);
          if (kind != Damage.DELETE_FILE) {
            Files.createSymbolicLink(file, Path.of(symlink ? "run.moved.elsewhere" : "was-a-file"));
            FileTreeWriter.setTime(file, FileTime.fromMillis(1000));
          }
        });
    return done(kind, path);
  }

  private DamageDone addEntry(Damage kind) throws IOException {
    String path = pick(p -> true);
    Path file = fixture.physical(path).resolve("share/zz-extra");
    changing(
        file,
        () -> {
          switch (kind) {
            case EXTRA_FILE -> {
              Files.createFile(file);
              FileTreeWriter.canonical(file, false);
            }
            case EXTRA_DIRECTORY -> {
              Files.createDirectory(file);
              FileTreeWriter.canonical(file, true);
            }
            default -> makeFifo(file);
          }
        });
    return done(kind, path);
  }

  private static void makeFifo(Path file) {
    ProcessRunner processes = new ProcessRunner();
    Operation.quiet(
        "make a FIFO",
        operation -> processes.runOk(Command.of("mkfifo", file.toString()), operation));
  }

  private DamageDone deletePath(Damage kind, Predicate<String> wanted) throws IOException {
    String path = pick(wanted);
    deleteTree(fixture.physical(path));
    return done(kind, path);
  }

  private static void deleteTree(Path top) throws IOException {
    List<Path> all;
    try (Stream<Path> walk = Files.walk(top)) {
      all = walk.sorted(Comparator.reverseOrder()).toList();
    }
    for (Path file : all) {
      if (Files.isDirectory(file, LinkOption.NOFOLLOW_LINKS)) {
        Files.setPosixFilePermissions(file, WRITABLE);
      }
    }
    for (Path file : all) {
      Files.delete(file);
    }
  }

  private DamageDone deleteRow(Damage kind) {
    String path = pick(FixtureDamager::leaf);
    update("delete from ValidPaths where path = ?", path);
    return done(kind, path);
  }

  private DamageDone plant(Damage kind) throws IOException {
    String path = StoreFixture.logicalPath("planted-1.0", random.nextLong());
    FileTreeWriter.plain()
        .write(
            fixture.physical(path),
            FileTree.Directory.empty().with("half", FileTree.Regular.text("of a build\n")));
    return done(kind, path);
  }

  private DamageDone changeRow(Damage kind) {
    String path = pick(p -> true);
    FileTree.Nar nar = fixture.tree(path).nar();
    if (kind == Damage.DATABASE_NAR_SIZE) {
      update("update ValidPaths set narSize = ? where path = ?", nar.size() + 8, path);
    } else {
      String text =
          kind == Damage.DATABASE_HASH
              ? FileTree.Regular.text("another").nar().databaseText()
              : nar.hash().text();
      update("update ValidPaths set hash = ? where path = ?", text, path);
    }
    return done(kind, path);
  }

  private void update(String sql, Object... values) {
    try (FixtureDatabase database = FixtureDatabase.open(fixture.store().database())) {
      database.update(sql, values);
    }
  }

  /** The entry gets an inode of its own; the path keeps the one that they shared. */
  private DamageDone changeLink(Damage kind) throws IOException {
    String name = linkName(fixture.tree(pick(p -> true)).at("bin", "run"));
    Path entry = links().resolve(name);
    replaceInode(entry, flipped(Files.readAllBytes(entry)));
    return new DamageDone(kind, List.of(), List.of(name));
  }
}
