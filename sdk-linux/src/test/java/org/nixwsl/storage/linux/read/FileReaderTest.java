package org.nixwsl.storage.linux.read;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nixwsl.storage.core.process.Command;
import org.nixwsl.storage.core.process.ProcessRunner;
import org.nixwsl.storage.core.run.Operation;

/** What is read, and what of it is in the page cache afterwards, as fincore sees it. */
@Tag("once")
class FileReaderTest {
  private static final int MEBIBYTE = 1 << 20;

  @TempDir Path directory;

  @BeforeEach
  void needsAFileSystemThatCanBeReadPastTheCache() throws IOException {
    assumeTrue(
        DirectIo.possible(Files.write(directory.resolve("probe"), new byte[1])),
        "skipped: the file system of " + directory + " cannot be read past the cache");
  }

  @ParameterizedTest
  @EnumSource
  void givesTheBytesOfTheFileWhateverIsCached(FileReader.Cache cache) throws IOException {
    FileReader reader = new FileReader(cache);
    int[] sizes = {1, 4095, 4096, 4097, 131_071, 131_072, 131_073, 524_288, 528_384, 1_048_577};
    for (int size : sizes) {
      byte[] bytes = new byte[size];
      new Random(size).nextBytes(bytes);
      Path file = onTheDevice(bytes);
      assertThat(read(reader, file, size)).as("%d bytes, cached", size).isEqualTo(bytes);
      evict(file);
      assertThat(read(reader, file, size)).as("%d bytes, not cached", size).isEqualTo(bytes);
      assertThat(read(reader, file, size)).as("%d bytes, once more", size).isEqualTo(bytes);
    }
  }

  @Test
  void keepsALargeFileOutOfTheCacheThatItWasNotIn() throws IOException {
    Path file = onTheDevice(new byte[3 * MEBIBYTE]);
    evict(file);
    read(new FileReader(FileReader.Cache.SPARED), file, 3 * MEBIBYTE);
    assertThat(cached(file)).as("the first page, and what is read ahead of it").isLessThan(262_144);
    assertThatOnce(
        () -> {
          read(new FileReader(FileReader.Cache.USED), file, 3 * MEBIBYTE);
          return cached(file) == 3 * MEBIBYTE;
        });
  }

  @Test
  void takesFromTheCacheWhatItHas() throws IOException {
    Path file = onTheDevice(new byte[3 * MEBIBYTE]);
    assertThatOnce(
        () -> {
          read(new FileReader(FileReader.Cache.USED), file, 3 * MEBIBYTE);
          long before = ThreadIo.bytesFromDevices();
          read(new FileReader(FileReader.Cache.SPARED), file, 3 * MEBIBYTE);
          return ThreadIo.bytesFromDevices() == before;
        });
    long before = ThreadIo.bytesFromDevices();
    read(new FileReader(FileReader.Cache.AVOIDED), file, 3 * MEBIBYTE);
    assertThat(ThreadIo.bytesFromDevices()).isEqualTo(before + 3 * MEBIBYTE);
  }

  private interface Look {
    boolean asExpected() throws IOException;
  }

  /** Other tests drop the caches of the machine, at any moment; not at each of so many. */
  private static void assertThatOnce(Look look) throws IOException {
    boolean seen = false;
    for (int i = 0; i < 20 && !seen; i++) {
      seen = look.asExpected();
    }
    assertThat(seen).isTrue();
  }

  private static byte[] read(FileReader reader, Path file, int size) throws IOException {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    try (FileReader.Contents contents = reader.open(file, size)) {
      for (ByteBuffer piece = contents.read(size);
          piece.hasRemaining();
          piece = contents.read(size - all.size())) {
        byte[] bytes = new byte[piece.remaining()];
        piece.get(bytes);
        all.writeBytes(bytes);
        if (all.size() == size) {
          return all.toByteArray();
        }
      }
    }
    throw new AssertionError("only " + all.size() + " bytes came of " + size);
  }

  private Path onTheDevice(byte[] bytes) throws IOException {
    Path file = Files.write(directory.resolve("file" + bytes.length), bytes);
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.force(true);
    }
    return file;
  }

  /** With no data to copy, dd advises the kernel about the whole file. */
  private static void evict(Path file) throws IOException {
    run("dd", "if=" + file, "iflag=nocache", "count=0", "status=none");
    assertThat(cached(file)).as("bytes of %s in the cache", file).isZero();
  }

  private static long cached(Path file) throws IOException {
    return Long.parseLong(
        run("fincore", "--bytes", "--noheadings", "--output", "RES", file.toString()));
  }

  private static String run(String... command) {
    StringBuilder out = new StringBuilder();
    Operation.quiet(
        "test",
        operation ->
            out.append(new ProcessRunner().runOk(Command.of(command), operation).text().strip()));
    return out.toString();
  }
}
