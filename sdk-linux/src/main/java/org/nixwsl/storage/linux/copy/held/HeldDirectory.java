package org.nixwsl.storage.linux.copy.held;

import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.NotLinkException;
import java.nio.file.Path;
import java.nio.file.SecureDirectoryStream;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributeView;
import java.util.Iterator;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.nixwsl.storage.core.io.Caller;
import org.nixwsl.storage.linux.store.FileFacts;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A directory that is open. Whatever its owner puts in its place, everything here is about the
 * directory that was looked at and about the names in it; no symlink is followed. Each opening is
 * compared with the look before it, so that the facts and the contents are of one file.
 *
 * <p>{@link SecureDirectoryStream} lists an open directory, but cannot read a symlink in it, nor
 * tell numeric owners. For these the directory is reached by its number below {@code
 * /proc/self/fd}, which leads to the open directory itself (proc(5)). The number is found by
 * comparing, and compared again after each use.
 *
 * <p>Not thread-safe. Whoever opened it closes it.
 */
public final class HeldDirectory implements Closeable {
  private static final Logger LOG = LoggerFactory.getLogger(HeldDirectory.class);
  private static final Path OPEN_FILES = Path.of("/proc/self/fd");
  private static final int WRITABLE_BY_OTHERS = 0022;
  private static final int FIFO = 0010000;
  private static final int TYPE = 0170000;
  private static final Path ITSELF = Path.of(".");

  private final SecureDirectoryStream<Path> stream;
  private final Path shown;
  private final FileFacts seen;
  private final Path anchor;
  private final boolean othersMayWrite;
  private final Checkpoint checkpoint;

  private HeldDirectory(
      SecureDirectoryStream<Path> stream,
      Path shown,
      FileFacts seen,
      Path anchor,
      Checkpoint checkpoint)
      throws IOException {
    this.stream = stream;
    this.shown = shown;
    this.seen = seen;
    this.anchor = anchor;
    this.checkpoint = checkpoint;
    // An entry of an access list that lets others write shows in the bits of the group (acl(5)).
    this.othersMayWrite =
        (seen.uid() != Caller.ROOT && seen.uid() != Caller.uid())
            || (seen.permissions() & WRITABLE_BY_OTHERS) != 0;
  }

  /**
   * Opens a directory whose name nobody else can change.
   *
   * @param checkpoint asked between any two steps here and in what is opened from here
   */
  @SuppressWarnings("StreamResourceLeak") // what is returned closes it
  public static HeldDirectory open(Path directory, Checkpoint checkpoint) throws IOException {
    FileFacts seen = FileFacts.of(directory);
    if (!seen.directory()) {
      throw new NotDirectoryException(directory.toString());
    }
    return held(Files.newDirectoryStream(directory), directory, seen, checkpoint);
  }

  /**
   * Opens a directory in this one.
   *
   * @param seen what {@link #look} said of it
   * @throws ChangedException if the name stands for something else now
   */
  public HeldDirectory enter(Path name, FileFacts seen) throws IOException {
    Path inside = shown.resolve(name);
    checkpoint.pass();
    return held(opened(name, () -> openDirectory(name)), inside, seen, checkpoint);
  }

  /** The names in it, in the order of the file system; once. */
  public Names names() {
    return new Names(stream.iterator());
  }

  /** The names of one listing, without any path before them. */
  public static final class Names {
    private final Iterator<Path> paths;

    private Names(Iterator<Path> paths) {
      this.paths = paths;
    }

    /** The next name; empty after the last. */
    public Optional<Path> next() throws IOException {
      try {
        return paths.hasNext() ? Optional.of(paths.next().getFileName()) : Optional.empty();
      } catch (DirectoryIteratorException e) {
        throw Objects.requireNonNull(e.getCause());
      }
    }
  }

  /**
   * What a name in it stands for.
   *
   * @throws ChangedException if the name is gone
   */
  public FileFacts look(Path name) throws IOException {
    checkpoint.pass();
    try {
      FileFacts facts = FileFacts.of(anchor.resolve(name));
      checkAnchor();
      return facts;
    } catch (NoSuchFileException e) {
      throw new ChangedException(shown.resolve(name), "vanished", e);
    }
  }

  /** What the directory itself is by now. */
  public FileFacts look() throws IOException {
    return look(ITSELF);
  }

  /**
   * Where a symlink in it points to.
   *
   * @param seen what {@link #look} said of it
   * @throws ChangedException if the name stands for something else now
   */
  public Path readSymbolicLink(Path name, FileFacts seen) throws IOException {
    checkpoint.pass();
    Path target;
    try {
      target = Files.readSymbolicLink(anchor.resolve(name));
    } catch (NoSuchFileException | NotLinkException e) {
      throw new ChangedException(shown.resolve(name), "is no symlink any more", e);
    }
    if (!sameFile(look(name), seen)) {
      throw replaced(name);
    }
    return target;
  }

  /**
   * Opens a regular file in it for reading.
   *
   * @param seen what {@link #look} said of it
   * @throws ChangedException if the name stands for something else now
   */
  public SeekableByteChannel openFile(Path name, FileFacts seen) throws IOException {
    checkpoint.pass();
    SeekableByteChannel channel =
        opened(
            name,
            () ->
                Files.newByteChannel(
                    anchor.resolve(name), StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS));
    boolean same = false;
    try {
      checkpoint.pass();
      // No call of Java tells what a channel has open; the kernel lists it.
      same = seen.regular() && channel.size() == seen.size() && anchorOf(seen) != null;
    } finally {
      if (!same) {
        channel.close();
      }
    }
    if (!same) {
      throw replaced(name);
    }
    return channel;
  }

  @Override
  public void close() throws IOException {
    stream.close();
  }

  private static HeldDirectory held(
      DirectoryStream<Path> opened, Path shown, FileFacts seen, Checkpoint checkpoint)
      throws IOException {
    boolean kept = false;
    try {
      SecureDirectoryStream<Path> secure = secure(opened);
      checkpoint.pass();
      Path anchor = anchorOf(seen);
      if (anchor == null || !key(secure).equals(Files.getAttribute(anchor, "unix:fileKey"))) {
        throw new ChangedException(shown, "was replaced while it was opened");
      }
      HeldDirectory held = new HeldDirectory(secure, shown, seen, anchor, checkpoint);
      kept = true;
      return held;
    } finally {
      if (!kept) {
        opened.close();
      }
    }
  }

  private static Object key(SecureDirectoryStream<Path> stream) throws IOException {
    return Objects.requireNonNull(
        stream.getFileAttributeView(BasicFileAttributeView.class).readAttributes().fileKey());
  }

  /** The name below {@code /proc/self/fd} of a file that this process has open. */
  private static @Nullable Path anchorOf(FileFacts file) throws IOException {
    try (DirectoryStream<Path> open = Files.newDirectoryStream(OPEN_FILES)) {
      for (Path candidate : open) {
        if (leadsTo(candidate, file)) {
          return candidate;
        }
      }
      return null;
    } catch (DirectoryIteratorException e) {
      throw Objects.requireNonNull(e.getCause());
    }
  }

  private static boolean leadsTo(Path openFile, FileFacts file) {
    try {
      Map<String, Object> there = Files.readAttributes(openFile, "unix:dev,ino");
      return Long.valueOf(file.device()).equals(there.get("dev"))
          && Long.valueOf(file.inode()).equals(there.get("ino"));
    } catch (IOException closedMeanwhile) {
      return false;
    }
  }

  /** The number may have belonged to another part of the program, which closed it. */
  private void checkAnchor() throws ChangedException {
    if (!leadsTo(anchor, seen)) {
      throw new ChangedException(shown, "was closed by another thread of this program");
    }
  }

  private <T extends Closeable> T opened(Path name, PatientOpen.Opening<T> opening)
      throws IOException {
    @Nullable T opened;
    try {
      opened =
          othersMayWrite
              ? PatientOpen.open(opening, () -> isFifo(name), checkpoint)
              : opening.open();
    } catch (NoSuchFileException | NotDirectoryException e) {
      throw new ChangedException(shown.resolve(name), "vanished or was replaced", e);
    } catch (AccessDeniedException e) {
      throw e;
    } catch (IOException e) {
      // Such as a symlink now, which is not followed and has no exception of its own.
      if (othersMayWrite) {
        throw new ChangedException(
            shown.resolve(name), "could not be opened after it was looked at", e);
      }
      throw e;
    }
    if (opened == null) {
      release(name);
      throw replaced(name);
    }
    return opened;
  }

  /**
   * Through a stream of its own: a stream that is asked for an opening cannot be closed until that
   * has come to its end, which a FIFO puts off for ever.
   */
  private SecureDirectoryStream<Path> openDirectory(Path name) throws IOException {
    try (DirectoryStream<Path> again = Files.newDirectoryStream(anchor)) {
      return secure(again).newDirectoryStream(name, LinkOption.NOFOLLOW_LINKS);
    }
  }

  private static SecureDirectoryStream<Path> secure(DirectoryStream<Path> opened)
      throws IOException {
    if (opened instanceof SecureDirectoryStream<Path> secure) {
      return secure;
    }
    throw new IOException("This system cannot open files relative to an open directory");
  }

  private boolean isFifo(Path name) throws IOException {
    return (FileFacts.of(anchor.resolve(name)).mode() & TYPE) == FIFO;
  }

  /** Whoever opens a FIFO both ways does not wait, and ends the wait of those who read. */
  private void release(Path name) {
    try {
      Files.newByteChannel(
              anchor.resolve(name),
              StandardOpenOption.READ,
              StandardOpenOption.WRITE,
              LinkOption.NOFOLLOW_LINKS)
          .close();
    } catch (IOException e) {
      LOG.debug("the thread that opens {} in {} is left waiting", name, shown, e);
    }
  }

  /** The finding that a name in it does not stand any more for what was looked at. */
  public ChangedException replaced(Path name) {
    return new ChangedException(shown.resolve(name), "was replaced while it was read");
  }

  private static boolean sameFile(FileFacts a, FileFacts b) {
    return a.inode() == b.inode() && a.device() == b.device() && a.changed().equals(b.changed());
  }
}
