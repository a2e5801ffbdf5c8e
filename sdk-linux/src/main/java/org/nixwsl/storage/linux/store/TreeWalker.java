package org.nixwsl.storage.linux.store;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.LongConsumer;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.nar.NarDigest;
import org.nixwsl.storage.core.nar.NarHash;
import org.nixwsl.storage.core.nar.NarSize;
import org.nixwsl.storage.core.nar.NarStream;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.linux.read.FileReader;

/**
 * Goes through one store path after another and makes the NAR of each go by: one {@code lstat} for
 * each name, one open and as few reads as possible for each file, and no symlink is ever followed
 * below the top. It keeps no more than the names of the directories on the way down.
 *
 * <p>Not thread-safe: each thread has its own, and uses it again for the next path. Listings are
 * closed before it goes down, so that it holds at most one file open.
 *
 * <p>A file that is exchanged for a FIFO between the look at it and the opening would block: Java
 * cannot open without waiting. Only the owner of a store can do that to it.
 */
public final class TreeWalker {
  /** What Nix from 2.28.7 and its branches accept; below it a path is odd but not damaged. */
  public static final int NIX_DEPTH = 64;

  /** Names in a path of {@code PATH_MAX} 4096 bytes are fewer: nothing that exists is refused. */
  private static final int MAX_DEPTH = 4096;

  /** Names held at once on the way down, some 100 bytes each; a bound for hostile trees only. */
  private static final long MAX_PENDING_NAMES = 4_000_000;

  private final FileReader reader;
  private final NarDigest digest = new NarDigest();

  /** A walker with its own buffers, under a megabyte; large files do not go into the page cache. */
  public TreeWalker() {
    this(FileReader.Cache.SPARED);
  }

  /** A walker that uses so much of the page cache. */
  public TreeWalker(FileReader.Cache cache) {
    this.reader = new FileReader(cache);
  }

  /**
   * What a walk saw.
   *
   * @param hash the hash of the NAR; empty when no contents were read
   * @param narSize the length of the NAR in bytes
   * @param files names that are not directories
   * @param depth how deep the deepest name lies; 0 when the path is no directory
   */
  public record Walk(Optional<NarHash> hash, long narSize, long files, int depth) {}

  /**
   * Reads all of a store path.
   *
   * @param top the store path on disk
   * @param sink is told of each node
   * @param operation asked for cancellation for every name and every piece of a file
   * @param bytesRead is told of contents that were read, in pieces
   * @throws UnreadableException if the tree could not be read to its end
   * @throws IOException only what the sink threw
   */
  public Walk walk(Path top, TreeSink sink, Operation operation, LongConsumer bytesRead)
      throws IOException, UnreadableException {
    digest.reset();
    Walking walking = new Walking(digest, sink, operation, bytesRead);
    walking.run(top);
    return walking.result(Optional.of(digest.finish()));
  }

  /** Like {@link #walk}, but opens no file that the sink does not want: it gives no hash. */
  public Walk measure(Path top, TreeSink sink, Operation operation)
      throws IOException, UnreadableException {
    Walking walking = new Walking(new NarSize(), sink, operation, bytes -> {});
    walking.run(top);
    return walking.result(Optional.empty());
  }

  /** A directory on the way down. */
  private static final class Frame {
    final Path directory;
    final FileFacts facts;
    final List<Path> children;
    int next;

    Frame(Path directory, FileFacts facts, List<Path> children) {
      this.directory = directory;
      this.facts = facts;
      this.children = children;
    }
  }

  private final class Walking {
    private final NarStream nar;
    private final TreeSink sink;
    private final Operation operation;
    private final LongConsumer bytesRead;
    private final Deque<Frame> stack = new ArrayDeque<>();
    private long pendingNames;
    private long files;
    private int depth;

    Walking(NarStream nar, TreeSink sink, Operation operation, LongConsumer bytesRead) {
      this.nar = nar;
      this.sink = sink;
      this.operation = operation;
      this.bytesRead = bytesRead;
    }

    Walk result(Optional<NarHash> hash) {
      return new Walk(hash, nar.size(), files, depth);
    }

    void run(Path top) throws IOException, UnreadableException {
      node(top);
      while (!stack.isEmpty()) {
        Frame frame = stack.element();
        if (frame.next == frame.children.size()) {
          stack.remove();
          pendingNames -= frame.children.size();
          sink.leaveDirectory(frame.directory, frame.facts);
          nar.endDirectory();
          if (!stack.isEmpty()) {
            nar.endEntry();
          }
          continue;
        }
        Path child = frame.children.get(frame.next++);
        entry(child);
        if (!node(child)) {
          nar.endEntry();
        }
      }
    }

    /** A damaged or odd file system lists a name twice, or one that is too long for a NAR. */
    private void entry(Path child) throws UnreadableException {
      try {
        nar.entry(PathBytes.ofName(child));
      } catch (IllegalArgumentException e) {
        throw new UnreadableException(PathBytes.printable(child) + ": " + e.getMessage(), false, e);
      }
    }

    /** Deals with one name; true when it is a directory, which is now on the stack. */
    private boolean node(Path path) throws IOException, UnreadableException {
      operation.checkCancelled();
      FileFacts facts = factsOf(path);
      if (facts.directory()) {
        List<Path> children = list(path);
        nar.directory();
        sink.enterDirectory(path, facts);
        stack.push(new Frame(path, facts, children));
        return true;
      }
      files++;
      if (facts.regular()) {
        regular(path, facts);
      } else if (facts.symlink()) {
        symlink(path, facts);
      } else {
        throw new UnreadableException(
            "unsupported type: " + PathBytes.printable(path) + " is a " + facts.typeName());
      }
      return false;
    }

    private FileFacts factsOf(Path path) throws UnreadableException {
      try {
        return FileFacts.of(path);
      } catch (IOException e) {
        throw unreadable(path, e);
      }
    }

    private List<Path> list(Path directory) throws UnreadableException {
      if (stack.size() >= MAX_DEPTH) {
        throw new UnreadableException("deeper than " + MAX_DEPTH + " directories");
      }
      List<Path> children = new ArrayList<>();
      try (DirectoryStream<Path> stream = Files.newDirectoryStream(directory)) {
        for (Path child : stream) {
          if (++pendingNames > MAX_PENDING_NAMES) {
            throw new UnreadableException("more than " + MAX_PENDING_NAMES + " names to hold");
          }
          children.add(child);
        }
      } catch (DirectoryIteratorException e) {
        throw unreadable(directory, Objects.requireNonNull(e.getCause()));
      } catch (IOException e) {
        throw unreadable(directory, e);
      }
      // Siblings differ in their names alone, and paths compare by unsigned bytes: the NAR's order.
      children.sort(null);
      if (!children.isEmpty()) {
        depth = Math.max(depth, stack.size() + 1);
      }
      return children;
    }

    private void symlink(Path path, FileFacts facts) throws IOException, UnreadableException {
      Path target;
      try {
        target = Files.readSymbolicLink(path);
      } catch (IOException e) {
        throw unreadable(path, e);
      }
      try {
        nar.symlink(PathBytes.of(target));
      } catch (IllegalArgumentException e) {
        throw new UnreadableException(PathBytes.printable(path) + ": " + e.getMessage(), false, e);
      }
      sink.symlink(path, target, facts);
    }

    private void regular(Path path, FileFacts facts) throws IOException, UnreadableException {
      nar.regular(facts.executable(), facts.size());
      Optional<TreeSink.FileSink> out = sink.regular(path, facts);
      try (TreeSink.FileSink closing = out.orElse(null)) {
        if (facts.size() > 0 && (nar.wantsContents() || closing != null)) {
          contents(path, facts.size(), out);
        }
      }
      nar.endRegular();
    }

    private void contents(Path path, long size, Optional<TreeSink.FileSink> out)
        throws IOException, UnreadableException {
      try (Source source = new Source(path, size)) {
        long left = size;
        while (left > 0) {
          ByteBuffer piece = source.read(left);
          int read = piece.remaining();
          if (read == 0 || read > left) {
            throw new UnreadableException(
                "the file "
                    + PathBytes.printable(path)
                    + (read == 0 ? " became shorter" : " grew")
                    + " while it was read");
          }
          left -= read;
          if (out.isPresent()) {
            out.get().write(piece);
            piece.rewind();
          }
          nar.content(piece);
          bytesRead.accept(read);
          operation.checkCancelled();
        }
      }
    }

    /** Turns what reading throws into findings, so that it cannot be taken for the sink's. */
    private final class Source implements AutoCloseable {
      private final Path path;
      private final FileReader.Contents contents;

      Source(Path path, long size) throws UnreadableException {
        this.path = path;
        try {
          contents = reader.open(path, size);
        } catch (IOException e) {
          throw unreadable(path, e);
        }
      }

      ByteBuffer read(long left) throws UnreadableException {
        try {
          return contents.read(left);
        } catch (IOException e) {
          throw unreadable(path, e);
        }
      }

      @Override
      public void close() throws UnreadableException {
        try {
          contents.close();
        } catch (IOException e) {
          throw unreadable(path, e);
        }
      }
    }

    /** An interrupted read looks like an input error; the operation knows better. */
    private UnreadableException unreadable(Path path, IOException e) {
      operation.checkCancelled();
      String reason =
          e instanceof FileSystemException f && f.getReason() != null
              ? f.getReason()
              : e instanceof NoSuchFileException
                  ? "no such file"
                  : e.getMessage() != null ? e.getMessage() : e.getClass().getSimpleName();
      return new UnreadableException(
          PathBytes.printable(path) + ": " + reason, e instanceof NoSuchFileException, e);
    }
  }
}
