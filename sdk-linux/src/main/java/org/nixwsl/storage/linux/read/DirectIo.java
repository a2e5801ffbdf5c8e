package org.nixwsl.storage.linux.read;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.LinkOption;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Files opened with {@code O_DIRECT}: what is read comes from the device, see open(2). */
public final class DirectIo {
  /** The greatest logical sector of disks, and the page: suits every file system here. */
  static final int ALIGNMENT = 4096;

  private static final Set<OpenOption> CACHED =
      Set.of(StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS);
  private static final Set<OpenOption> DIRECT =
      Stream.concat(CACHED.stream(), directOption()).collect(Collectors.toUnmodifiableSet());

  private DirectIo() {}

  /**
   * Whether the file system can be read past the cache.
   *
   * @param file a file on it that is not empty
   */
  public static boolean possible(Path file) {
    if (DIRECT.equals(CACHED)) {
      return false;
    }
    try (FileChannel channel = open(file)) {
      return channel.read(buffer(ALIGNMENT)) > 0;
    } catch (IOException | UnsupportedOperationException cannot) {
      return false;
    }
  }

  /** Opens a file, no symlink, to read it past the cache. */
  static FileChannel open(Path file) throws IOException {
    return FileChannel.open(file, DIRECT);
  }

  /** Opens a file, no symlink, to read it through the cache. */
  static FileChannel openCached(Path file) throws IOException {
    return FileChannel.open(file, CACHED);
  }

  /** A buffer that can be read into past the cache; its length is a multiple of the alignment. */
  static ByteBuffer buffer(int length) {
    return ByteBuffer.allocateDirect(length + ALIGNMENT)
        .alignedSlice(ALIGNMENT)
        .limit(length)
        .slice();
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
}
