package org.nixwsl.storage.linux.copy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributeView;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.AnnotatedElementContext;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.io.TempDirFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.linux.copy.held.ChangedException;
import org.nixwsl.storage.linux.copy.held.Checkpoint;
import org.nixwsl.storage.linux.copy.tree.NodeMaker;

/** State that its owner exchanges while it is copied, at each step that the copier makes. */
@Tag("once")
class StateCopierTest {
  private static final String SECRET = "root's own";
  private static final Set<PosixFilePermission> CLOSED =
      PosixFilePermissions.fromString("rw-------");
  private static final Duration LIMIT = Duration.ofMinutes(2);

  @TempDir(factory = InMemory.class)
  Path directory;

  private Path outside;
  private Path source = Path.of("");
  private Path users = Path.of("");
  private int run;

  @BeforeEach
  void makeOutside() throws IOException {
    outside = Files.createDirectory(directory.resolve("outside"));
    Files.writeString(outside.resolve("manifest"), SECRET);
    Files.createSymbolicLink(outside.resolve("link"), Path.of("to", SECRET));
    Files.createDirectory(outside.resolve("below"));
    Files.writeString(outside.resolve("below/notes"), SECRET);
    Files.writeString(outside.resolve("only-outside"), SECRET);
    for (String file : List.of("manifest", "below/notes", "only-outside")) {
      Files.setPosixFilePermissions(outside.resolve(file), CLOSED);
    }
    shell("mkfifo", outside.resolve("fifo").toString());
  }

  /** Thousands of small trees: most disks take a while for them. */
  static final class InMemory implements TempDirFactory {
    @Override
    public Path createTempDirectory(AnnotatedElementContext element, ExtensionContext extension)
        throws IOException {
      Path memory = Path.of("/dev/shm");
      return Files.isWritable(memory)
          ? Files.createTempDirectory(memory, "nixwsl-")
          : Files.createTempDirectory("nixwsl-");
    }
  }

  /** What a user puts in the place of something that is theirs. */
  private enum Swap {
    DIRECTORY_TO_SYMLINK("alice"),
    DIRECTORY_BELOW_TO_SYMLINK("alice/below"),
    DIRECTORY_TO_FIFO("alice/below"),
    FILE_TO_SYMLINK("alice/manifest"),
    FILE_TO_HARD_LINK("alice/manifest"),
    FILE_TO_FIFO("alice/manifest"),
    SYMLINK_TO_HARD_LINK("alice/link"),
    NOTHING("alice/below/notes");

    private final String place;

    Swap(String place) {
      this.place = place;
    }

    private void put(Path there, Path outside) throws IOException {
      switch (this) {
        case DIRECTORY_TO_SYMLINK -> Files.createSymbolicLink(there, outside);
        case DIRECTORY_BELOW_TO_SYMLINK ->
            Files.createSymbolicLink(there, outside.resolve("below"));
        case FILE_TO_SYMLINK -> Files.createSymbolicLink(there, outside.resolve("manifest"));
        case FILE_TO_HARD_LINK -> Files.createLink(there, outside.resolve("manifest"));
        case SYMLINK_TO_HARD_LINK -> Files.createLink(there, outside.resolve("only-outside"));
        case DIRECTORY_TO_FIFO, FILE_TO_FIFO -> Files.createLink(there, outside.resolve("fifo"));
        case NOTHING -> {}
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Swap.class)
  void copiesNothingFromBehindWhatIsPutInAPlaceAtAnyStep(Swap swap) {
    // For good, and only until the next step: then the look before and the one after are equal.
    assertTimeoutPreemptively(
        LIMIT,
        () -> {
          assertThat(atEachStep(swap, Integer.MAX_VALUE)).isGreaterThan(20);
          assertThat(atEachStep(swap, 1)).isGreaterThan(20);
        });
  }

  @Test
  void copiesTimesToTheNanosecondAndBefore1970() throws IOException {
    makeSource();
    Map<String, String> stamps =
        Map.of(
            "@1767323045.123456789", "2026-01-02T03:04:05.123456789Z",
            "@-1.749999999", "1969-12-31T23:59:58.250000001Z");
    for (Map.Entry<String, String> stamp : stamps.entrySet()) {
      shell("touch", "-h", "-d", stamp.getKey(), users.resolve("alice/link").toString());
      Path target = Files.createDirectory(directory.resolve("target" + run++));
      copy(target, () -> {});
      assertThat(
              Files.getLastModifiedTime(
                  target.resolve("var/nix/profiles/per-user/alice/link"),
                  LinkOption.NOFOLLOW_LINKS))
          .isEqualTo(FileTime.from(Instant.parse(stamp.getValue())));
    }
  }

  @Test
  void leavesOutWhatLiesDeeperThanItGoes() throws IOException {
    makeSource();
    Path deep = users.resolve("alice");
    for (int i = 0; i < 120; i++) {
      deep = Files.createDirectory(deep.resolve("d"));
    }
    Path target = Files.createDirectory(directory.resolve("target"));
    CopyLedger ledger = copy(target, () -> {});
    assertThat(ledger.notes()).singleElement().asString().contains("deeper than 100");
    assertThat(target.resolve("var/nix/profiles/per-user/alice/manifest")).hasContent("alice's");
  }

  /**
   * Copies once for each step, with the exchange at that step.
   *
   * @param steps after so many more it is undone
   * @return how many steps a copy has
   */
  private int atEachStep(Swap swap, int steps) throws IOException {
    for (int at = 0; ; at++) {
      makeSource();
      Path target = Files.createDirectory(directory.resolve("target" + run++));
      Swapper swapper = new Swapper(swap, at, steps);
      boolean failed = false;
      try {
        copy(target, swapper);
      } catch (ChangedException noticed) {
        failed = true;
      }
      assertThat(carriesAway(target, swap)).as(swap + " at step " + at).isEmpty();
      if (swapper.passed <= at) {
        assertThat(failed).as("nothing changed").isFalse();
        return at;
      }
    }
  }

  private final class Swapper implements Checkpoint {
    private final Swap swap;
    private final Path place;
    private final Path aside;
    private final int at;
    private final int steps;
    private int passed;

    Swapper(Swap swap, int at, int steps) {
      this.swap = swap;
      this.at = at;
      this.steps = steps;
      this.place = users.resolve(swap.place);
      this.aside = users.resolveSibling("aside");
    }

    @Override
    public void pass() {
      int now = passed++;
      try {
        if (now == at) {
          Files.move(place, aside);
          swap.put(place, outside);
        } else if (now - at == steps) {
          Files.deleteIfExists(place);
          Files.move(aside, place);
        }
      } catch (IOException e) {
        throw new AssertionError(e);
      }
    }
  }

  private void makeSource() throws IOException {
    source = Files.createDirectory(directory.resolve("source" + run++));
    Files.createDirectories(source.resolve("var/nix/db"));
    Files.createDirectories(source.resolve("var/nix/gcroots/auto"));
    users = Files.createDirectories(source.resolve("var/nix/profiles/per-user"));
    Path alice = Files.createDirectory(users.resolve("alice"));
    Files.writeString(alice.resolve("manifest"), "alice's");
    Files.createSymbolicLink(alice.resolve("link"), Path.of("profile-1-link"));
    // Whole microseconds, which need no program to be set.
    Files.getFileAttributeView(
            alice.resolve("link"), BasicFileAttributeView.class, LinkOption.NOFOLLOW_LINKS)
        .setTimes(FileTime.fromMillis(1), null, null);
    Path below = Files.createDirectory(alice.resolve("below"));
    Files.writeString(below.resolve("notes"), "alice's");
    for (Path open : List.of(users, alice, below)) {
      // As good as another owner, and needs no root.
      Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxrwxrwx"));
    }
  }

  /** A boot makes the links of the running system anew, and switches nothing by that. */
  @Test
  void aLinkIntoRunThatIsMadeAnewIsTheSameRootAndAnyOtherIsNot() throws IOException {
    source = Files.createDirectory(directory.resolve("source"));
    Path roots = Files.createDirectories(source.resolve("var/nix/gcroots"));
    Path running = roots.resolve("current-system");
    Path kept = roots.resolve("kept");
    remake(running, "/run/current-system", 1);
    remake(kept, "/nix/store/a", 1);
    Set<String> before = StateCopier.profilesAndRoots(source, () -> {});
    remake(running, "/run/current-system", 2);
    assertThat(StateCopier.profilesAndRoots(source, () -> {})).isEqualTo(before);
    remake(running, "/run/booted-system", 2);
    assertThat(StateCopier.profilesAndRoots(source, () -> {})).isNotEqualTo(before);
    remake(running, "/run/current-system", 3);
    remake(kept, "/nix/store/a", 2);
    assertThat(StateCopier.profilesAndRoots(source, () -> {})).isNotEqualTo(before);
  }

  private static void remake(Path link, String to, long millis) throws IOException {
    Files.deleteIfExists(link);
    Files.createSymbolicLink(link, Path.of(to));
    Files.getFileAttributeView(link, BasicFileAttributeView.class, LinkOption.NOFOLLOW_LINKS)
        .setTimes(FileTime.fromMillis(millis), null, null);
  }

  private CopyLedger copy(Path target, Checkpoint checkpoint) throws IOException {
    NodeMaker nodes = NodeMaker.probing(directory);
    return throwing(
        operation -> {
          CopyLedger ledger = new CopyLedger(operation);
          StateCopier copier =
              new StateCopier(
                  source, target, nodes, ledger, new ProcessRunner(), operation, checkpoint);
          copier.copy();
          copier.profilesAndRoots();
          return ledger;
        });
  }

  /** An operation makes errors of the SDK of all others; here the others matter. */
  private static <T> T throwing(Operation.Body<T> body) throws IOException {
    List<IOException> thrown = new ArrayList<>();
    List<T> results = new ArrayList<>();
    Operation.quiet(
        "copy",
        operation -> {
          try {
            results.add(body.run(operation));
          } catch (IOException e) {
            thrown.add(e);
          }
          return true;
        });
    if (!thrown.isEmpty()) {
      throw thrown.get(0);
    }
    return results.get(0);
  }

  /**
   * Everything in a target that can only come from outside of the source. A hard link is in the
   * source: it may be copied, as closed as it is.
   */
  private static List<String> carriesAway(Path target, Swap swap) throws IOException {
    boolean linked = swap.name().endsWith("HARD_LINK");
    List<String> found = new ArrayList<>();
    Files.walkFileTree(
        target,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes facts)
              throws IOException {
            if (linked && facts.isRegularFile() && closed(file)) {
              return FileVisitResult.CONTINUE;
            }
            String contents =
                facts.isSymbolicLink()
                    ? Files.readSymbolicLink(file).toString()
                    : Files.readString(file);
            Stream.of(file.getFileName().toString(), contents)
                .filter(text -> text.contains(SECRET) || text.equals("only-outside"))
                .forEach(text -> found.add(file + ": " + text));
            return FileVisitResult.CONTINUE;
          }
        });
    return found;
  }

  private static boolean closed(Path file) throws IOException {
    return Files.getPosixFilePermissions(file).equals(CLOSED);
  }

  private static void shell(String... command) {
    Operation.quiet("test", o -> new ProcessRunner().runOk(Command.of(command), o));
  }
}
