package org.nixwsl.storage.testkit.copy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.error.ErrorCode;
import org.nixwsl.storage.error.StorageSdkException;
import org.nixwsl.storage.linux.store.NixLock;
import org.nixwsl.storage.linux.store.NixLocks;
import org.nixwsl.storage.store.CopyReport;
import org.nixwsl.storage.store.NixStore;
import org.nixwsl.storage.testkit.copy.KilledMerge.Moment;
import org.nixwsl.storage.testkit.nix.NixProgram;
import org.nixwsl.storage.testkit.nix.RealNixStore;

/**
 * What went on in a copy comes back into the store that it was made of, which stays a store. Nix
 * made, changes and judges both.
 */
@Tag("once")
class MergeTest {
  private static final String PREFIX = "/nix/store/";
  private static final String PREMOVE = "gcroots/nix-storage-premove";

  @TempDir Path directory;
  private LoopFileSystem rootDisk;
  private LoopFileSystem disk;
  private NixProgram nix;
  private NixStore old;
  private NixStore storage;

  /** What the old store had and Nix collected in the other one. */
  private String onlyOld = "";

  private String added = "";

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

  @Test
  void theOldStoreGetsAllThatTheOtherHasAndKeepsWhatOnlyItHas() throws Exception {
    Map<String, String> before = paths(old);
    Set<String> references = references(old);
    SortedMap<String, String> untouched = TreeListing.of(storage.directory(), name -> true);
    Path kept = old.storeDirectory().resolve(named(old, "package-3"));
    Object inode = Files.getAttribute(kept, "unix:ino");
    Path lost = rot(old.storeDirectory().resolve(named(old, "package-1")));

    CopyReport report = KilledMerge.merge(storage, old, Moment.NEVER);

    assertThat(report.findings()).isEmpty();
    SortedMap<String, String> read = TreeListing.of(storage.directory(), name -> true);
    // Where SQLite makes and removes files of its own.
    untouched.remove("var/nix/db");
    read.remove("var/nix/db");
    assertThat(read).isEqualTo(untouched);
    assertMerged(before, references);
    assertThat(Files.getAttribute(kept, "unix:ino")).as("not copied again").isEqualTo(inode);
    assertThat(lost)
        .as("what had rotted")
        .hasSameBinaryContentAs(storage.directory().resolve(old.directory().relativize(lost)));
    Set<String> brought = new TreeSet<>(paths(storage).keySet());
    brought.removeAll(before.keySet());
    assertThat(report.paths()).as("brought, and one mended").isEqualTo(brought.size() + 1);
    assertThat(report.notes()).anyMatch(note -> note.contains(".nixwsl/trash/nix-1"));

    assertThat(KilledMerge.merge(storage, old, Moment.NEVER).paths()).isZero();
    assertMerged(before, references);
  }

  @Test
  void aKillLeavesAStoreAndTheNextCallComesToTheSameEnd() throws Exception {
    killedAt(Moment.DATABASE);
  }

  @Tag("long")
  @ParameterizedTest
  @EnumSource(
      value = Moment.class,
      names = {"PATHS", "PROFILE", "STATE", "PROOF"})
  void soDoesAKillAtAnyOtherMoment(Moment moment) throws Exception {
    killedAt(moment);
  }

  private void killedAt(Moment moment) throws Exception {
    Map<String, String> before = paths(old);
    Set<String> references = references(old);
    String system = Files.readSymbolicLink(Path.of(profile(old))).toString();

    assertThat(mergeAndDie(moment)).isEqualTo(KilledCopy.KILLED);

    if (moment == Moment.PATHS) {
      assertThat(paths(old)).isEqualTo(before);
    } else {
      assertThat(paths(old).keySet()).containsAll(paths(storage).keySet());
    }
    assertThat(paths(old)).containsAllEntriesOf(before);
    assertThat(nix.verify(old).healthy()).as(nix.verify(old).output()).isTrue();
    if (moment == Moment.PATHS || moment == Moment.DATABASE) {
      assertThat(Files.readSymbolicLink(Path.of(profile(old)))).hasToString(system);
    }
    assertThat(paths(old)).as("what the profile leads to").containsKey(leadsTo(profile(old)));
    CopyReport report = KilledMerge.merge(storage, old, Moment.NEVER);
    assertMerged(before, references);
    assertThat(report.paths()).as("also by the call before").isPositive();
  }

  @Tag("long")
  @Test
  void aMergeThatIsGivenUpLeavesTheOldStoreAsItWas() throws Exception {
    SortedMap<String, String> before = TreeListing.of(old.directory(), name -> true);
    assertThat(mergeAndDie(Moment.PATHS)).isEqualTo(KilledCopy.KILLED);
    drop();
    SortedMap<String, String> after = TreeListing.of(old.directory(), name -> true);
    // The time of the directory tells that names came and went.
    before.remove("store");
    after.remove("store");
    assertThat(after).isEqualTo(before);
  }

  @Test
  void aStateDirectoryThatTheGroupMayWriteToKeepsItsDatabase() throws Exception {
    Map<String, String> before = paths(old);
    Set<String> references = references(old);
    Files.setPosixFilePermissions(
        old.stateDirectory(), PosixFilePermissions.fromString("rwxrwxr-x"));
    Files.deleteIfExists(old.database().resolveSibling("big-lock"));
    CopyReport report = KilledMerge.merge(storage, old, Moment.NEVER);
    assertMerged(before, references);
    assertThat(report.notes()).as("Nix was not kept out").anyMatch(n -> n.contains("big-lock"));
  }

  @Tag("long")
  @Test
  void aCallThatGoesOnNeedsNoRoomForWhatTheOneBeforeBrought() throws Exception {
    byte[] large = new byte[30 << 20];
    new Random(5).nextBytes(large);
    Path file = Files.write(directory.resolve("large"), large);
    nix(storage, "nix-store", "--add", file.toString());
    Path filler = rootDisk.path().resolve("filler");
    long free = Files.getFileStore(rootDisk.path()).getUsableSpace() - (56L << 20);
    LoopFileSystem.run("fallocate", "-l", Long.toString(free), filler.toString());
    Map<String, String> before = paths(old);
    Set<String> references = references(old);
    assertThat(mergeAndDie(Moment.PATHS)).isEqualTo(KilledCopy.KILLED);
    KilledMerge.merge(storage, old, Moment.NEVER);
    Files.delete(filler);
    assertMerged(before, references);
  }

  @Tag("long")
  @Test
  void whatTheOldStoreBuiltItselfMeanwhileIsNotTakenForWhatWasBrought() throws Exception {
    Set<String> references = references(old);
    assertThat(mergeAndDie(Moment.PATHS)).isEqualTo(KilledCopy.KILLED);
    Path there = old.storeDirectory().resolve(added);
    byte[] bytes = Files.readAllBytes(there);
    bytes[bytes.length / 2] ^= 1;
    Files.delete(there);
    Files.write(there, bytes);
    Files.setPosixFilePermissions(there, PosixFilePermissions.fromString("r--r--r--"));
    change(
        old,
        "insert into ValidPaths(path, hash, registrationTime, narSize) values ('"
            + (PREFIX + added)
            + "', '"
            + narHash(there)
            + "', 1, "
            + query(storage, "select narSize from ValidPaths where path like '%" + added + "'")
                .get(0)
            + ")");
    Map<String, String> before = paths(old);
    assertThat(nix.verify(old).healthy()).isTrue();

    KilledMerge.merge(storage, old, Moment.NEVER);

    assertMerged(before, references);
    assertThat(there).hasSameBinaryContentAs(storage.storeDirectory().resolve(added));
  }

  @Test
  void whatGaveWayComesBackWhenAMergeIsGivenUpBeforeTheDatabaseChanged() throws Exception {
    String both = named(old, "package-3");
    Path rebuilt = old.storeDirectory().resolve(both);
    byte[] bytes = Files.readAllBytes(rot(rebuilt));
    change(
        old,
        "update ValidPaths set hash = '"
            + narHash(rebuilt)
            + "' where path = '"
            + (PREFIX + both)
            + "'");
    Map<String, String> before = paths(old);
    assertThat(nix.verify(old).healthy()).isTrue();

    assertThat(mergeAndDie(Moment.PROFILE, "store/" + both)).isEqualTo(KilledCopy.KILLED);
    assertThat(paths(old)).as("the database comes after that").isEqualTo(before);
    drop();

    assertThat(rebuilt.resolve("share/doc/file-0")).hasBinaryContent(bytes);
    assertThat(nix.verify(old).healthy()).as(nix.verify(old).output()).isTrue();
    assertThat(paths(old)).isEqualTo(before);
  }

  @Tag("long")
  @Test
  void aRowWithoutAHashThatBothHaveIsNotLacking() throws Exception {
    String both = named(old, "package-3");
    long before = lacking();
    for (NixStore store : List.of(old, storage)) {
      change(
          store, "update ValidPaths set hash = 'unknown' where path = '" + (PREFIX + both) + "'");
    }
    assertThat(lacking()).isEqualTo(before);
    change(old, "update ValidPaths set narSize = 5 where path = '" + (PREFIX + both) + "'");
    assertThat(lacking()).isEqualTo(before + 1);
  }

  private long lacking() {
    return Operation.quiet(
        "look", operation -> CopyBench.host().lacking(storage, old, operation).paths());
  }

  @Tag("long")
  @Test
  void aFileWithAllTheLinksThatItCanHaveGetsNoNameInLinks() throws Exception {
    String name = "0".repeat(32) + "-many";
    Path tree = Files.createDirectory(storage.storeDirectory().resolve(name));
    Path first = Files.writeString(tree.resolve("0"), "many");
    Files.setPosixFilePermissions(first, PosixFilePermissions.fromString("r--r--r--"));
    Files.setLastModifiedTime(first, FileTime.fromMillis(1000));
    String inLinks = nixHash(List.of("--base32", first.toString()));
    Path links = storage.storeDirectory().resolve(".links");
    if (!Files.exists(links)) {
      Files.createDirectory(links);
    }
    Files.createLink(links.resolve(inLinks), first);
    for (int i = 1; i < 64_999; i++) {
      Files.createLink(tree.resolve(Integer.toString(i)), first);
    }
    Files.setPosixFilePermissions(tree, PosixFilePermissions.fromString("r-xr-xr-x"));
    Files.setLastModifiedTime(tree, FileTime.fromMillis(1000));
    change(
        storage,
        "insert into ValidPaths(path, hash, registrationTime, narSize) values ('"
            + (PREFIX + name)
            + "', '"
            + narHash(tree)
            + "', 1, 0)");
    KilledMerge.merge(storage, old, Moment.NEVER);
    assertThat(paths(old)).containsKey(PREFIX + name);
    assertThat(nix.verify(old).healthy()).isTrue();
    assertThat(old.storeDirectory().resolve(".links").resolve(inLinks)).doesNotExist();
  }

  @Test
  void whatIsDamagedOnTheStorageTakesNoPlaceInTheOldStore() throws Exception {
    String both = named(old, "package-1");
    Path rotten = rot(old.storeDirectory().resolve(both));
    byte[] bytes = Files.readAllBytes(rotten);
    Path other = storage.storeDirectory().resolve(both).resolve("share/doc/file-1");
    rot(storage.storeDirectory().resolve(both));
    Files.delete(other);
    Map<String, String> before = paths(old);

    refused(ErrorCode.SOURCE_DAMAGED);

    assertThat(rotten).hasBinaryContent(bytes);
    assertThat(old.storeDirectory().resolve(both).resolve("share/doc/file-1")).exists();
    assertThat(paths(old)).isEqualTo(before);
    assertThat(state(old, "gcroots")).doesNotContainKey("mine");
  }

  @Test
  void nothingIsBegunWhereThereIsNoRoomOrNixWorksOrOthersCanExchangeTheDatabaseOrItIsGone()
      throws Exception {
    SortedMap<String, String> before = TreeListing.of(old.directory(), name -> true);
    Path filler = rootDisk.path().resolve("filler");
    long free = Files.getFileStore(rootDisk.path()).getUsableSpace() - (4 << 20);
    LoopFileSystem.run("fallocate", "-l", Long.toString(free), filler.toString());
    refused(ErrorCode.NO_SPACE);
    Files.delete(filler);
    try (NixLock nixAtWork =
        Operation.quiet(
            "lock",
            operation -> new NixLocks(new ProcessRunner()).bigLockExclusive(old, operation))) {
      assertThat(nixAtWork.held()).isTrue();
      refused(ErrorCode.STORE_IN_USE);
    }
    assertThat(TreeListing.of(old.directory(), name -> true)).isEqualTo(before);
    Path state = old.stateDirectory();
    Files.setPosixFilePermissions(state, PosixFilePermissions.fromString("rwxrwxr-x"));
    Files.setAttribute(state, "unix:gid", 1000);
    refused(ErrorCode.UNSUITABLE_FILE_SYSTEM);
    assertThat(old.directory().resolve(".nixwsl-copy")).doesNotExist();
    Files.setAttribute(state, "unix:gid", 0);
    Path away = rootDisk.path().resolve("away.sqlite");
    Files.move(old.database(), away);
    refused(ErrorCode.NOT_A_STORE);
    Files.move(away, old.database());
  }

  private void drop() {
    Operation.quiet(
        "drop",
        operation -> {
          CopyBench.host().dropMerge(old, operation);
          return true;
        });
  }

  private void refused(ErrorCode code) {
    assertThatThrownBy(() -> KilledMerge.merge(storage, old, Moment.NEVER))
        .isInstanceOfSatisfying(
            StorageSdkException.class, e -> assertThat(e.code()).isEqualTo(code));
  }

  // --- What is expected

  private void assertMerged(Map<String, String> before, Set<String> references) throws Exception {
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
  private static SortedMap<String, String> state(NixStore store, String part) throws IOException {
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
  private static Map<String, String> paths(NixStore store) throws SQLException {
    Map<String, String> paths = new TreeMap<>();
    for (String row :
        rows(store, "select path || ' ' || hash || ' ' || narSize || ' ' || ifnull(deriver, '')")) {
      int space = row.indexOf(' ');
      paths.put(row.substring(0, space), row.substring(space));
    }
    return paths;
  }

  private static Set<String> references(NixStore store) throws SQLException {
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

  private static List<String> rows(NixStore store, String select) throws SQLException {
    return query(store, select + " from ValidPaths");
  }

  private static List<String> query(NixStore store, String sql) throws SQLException {
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

  private static void change(NixStore store, String sql) throws SQLException {
    try (var connection = DriverManager.getConnection("jdbc:sqlite:" + store.database());
        var statement = connection.createStatement()) {
      statement.executeUpdate(sql);
    }
  }

  private static String narHash(Path tree) {
    return "sha256:" + nixHash(List.of(tree.toString()));
  }

  /** Asked of Nix. */
  private static String nixHash(List<String> arguments) {
    List<String> words = new ArrayList<>(List.of("nix-hash", "--type", "sha256"));
    words.addAll(arguments);
    Command command = Command.of(words);
    ProcessRunner.Result result =
        Operation.quiet("hash", operation -> new ProcessRunner().run(command, operation));
    assertThat(result.exitCode()).as("%s: %s", words, result.allText()).isZero();
    return result.text().strip();
  }

  private static String leadsTo(String profile) throws IOException {
    Path path = Path.of(profile);
    for (int i = 0; i < 8 && !path.startsWith("/nix/store"); i++) {
      path = path.resolveSibling(Files.readSymbolicLink(path));
    }
    return path.toString();
  }

  // --- What is done to the stores

  /** A user's profiles; in one store a symlink is where the other has a directory. */
  private void alice(NixStore store, String word) throws IOException {
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
  private static Path rot(Path tree) throws IOException {
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

  private String add(NixStore store, String text) throws IOException {
    Path file = Files.writeString(directory.resolve("file-" + text.hashCode()), text.repeat(3000));
    String path = nix(store, "nix-store", "--add", file.toString()).strip();
    return path.substring(path.lastIndexOf('/') + 1);
  }

  private static void link(NixStore store, String name, String to) throws IOException {
    Files.createSymbolicLink(store.stateDirectory().resolve(name), Path.of(PREFIX + to));
  }

  private static String profile(NixStore store) {
    return store.stateDirectory().resolve("profiles/demo").toString();
  }

  private String nix(NixStore store, String... command) {
    Path root = store.directory().getParent();
    ProcessRunner.Result result = nix.onRoot(Objects.requireNonNull(root), List.of(command));
    assertThat(result.exitCode()).as("%s: %s", List.of(command), result.allText()).isZero();
    return result.text();
  }

  private static String named(NixStore store, String name) throws IOException {
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

  private int mergeAndDie(Moment moment) {
    return mergeAndDie(moment, "var/nix/profiles/demo");
  }

  private int mergeAndDie(Moment moment, String watched) {
    return Operation.quiet(
        "merge and die",
        operation ->
            new ProcessRunner()
                .run(
                    Command.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        KilledMerge.class.getName(),
                        storage.directory().toString(),
                        old.directory().toString(),
                        watched,
                        moment.name()),
                    operation)
                .exitCode());
  }
}
