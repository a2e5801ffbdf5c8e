package org.nixwsl.storage.testkit.copy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.store.NixStore;
import org.nixwsl.storage.testkit.nix.NixProgram;
import org.nixwsl.storage.testkit.nix.RealNixStore;

/**
 * A store on a root disk and the one that was made of it, which went apart. Nix makes, changes and
 * judges both.
 */
abstract class MergeFixture {
  static final String PREFIX = "/nix/store/";
  static final String PREMOVE = "gcroots/nix-storage-premove";

  @TempDir Path directory;
  LoopFileSystem rootDisk;
  LoopFileSystem disk;
  NixProgram nix;
  NixStore old;
  NixStore storage;

  /** What the old store had and Nix collected in the other one. */
  String onlyOld = "";

  String added = "";

  @BeforeEach
  void makeTwoStoresThatWentApart() throws Exception {
    assumeTrue(NixProgram.installed(), "skipped: nix-store is missing");
    rootDisk = LoopFileSystem.ext4(directory, 96L << 20);
    disk = LoopFileSystem.ext4(directory, 96L << 20);
    nix = NixProgram.in(Files.createDirectory(directory.resolve("work")));
    old = RealNixStore.make(nix, rootDisk.path(), 4, 21);
    Files.createDirectory(disk.path().resolve("instance"));
    storage = NixStore.ofRoot(disk.path().resolve("instance"));
    onlyOld = named(old, "package-2");
    alice(old, "before");
    CopyBench.copy(old, storage);

    // The seed of a running instance: what its hook pins, and a system that a switch brought there.
    link(old, PREMOVE, onlyOld);
    String seed = add(old, "a seed's own");
    link(old, "gcroots/nix-storage-current", seed);

    added = add(storage, "built since");
    link(storage, "gcroots/mine", added);
    link(storage, "gcroots/kept", named(storage, "package-3"));
    link(storage, PREMOVE, added);
    nix(storage, "nix-env", "--profile", profile(storage), "--set", PREFIX + added);
    nix(storage, "nix-env", "--profile", profile(storage), "--delete-generations", "1");
    Files.delete(storage.stateDirectory().resolve(PREMOVE));
    nix(storage, "nix-store", "--gc");
    link(storage, PREMOVE, added);
    alice(storage, "since");
    assertThat(paths(storage)).doesNotContainKey(PREFIX + onlyOld).containsKey(PREFIX + added);
  }

  @AfterEach
  void unmount() {
    for (LoopFileSystem mounted : new LoopFileSystem[] {disk, rootDisk}) {
      if (mounted != null) {
        mounted.close();
      }
    }
  }

  void drop() {
    Operation.quiet(
        "drop",
        operation -> {
          CopyBench.host().dropMerge(old, operation);
          return true;
        });
  }

  // --- What is expected

  void assertMerged(Map<String, String> before, Set<String> references) throws Exception {
    NixProgram.Opinion opinion = nix.verify(old);
    assertThat(opinion.healthy()).as(opinion.output()).isTrue();
    Map<String, String> expected = new TreeMap<>(before);
    expected.putAll(paths(storage));
    assertThat(paths(old)).isEqualTo(expected);
    Set<String> all = new TreeSet<>(references);
    all.addAll(references(storage));
    assertThat(references(old)).isEqualTo(all);
    for (String path : expected.keySet()) {
      nix(old, "nix-store", "--check-validity", path);
    }
    SortedMap<String, String> profiles = state(storage, "profiles");
    assertThat(state(old, "profiles")).isEqualTo(profiles);
    SortedMap<String, String> roots = state(old, "gcroots");
    for (String hooks : List.of("nix-storage-premove", "nix-storage-current")) {
      assertThat(roots.remove(hooks)).as(hooks).isNotNull();
    }
    SortedMap<String, String> others = state(storage, "gcroots");
    others.remove("nix-storage-premove");
    assertThat(roots).isEqualTo(others);
    assertThat(Files.readSymbolicLink(old.stateDirectory().resolve(PREMOVE)))
        .hasToString(PREFIX + onlyOld);
    // A collection keeps what the roots of the two keep.
    nix(old, "nix-store", "--gc", "--print-dead")
        .lines()
        .forEach(dead -> assertThat(dead).doesNotContain(onlyOld).doesNotContain(added));
    assertThat(old.directory().resolve(".nixwsl-copy")).doesNotExist();
    assertThat(directory.resolve("outside/file")).doesNotExist();
    try (Stream<Path> names = Files.list(old.storeDirectory())) {
      assertThat(names.map(Path::getFileName)).noneMatch(n -> n.toString().startsWith(".migr"));
    }
  }

  /** Without directories' times and the locks of profiles. */
  static SortedMap<String, String> state(NixStore store, String part) throws IOException {
    SortedMap<String, String> lines = new TreeMap<>();
    Path top = store.stateDirectory().resolve(part);
    try (Stream<Path> names = Files.walk(top)) {
      for (Path name : (Iterable<Path>) names::iterator) {
        if (!Files.isDirectory(name, LinkOption.NOFOLLOW_LINKS)
            && !name.toString().endsWith(".lock")) {
          lines.put(
              top.relativize(name).toString(),
              Files.isSymbolicLink(name)
                  ? Files.readSymbolicLink(name)
                      + " "
                      + Files.getLastModifiedTime(name, LinkOption.NOFOLLOW_LINKS)
                  : Files.readString(name));
        }
      }
    }
    return lines;
  }

  /** Asked of SQLite itself, by path. */
  static Map<String, String> paths(NixStore store) throws SQLException {
    Map<String, String> paths = new TreeMap<>();
    for (String row :
        rows(store, "select path || ' ' || hash || ' ' || narSize || ' ' || ifnull(deriver, '')")) {
      int space = row.indexOf(' ');
      paths.put(row.substring(0, space), row.substring(space));
    }
    return paths;
  }

  static Set<String> references(NixStore store) throws SQLException {
    Set<String> all =
        new TreeSet<>(
            query(
                store,
                "select p.path || ' ' || q.path from Refs join ValidPaths p on p.id = referrer"
                    + " join ValidPaths q on q.id = reference"));
    all.addAll(
        query(
            store,
            "select p.path || ' ' || d.id || ' ' || d.path from DerivationOutputs d"
                + " join ValidPaths p on p.id = d.drv"));
    return all;
  }

  static List<String> rows(NixStore store, String select) throws SQLException {
    return query(store, select + " from ValidPaths");
  }

  static List<String> query(NixStore store, String sql) throws SQLException {
    List<String> lines = new ArrayList<>();
    try (var connection = DriverManager.getConnection("jdbc:sqlite:" + store.database());
        var statement = connection.createStatement();
        var rows = statement.executeQuery(sql)) {
      while (rows.next()) {
        lines.add(rows.getString(1));
      }
    }
    return lines;
  }

  static void change(NixStore store, String sql) throws SQLException {
    try (var connection = DriverManager.getConnection("jdbc:sqlite:" + store.database());
        var statement = connection.createStatement()) {
      statement.executeUpdate(sql);
    }
  }

  static String narHash(Path tree) {
    return "sha256:" + nixHash(List.of(tree.toString()));
  }

  /** Asked of Nix. */
  static String nixHash(List<String> arguments) {
    List<String> words = new ArrayList<>(List.of("nix-hash", "--type", "sha256"));
    words.addAll(arguments);
    Command command = Command.of(words);
    ProcessRunner.Result result =
        Operation.quiet("hash", operation -> new ProcessRunner().run(command, operation));
    assertThat(result.exitCode()).as("%s: %s", words, result.allText()).isZero();
    return result.text().strip();
  }

  static String leadsTo(String profile) throws IOException {
    Path path = Path.of(profile);
    for (int i = 0; i < 8 && !path.startsWith("/nix/store"); i++) {
      path = path.resolveSibling(Files.readSymbolicLink(path));
    }
    return path.toString();
  }

  // --- What is done to the stores

  /** A user's profiles; in one store a symlink is where the other has a directory. */
  void alice(NixStore store, String word) throws IOException {
    Path alice = Files.createDirectories(store.stateDirectory().resolve("profiles/per-user/alice"));
    Path trap = alice.resolve("trap");
    if (store.equals(old)) {
      Files.createSymbolicLink(trap, Files.createDirectory(directory.resolve("outside")));
    } else {
      Files.delete(trap);
      Files.writeString(Files.createDirectory(trap).resolve("file"), word);
    }
    Files.deleteIfExists(alice.resolve("profile"));
    Files.createSymbolicLink(alice.resolve("profile"), Path.of("/nix/store", word));
    Files.setPosixFilePermissions(alice, PosixFilePermissions.fromString("rwxr-xr-x"));
    Files.setAttribute(alice, "unix:uid", 1000);
  }

  /** One byte of a file changes, and nothing else. */
  static Path rot(Path tree) throws IOException {
    Path file = tree.resolve("share/doc/file-0");
    byte[] bytes = Files.readAllBytes(file);
    bytes[bytes.length / 2] ^= 1;
    Path own = file.resolveSibling("rotten");
    Files.setPosixFilePermissions(file.getParent(), PosixFilePermissions.fromString("rwxr-xr-x"));
    Files.write(own, bytes);
    Files.setPosixFilePermissions(own, PosixFilePermissions.fromString("r--r--r--"));
    Files.move(own, file, StandardCopyOption.ATOMIC_MOVE);
    Files.setPosixFilePermissions(file.getParent(), PosixFilePermissions.fromString("r-xr-xr-x"));
    return file;
  }

  String add(NixStore store, String text) throws IOException {
    Path file = Files.writeString(directory.resolve("file-" + text.hashCode()), text.repeat(3000));
    String path = nix(store, "nix-store", "--add", file.toString()).strip();
    return path.substring(path.lastIndexOf('/') + 1);
  }

  static void link(NixStore store, String name, String to) throws IOException {
    Files.createSymbolicLink(store.stateDirectory().resolve(name), Path.of(PREFIX + to));
  }

  static String profile(NixStore store) {
    return store.stateDirectory().resolve("profiles/demo").toString();
  }

  String nix(NixStore store, String... command) {
    Path root = store.directory().getParent();
    ProcessRunner.Result result = nix.onRoot(Objects.requireNonNull(root), List.of(command));
    assertThat(result.exitCode()).as("%s: %s", List.of(command), result.allText()).isZero();
    return result.text();
  }

  static String named(NixStore store, String name) throws IOException {
    Set<String> found = new HashSet<>();
    try (Stream<Path> names = Files.list(store.storeDirectory())) {
      names
          .map(path -> path.getFileName().toString())
          .filter(path -> path.endsWith("-" + name))
          .forEach(found::add);
    }
    assertThat(found).hasSize(1);
    return found.iterator().next();
  }
}
