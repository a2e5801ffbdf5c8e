package org.nixwsl.storage.linux.copy.proof;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.LinkOption;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.Set;
import java.util.function.LongConsumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.nixwsl.storage.core.io.PathBytes;
import org.nixwsl.storage.core.nar.NarDigest;
import org.nixwsl.storage.core.nar.NarHash;
import org.nixwsl.storage.core.run.Operation;
import org.nixwsl.storage.linux.store.FileFacts;
import org.nixwsl.storage.linux.store.TreeSink;
import org.nixwsl.storage.linux.store.TreeWalker;
import org.nixwsl.storage.linux.store.UnreadableException;

/**
 * Hashes store paths from what the device gives, not from what the page cache remembers of the
 * writing. Not thread-safe: each thread has its own.
 */
public final class DeviceHasher {
  private static final int BUFFER_BYTES = 512 << 10;

  /** The greatest logical sector of disks, and the page: suits every file system here. */
  private static final int ALIGNMENT = 4096;

  private static final Set<OpenOption> CACHED =
      Set.of(StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS);
  private static final Set<OpenOption> DIRECT =
      Stream.concat(CACHED.stream(), directOption()).collect(Collectors.toUnmodifiableSet());

  private final Set<OpenOption> options;
  private final ByteBuffer buffer =
      ByteBuffer.allocateDirect(BUFFER_BYTES + ALIGNMENT).alignedSlice(ALIGNMENT);
  private final TreeWalker walker = new TreeWalker();
  private final NarDigest digest = new NarDigest();

  /**
   * A hasher with buffers of its own, under a megabyte.
   *
   * @param direct whether to read past the cache; {@link #direct} tells where that is possible
   */
  public DeviceHasher(boolean direct) {
    this.options = direct ? DIRECT : CACHED;
  }

  /**
   * Whether the file system can be read past the cache.
   *
   * @param file a file on it that is not empty
   */
  public static boolean direct(Path file) {
    if (DIRECT.equals(CACHED)) {
      return false;
    }
    ByteBuffer probe = ByteBuffer.allocateDirect(2 * ALIGNMENT).alignedSlice(ALIGNMENT);
    try (FileChannel channel = FileChannel.open(file, DIRECT)) {
      return channel.read(probe.limit(ALIGNMENT)) > 0;
    } catch (IOException | UnsupportedOperationException cannot) {
      return false;
    }
  }

  /**
   * O_DIRECT has no name in java.nio. The one that the module jdk.unsupported exports is taken by
   * name, because javac 25 warns of its use in a way that cannot be silenced.
   */
  private static Stream<OpenOption> directOption() {
    try {
      Object[] options = Class.forName("com.sun.nio.file.ExtendedOpenOption").getEnumConstants();
      return Stream.of(options)
          .filter(option -> option.toString().equals("DIRECT"))
          .map(OpenOption.class::cast);
    } catch (ClassNotFoundException anotherJdk) {
      return Stream.empty();
    }
  }

  /**
   * Hashes one tree.
   *
   * @param bytesRead is told of contents that were read, in pieces
   * @throws UnreadableException if a name could not be looked at
   * @throws IOException if a file could not be read
   */
  public NarHash hash(Path top, Operation operation, LongConsumer bytesRead)
      throws IOException, UnreadableException {
    digest.reset();
    walker.measure(top, new Hashing(top, operation, bytesRead), operation);
    return digest.finish();
  }

  /** Makes the NAR go by. The walker does not open a file that its sink does not want. */
  private final class Hashing implements TreeSink {
    private final Path top;
    private final Operation operation;
    private final LongConsumer bytesRead;

    Hashing(Path top, Operation operation, LongConsumer bytesRead) {
      this.top = top;
      this.operation = operation;
      this.bytesRead = bytesRead;
    }

    @Override
    public void enterDirectory(Path source, FileFacts facts) {
      begin(source);
      digest.directory();
    }

    @Override
    public void leaveDirectory(Path source, FileFacts facts) {
      digest.endDirectory();
      end(source);
    }

    @Override
    public void symlink(Path source, Path target, FileFacts facts) {
      begin(source);
      digest.symlink(PathBytes.of(target));
      end(source);
    }

    @Override
    public Optional<FileSink> regular(Path source, FileFacts facts) throws IOException {
      begin(source);
      digest.regular(facts.executable(), facts.size());
      if (facts.size() > 0) {
        contents(source, facts.size());
      }
      digest.endRegular();
      end(source);
      return Optional.empty();
    }

    private void contents(Path file, long size) throws IOException {
      try (FileChannel channel = FileChannel.open(file, options)) {
        long left = size;
        while (left > 0) {
          operation.checkCancelled();
          int read = channel.read(buffer.clear());
          if (read <= 0 || read > left) {
            throw new IOException(
                PathBytes.printable(file) + " has another length than its directory entry says");
          }
          left -= read;
          digest.content(buffer.flip());
          bytesRead.accept(read);
        }
      }
    }

    private void begin(Path node) {
      if (!node.equals(top)) {
        digest.entry(PathBytes.ofName(node));
      }
    }

    private void end(Path node) {
      if (!node.equals(top)) {
        digest.endEntry();
      }
    }
  }
}
