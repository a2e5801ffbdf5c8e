package org.nixwsl.storage.linux.copy.share;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.linux.store.FileFacts;
import org.nixwsl.storage.linux.store.TreeSink;

/**
 * Finds files of another store that may be identical to those of one tree, while that tree is gone
 * through. A twin has the same type, mode, owner, group, time and size, as hard links share them;
 * that its contents are the same shows while they are compared. No symlink is followed below the
 * store directory. Used by one thread, for one tree.
 */
public final class Twins {
  private static final int BUFFER_BYTES = 64 << 10;

  private final OtherStore other;
  private final @Nullable Path top;
  private final Deque<Optional<Path>> directories = new ArrayDeque<>();
  private @Nullable ByteBuffer buffer;

  /**
   * Twins for one tree.
   *
   * @param top the same tree in the other store; null when it has none
   */
  Twins(OtherStore other, @Nullable Path top) {
    this.other = other;
    this.top = top;
  }

  /** No twin for anything. */
  public static Twins none() {
    return new Twins(OtherStore.none(), null);
  }

  /**
   * A link to a twin.
   *
   * @param file compares what is read from the source with the twin
   * @param first whether no link to that inode was made before
   */
  public record Linked(TreeSink.FileSink file, boolean first) {}

  /** The tree goes on below this directory of the source. */
  public void enterDirectory(Path source) throws IOException {
    directories.push(placeOf(source).filter(Twins::isDirectory));
  }

  /** The tree goes on beside the directory that was entered last. */
  public void leaveDirectory() {
    directories.pop();
  }

  /**
   * Makes a place a link to the twin of a file.
   *
   * @param linkName the file's name in the source's {@code .links}
   * @return empty if there is none, or it has all the links it can have; nothing is at the place
   *     then
   */
  public Optional<Linked> link(Path source, FileFacts facts, Optional<Path> linkName, Path place)
      throws IOException {
    for (Path twin : candidates(source, linkName)) {
      Optional<FileFacts> linked = linked(twin, facts, place);
      if (linked.isPresent()) {
        if (buffer == null) {
          buffer = ByteBuffer.allocateDirect(BUFFER_BYTES);
        }
        return Optional.of(
            new Linked(new ComparedFile(place, twin, buffer), other.count(linked.get())));
      }
    }
    return Optional.empty();
  }

  /**
   * Makes a place a link to the twin of a symlink.
   *
   * @param target what the symlink points to
   * @param linkName the symlink's name in the source's {@code .links}
   * @return whether no link to that inode was made before; empty as for {@link #link}
   */
  public Optional<Boolean> linkSymlink(
      Path source, Path target, FileFacts facts, Optional<Path> linkName, Path place)
      throws IOException {
    for (Path twin : candidates(source, linkName)) {
      Optional<FileFacts> linked = linked(twin, facts, place);
      if (linked.isPresent()) {
        if (Files.readSymbolicLink(place).equals(target)) {
          return Optional.of(other.count(linked.get()));
        }
        Files.delete(place);
      }
    }
    return Optional.empty();
  }

  private Iterable<Path> candidates(Path source, Optional<Path> linkName) {
    return Stream.concat(linkName.flatMap(other::inLinks).stream(), placeOf(source).stream())
        .toList();
  }

  private Optional<Path> placeOf(Path source) {
    Optional<Path> directory = directories.peek();
    Path name = source.getFileName();
    return directory == null || name == null
        ? Optional.ofNullable(top)
        : directory.map(above -> above.resolve(name));
  }

  private Optional<FileFacts> linked(Path twin, FileFacts facts, Path place) throws IOException {
    Optional<FileFacts> there = look(twin);
    if (there.isEmpty() || !isLike(there.get(), facts)) {
      return Optional.empty();
    }
    try {
      Files.createLink(place, twin);
    } catch (FileAlreadyExistsException e) {
      throw e;
    } catch (FileSystemException tooManyLinksOrGoneOrNotAllowed) {
      return Optional.empty();
    }
    // The name may have been given to another file between the look and the link.
    FileFacts made = FileFacts.of(place);
    if (made.inode() != there.get().inode() || !isLike(made, facts)) {
      Files.delete(place);
      return Optional.empty();
    }
    return there;
  }

  private boolean isLike(FileFacts twin, FileFacts facts) {
    return other.carries(twin)
        && twin.mode() == facts.mode()
        && twin.uid() == facts.uid()
        && twin.gid() == facts.gid()
        && twin.size() == facts.size()
        && twin.modified().equals(facts.modified());
  }

  private static boolean isDirectory(Path path) {
    return look(path).map(FileFacts::directory).orElse(false);
  }

  /** Whatever cannot be looked at in the other store is as good as absent. */
  private static Optional<FileFacts> look(Path path) {
    try {
      return Optional.of(FileFacts.of(path));
    } catch (IOException notThere) {
      return Optional.empty();
    }
  }
}
