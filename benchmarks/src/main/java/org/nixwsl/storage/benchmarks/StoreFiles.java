package org.nixwsl.storage.benchmarks;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.HashSet;
import java.util.Locale;
import java.util.Set;
import org.nixwsl.storage.store.NixStore;

/**
 * How much there is in a store.
 *
 * @param files names that are not directories, {@code .links} not counted
 * @param bytes the sum of the sizes of these files, hard links counted each time
 * @param inodes distinct inodes in all of the store and its state
 * @param diskBytes what they take in blocks of 4 KiB
 */
record StoreFiles(long files, long bytes, long inodes, long diskBytes) {
  private static final int BLOCK = 4096;

  /** Counts, and reads every file once so that all of it is cached if memory allows. */
  static StoreFiles readAll(NixStore store) throws IOException {
    Reading reading = new Reading(store.storeDirectory());
    Files.walkFileTree(store.directory(), reading);
    return new StoreFiles(reading.files, reading.bytes, reading.seen.size(), reading.diskBytes);
  }

  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "%d files, %.0f MB; %d inodes, %.0f MB on the disk",
        files,
        bytes / 1e6,
        inodes,
        diskBytes / 1e6);
  }

  private static final class Reading extends SimpleFileVisitor<Path> {
    private final Path storeDirectory;
    private final Set<Object> seen = new HashSet<>();
    private final ByteBuffer buffer = ByteBuffer.allocate(1 << 18);
    private long files;
    private long bytes;
    private long diskBytes;

    private Reading(Path storeDirectory) {
      this.storeDirectory = storeDirectory;
    }

    @Override
    public FileVisitResult preVisitDirectory(Path directory, BasicFileAttributes attributes)
        throws IOException {
      first(directory, attributes);
      return FileVisitResult.CONTINUE;
    }

    @Override
    public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
      boolean link =
          file.startsWith(storeDirectory)
              && file.getName(storeDirectory.getNameCount()).toString().equals(".links");
      if (!link) {
        files++;
        bytes += attributes.isRegularFile() ? attributes.size() : 0;
      }
      if (first(file, attributes) && attributes.isRegularFile()) {
        try (SeekableByteChannel channel = Files.newByteChannel(file)) {
          while (channel.read(buffer.clear()) >= 0) {
            // The bytes themselves are of no interest.
          }
        }
      }
      return FileVisitResult.CONTINUE;
    }

    private boolean first(Path file, BasicFileAttributes attributes) throws IOException {
      Object inode = Files.getAttribute(file, "unix:ino", LinkOption.NOFOLLOW_LINKS);
      if (!seen.add(inode)) {
        return false;
      }
      diskBytes += (attributes.size() + BLOCK - 1) / BLOCK * BLOCK;
      return true;
    }
  }
}
